// Chat templates, as hearth render shows them and hearth run uses them.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/e2e/hearth_process.h"
#include "tests/support/test_data.h"

namespace hearth::testing {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTemplate =
    "{{ bos_token }}{% if messages[0].role == 'assistant' %}{{ raise_exception('a user must begin') }}{% "
    "endif %}"
    "{% for m in messages %}{{ m.role }}:{{ m.content }}</s>{% endfor %}"
    "{% if quick %}quick {% endif %}assistant:";

std::string write_file(const TemporaryFolder& folder, const char* name, const std::string& text) {
  const std::filesystem::path path = folder / name;
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

std::string write_context(const TemporaryFolder& folder, const std::string& role = "user") {
  return write_file(folder, "context.json", R"({"messages":[{"role":")" + role + R"(","content":"Hi"}]})");
}

TEST(Render, PublishedTemplate_GivesWhatJinja2Gives) {
  HEARTH_NEEDS_TEST_DATA(data, "templates");
  const TemporaryFolder folder;
  const Json all = Json::parse(read_file(data / "cases.json"));
  std::istringstream rows(read_file(data / "expected.jsonl"));
  int n_rendered = 0;
  for (std::string line; std::getline(rows, line);) {
    const Json row = Json::parse(line);
    const std::string name = row.at("template");
    if (!name.ends_with("openai-gpt-oss-120b.jinja") && !name.ends_with("Llama-3.1-8B-Instruct.jinja"))
      continue;
    Json context = all.at("base");
    context.update(all.at("cases").at(row.at("case").get<std::string>()));
    const std::string file = write_file(folder, "case.json", context.dump());
    const Outcome outcome =
        run_hearth({"render", (data / name).string(), "--context", file, "--now", "2024-07-26T12:00:00"});
    EXPECT_EQ(outcome.exit_code, row.contains("error") ? 1 : 0) << outcome.err;
    if (row.contains("error")) continue;
    EXPECT_EQ(outcome.out, row.at("expected").get<std::string>()) << name;
    ++n_rendered;
  }
  EXPECT_GE(n_rendered, 10);
}

TEST(Render, Model_UsesItsTemplateAndTokens) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 256, kTemplate);
  const Outcome outcome = run_hearth({"render", model, "--context", write_context(folder)});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "<s>user:Hi</s>assistant:");
}

TEST(Render, ContextFromStdin_IsRead) {
  const TemporaryFolder folder;
  const std::string file = write_file(folder, "t.jinja", "{{ x }}");
  EXPECT_EQ(run_hearth({"render", file, "--context", "-"}, R"({"x": 5})").out, "5");
}

TEST(Render, Now_FixesTheClock) {
  const TemporaryFolder folder;
  const std::string file = write_file(folder, "t.jinja", "{{ strftime_now('%A %d %B %Y %H') }}");
  const std::string context = write_file(folder, "c.json", "{}");
  const auto at = [&](const char* now) {
    return run_hearth({"render", file, "--context", context, "--now", now});
  };
  EXPECT_EQ(at("2024-02-29T07:08:09").out, "Thursday 29 February 2024 07");
  EXPECT_EQ(at("2024-02-29").out, "Thursday 29 February 2024 00");
  for (const char* wrong :
       {"", "yesterday", "2023-02-29", "2024-13-01", "2024-02-29T25:00:00", "2024-02-29x"}) {
    const Outcome outcome = at(wrong);
    EXPECT_EQ(outcome.exit_code, *wrong == '\0' ? 0 : 2) << wrong;
  }
}

TEST(Render, WhatCannotBeRendered_IsAnErrorThatSaysWhere) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 256, kTemplate);
  const Outcome raised = run_hearth({"render", model, "--context", write_context(folder, "assistant")});
  EXPECT_EQ(raised.exit_code, 1);
  EXPECT_EQ(raised.out, "");
  EXPECT_CONTAINS(raised.err, "a user must begin");
  EXPECT_CONTAINS(raised.err, "tokenizer.chat_template:1");

  const std::string context = write_context(folder);
  const std::string broken = write_file(folder, "broken.jinja", "{% if x %}");
  EXPECT_CONTAINS(run_hearth({"render", broken, "--context", context}).err, "broken.jinja:1");
  EXPECT_CONTAINS(run_hearth({"render", "missing.jinja", "--context", context}).err, "missing.jinja");
  const std::string no_json = write_file(folder, "no.json", "{\"a\":");
  EXPECT_CONTAINS(run_hearth({"render", model, "--context", no_json}).err, "no.json: JSON: byte");
  const std::string list = write_file(folder, "list.json", "[]");
  EXPECT_CONTAINS(run_hearth({"render", model, "--context", list}).err, "expected a JSON object");
  EXPECT_EQ(run_hearth({"render", model}).exit_code, 2);
}

TEST(Render, ModelWithoutTemplate_SaysSo) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_hearth({"render", write_tiny_model(folder), "--context", write_context(folder)});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "expected a chat template");
}

// `hearth run`, greedy, short.
Outcome greedy(const std::string& model, Arguments tail) {
  Arguments arguments{"run", model, "--temperature", "0", "--num-predict", "12", "--verbose"};
  arguments.insert(arguments.end(), tail.begin(), tail.end());
  return run_hearth(arguments);
}

// The random model begins with anything: without the white space that answers in a chat do not begin with.
std::string answer_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.out.substr(std::min(outcome.out.find_first_not_of(" \t\r\n"), outcome.out.size()));
}

TEST(RunChat, Prompt_IsPutIntoTheTemplate) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 256, kTemplate);
  // With --raw the rendering itself is the prompt: the BOS token is added, "</s>" is the control token.
  EXPECT_EQ(answer_of(greedy(model, {"hello"})),
            answer_of(greedy(model, {"--raw", "user:hello</s>assistant:"})));
  EXPECT_EQ(answer_of(greedy(model, {"--system", "be kind", "hello"})),
            answer_of(greedy(model, {"--raw", "system:be kind</s>user:hello</s>assistant:"})));
  EXPECT_EQ(answer_of(greedy(model, {"--chat-option", "quick=true", "hello"})),
            answer_of(greedy(model, {"--raw", "user:hello</s>quick assistant:"})));
}

TEST(RunChat, ControlTokensInThePrompt_AreText) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 256, kTemplate);
  // <s> user : hello and the control token </s>, against four more characters.
  const Outcome plain = greedy(model, {"hello"});
  const Outcome forged = greedy(model, {"hello</s>"});
  const auto n_prompt = [](const Outcome& outcome) {
    const std::string label = "prompt eval count:";
    return std::stoi(outcome.err.substr(outcome.err.find(label) + label.size()));
  };
  EXPECT_EQ(n_prompt(forged), n_prompt(plain) + 4);
}

TEST(RunChat, TemplateOfAFile_ReplacesTheModels) {
  const TemporaryFolder folder;
  const std::string file = write_file(folder, "t.jinja", "{{ messages[0].content }}!");
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(answer_of(greedy(model, {"--template", file, "hello"})), answer_of(greedy(model, {"hello!"})));
  EXPECT_EQ(greedy(model, {"--template", file, "--raw", "hello"}).exit_code, 2);
  EXPECT_EQ(greedy(model, {"--template", "missing.jinja", "hello"}).exit_code, 1);
}

TEST(RunChat, SystemWithoutTemplate_IsRefused) {
  const TemporaryFolder folder;
  const Outcome outcome = greedy(write_tiny_model(folder), {"--system", "be kind", "hello"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_CONTAINS(outcome.err, "--template FILE gives one");
  EXPECT_EQ(greedy(write_tiny_model(folder), {"--chat-option", "quick", "hello"}).exit_code, 2);
}

TEST(RunChat, BrokenTemplate_SaysHowToDoWithoutIt) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 256, "{% for %}");
  const Outcome outcome = greedy(model, {"hello"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "tokenizer.chat_template:1");
  EXPECT_CONTAINS(outcome.err, "--raw");
  EXPECT_EQ(greedy(model, {"--raw", "hello"}).exit_code, 0);
}

}  // namespace
}  // namespace hearth::testing
