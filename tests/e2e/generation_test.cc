// hearth run, one answer at a time.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

// `hearth run MODEL` with the tail, greedy and short.
Outcome greedy(const std::string& model, Arguments tail,
               const std::optional<std::string>& input = std::nullopt) {
  Arguments arguments{"run", model, "--temperature", "0", "--num-predict", "12"};
  arguments.insert(arguments.end(), tail.begin(), tail.end());
  return run_hearth(arguments, input);
}

TEST(Run, Prompt_AnswerAloneOnStdout) {
  const TemporaryFolder folder;
  const Outcome outcome = greedy(write_tiny_model(folder), {"hello"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  ASSERT_GT(outcome.out.size(), 1U);
  EXPECT_EQ(outcome.out.back(), '\n');
}

TEST(Run, Json_IsTheAnswerAsOneObject) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const Outcome outcome = greedy(model, {"hello", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto record = nlohmann::json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(record.is_object()) << outcome.out;
  EXPECT_EQ(outcome.out.back(), '\n');
  std::string text = record["response"];
  if (!text.ends_with('\n')) text += '\n';
  EXPECT_EQ(text, greedy(model, {"hello"}).out);
  EXPECT_EQ(record["model"], model);
  EXPECT_EQ(record["eval_count"], 12);
  EXPECT_EQ(record["done_reason"], "length");
  EXPECT_GT(record["prompt_eval_count"], 0);
  EXPECT_GE(record["total_duration"], record["eval_duration"]);
  EXPECT_FALSE(record.contains("thinking"));
}

TEST(Run, PipedInput_IsThePrompt) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const Outcome piped = greedy(model, {}, "hello\n");
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_EQ(piped.out, greedy(model, {"hello"}).out);
  EXPECT_NE(piped.out, greedy(model, {"help"}).out);
}

TEST(Run, PromptAndPipedInput_ArePromptThenInput) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(greedy(model, {"say"}, "hello\n").out, greedy(model, {"say\nhello"}).out);
}

TEST(Run, SeveralWords_AreOnePrompt) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(greedy(model, {"say", "hello"}).out, greedy(model, {"say hello"}).out);
}

TEST(Run, PromptInBrackets_IsTakenAsItIs) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(greedy(model, {"[a,b]"}).out, greedy(model, {}, "[a,b]").out);
  EXPECT_NE(greedy(model, {"[a,b]"}).out, greedy(model, {"a", "b"}).out);
}

TEST(Run, SameSeed_GivesTheSameAnswer) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const auto with_seed = [&](const char* seed) {
    return run_hearth({"run", model, "hello", "--temperature", "2", "--num-predict", "40", "--seed", seed})
        .out;
  };
  EXPECT_EQ(with_seed("1"), with_seed("1"));
  EXPECT_NE(with_seed("1"), with_seed("2"));
}

TEST(Run, Stop_EndsTheAnswerBeforeIt) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const std::string whole = greedy(model, {"hello"}).out;
  ASSERT_GT(whole.size(), 4U);
  const std::string stop = whole.substr(2, 2);
  const std::string cut = greedy(model, {"hello", "--stop", "never to come", "--stop", stop}).out;
  EXPECT_EQ(cut, whole.substr(0, whole.find(stop)) + "\n");
}

TEST(Run, Constraint_HoldsTheAnswer) {
  const TemporaryFolder folder;
  const std::string model =
      write_tiny_model(folder, 512, "{% for m in messages %}<{{ m.content }}>{% endfor %}");
  const auto written = [&](const char* name, const char* text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  };
  const auto answer = [&](const std::string& option, const std::string& value) {
    const Outcome outcome =
        run_hearth({"run", model, "hello", "--temperature", "1", "--seed", "4", option, value});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  };
  const std::string schema = written("schema.json", R"({"type":"object","properties":{"z":{"enum":["x","y"]},
      "a":{"type":"boolean"}},"required":["z","a"],"additionalProperties":false})");
  const auto object = nlohmann::ordered_json::parse(answer("--schema", schema), nullptr, false);
  ASSERT_TRUE(object.is_object());
  EXPECT_EQ(object.begin().key(), "z");
  EXPECT_TRUE(object["z"] == "x" || object["z"] == "y");
  EXPECT_TRUE(object["a"].is_boolean());
  const std::string list = answer("--grammar", written("list.gbnf", "root ::= [ab]{3} \"!\""));
  EXPECT_EQ(list.size(), 5U) << list;
  EXPECT_EQ(list.find_first_not_of("ab"), 3U);
  EXPECT_EQ(answer("--regex", "c{7}"), "ccccccc\n");
  const auto constant = nlohmann::json::parse(answer("--format", R"({"const":[1,2]})"), nullptr, false);
  EXPECT_EQ(constant, nlohmann::json({1, 2}));
}

TEST(Run, ConstraintThatCannotBe_IsAnError) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  EXPECT_EQ(greedy(model, {"hello", "--regex", "a", "--format", "json"}).exit_code, 2);
  EXPECT_EQ(greedy(model, {"hello", "--format", "yaml"}).exit_code, 2);
  const Outcome grammar = greedy(model, {"hello", "--regex", "("});
  EXPECT_EQ(grammar.exit_code, 1);
  EXPECT_NE(grammar.err, "");
  EXPECT_EQ(greedy(model, {"hello", "--schema", (folder / "none.json").string()}).exit_code, 1);
}

TEST(Run, Verbose_ShowsRatesOnStderr) {
  const TemporaryFolder folder;
  const Outcome outcome = greedy(write_tiny_model(folder), {"hello", "--verbose"});
  for (const char* row :
       {"total duration", "load duration", "time to first token", "prompt eval rate", "eval rate"}) {
    EXPECT_CONTAINS(outcome.err, row);
    EXPECT_FALSE(contains(outcome.out, row));
  }
  EXPECT_CONTAINS(outcome.err, "12 token(s)");
}

TEST(Run, FullContext_IsSaidOnStderr) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder);
  const Arguments arguments{"run", model, "hello", "--temperature", "0", "--num-ctx", "32"};
  const Outcome outcome = run_hearth(arguments);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_CONTAINS(outcome.err, "the context of 32 tokens is full");
  Arguments quiet = arguments;
  quiet.emplace_back("--quiet");
  EXPECT_EQ(run_hearth(quiet).err, "");
}

TEST(Run, ContextBeyondTheModels_FailsWithTheNumbers) {
  const TemporaryFolder folder;
  const Outcome outcome = run_hearth({"run", write_tiny_model(folder), "hello", "--num-ctx", "1000"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "256");
  EXPECT_CONTAINS(outcome.err, "1000");
}

TEST(Run, PromptLongerThanTheContext_FailsWithTheNumbers) {
  const TemporaryFolder folder;
  const Outcome outcome = run_hearth({"run", write_tiny_model(folder)}, std::string(5000, 'a'));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_CONTAINS(outcome.err, "256");
}

TEST(Run, CtrlC_EndsTheAnswerWith130) {
  const TemporaryFolder folder;
  const std::string model = write_tiny_model(folder, 1'000'000);
  auto process = HearthProcess::start(
      {"run", model, "hello", "--temperature", "0", "--num-ctx", "1000000", "--num-thread", "1"});
  const std::string first = greedy(model, {"hello"}).out;
  process.read_until(first.substr(0, 1));
  process.send_signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
}

TEST(Run, Stories260K_ContinuesAsLlama2cDoes) {
  HEARTH_NEEDS_TEST_DATA(model, "models/stories260K.gguf");
  HEARTH_NEEDS_TEST_DATA(golden, "models/stories260K.greedy256.txt");
  const std::string prompt = "Once upon a time";
  const Outcome outcome =
      run_hearth({"run", model.string(), prompt, "--temperature", "0", "--num-predict", "200"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  ASSERT_FALSE(outcome.out.empty());
  const std::string answer = outcome.out.substr(0, outcome.out.size() - 1);  // without the newline after it
  EXPECT_GT(answer.size(), 400U);
  EXPECT_EQ(prompt + answer, read_file(golden).substr(0, prompt.size() + answer.size()));
}

}  // namespace
}  // namespace hearth::testing
