// hearth tokenizer, and hearth tokenize with what it made.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"
#include "tests/support/test_data.h"

namespace hearth::testing {
namespace {

using nlohmann::json;

class TokenizerTrain : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
    return (folder_ / name).string();
  }
  // hearth tokenizer train SOURCES --vocabulary N --output OUTPUT_ MORE
  Outcome train(Arguments sources, int vocabulary, const Arguments& more = {}) {
    Arguments all{"tokenizer", "train"};
    all.insert(all.end(), sources.begin(), sources.end());
    all.insert(all.end(), {"--vocabulary", std::to_string(vocabulary), "--output", output_});
    all.insert(all.end(), more.begin(), more.end());
    return run_hearth(all);
  }

  TemporaryFolder folder_;
  const std::string output_ = (folder_ / "tokenizer.gguf").string();
};

TEST_F(TokenizerTrain, TextsAndConversations_MakeATokenizerThatHearthLoads) {
  write("texts/a.txt", "the cat sat on the mat, the cat and the hat\n");
  write("texts/deep/b.md", "# The cat\nthe hat\n");
  write("texts/picture.png", std::string("\0\xFF", 2));
  const std::string chats = write(
      "chats.jsonl",
      R"({"messages": [{"role": "user", "content": "the cat?"}, {"role": "assistant", "content": "the hat."}]})");
  const std::string chat_template = write("chat.jinja", "{{ bos_token }}{{ messages[0].content }}");
  const Arguments special{"--special", "[INST]", "--eos", "<|end|>", "--bos", "<s>"};
  Arguments more = special;
  more.insert(more.end(), {"--chat-template", chat_template, "--json"});
  const Outcome outcome = train({(folder_ / "texts").string(), chats}, 264, more);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_CONTAINS(outcome.err, "264 tokens");
  EXPECT_CONTAINS(outcome.err, "bytes per token");
  const json object = json::parse(outcome.out);
  EXPECT_EQ(object["file"], output_);
  EXPECT_EQ(object["bytes"], std::filesystem::file_size(output_));
  EXPECT_EQ(object["vocabulary"], 264);
  EXPECT_EQ(object["merges"], 5);
  EXPECT_EQ(object["texts"], 4);
  // Without the line ends behind texts.
  EXPECT_EQ(object["text_bytes"], 43 + 17 + 8 + 8);

  // "Th" and "the" occur; 261 is the first special token, and <s> the second, as --bos stands before --eos.
  const Outcome ids = run_hearth({"tokenize", output_, "[INST]the<|end|>", "--special", "--json"});
  ASSERT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_EQ(json::parse(ids.out)["texts"], (json{"<s>", "[INST]", "the", "<|end|>"}));
  const json inspected = json::parse(run_hearth({"inspect", output_, "--json"}).out);
  EXPECT_EQ(inspected["metadata"]["tokenizer.ggml.pre"], "qwen2");
  EXPECT_EQ(inspected["metadata"]["tokenizer.ggml.bos_token_id"], 262);
  EXPECT_EQ(inspected["metadata"]["tokenizer.ggml.eos_token_id"], 263);
  EXPECT_CONTAINS(inspected["hearth"]["problem"].get<std::string>(), "no weights");

  const std::string first = read_file(output_);
  more.emplace_back("--force");
  ASSERT_EQ(train({chats, (folder_ / "texts").string()}, 264, more).exit_code, 0);
  EXPECT_EQ(read_file(output_), first);
}

TEST_F(TokenizerTrain, WhatCannotBeDone_LeavesWhatWasThere) {
  const std::string text = write("a.txt", "abab abab");
  std::ofstream(output_) << "mine";
  const auto fails = [&](const Outcome& outcome, std::string_view message) {
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_CONTAINS(outcome.err, message);
    EXPECT_EQ(read_file(output_), "mine");
  };
  fails(train({text}, 257), "--force");
  fails(train({text}, 1000, {"--force"}), "found 9 bytes that give 258");
  fails(train({text}, 256, {"--force", "--eos", "</s>"}), "expected 257");
  fails(train({text}, 257, {"--force", "--pre", "gpt-99"}), "gpt-99");
  fails(train({text}, 258, {"--force", "--special", "x"}), "token of a byte");
  fails(train({(folder_ / "missing").string()}, 257, {"--force"}), "missing");
  fails(train({output_}, 257, {"--force"}), "another file than the texts");
  fails(train({write("b.txt", std::string("abc\0", 4))}, 257, {"--force"}), "b.txt: byte 3: ");
  fails(train({write("c.jsonl", "{}")}, 257, {"--force"}), "c.jsonl:1: ");
  fails(train({text}, 257, {"--force", "--chat-template", write("bad.jinja", "{% if %}")}), "bad.jinja");
  EXPECT_EQ(train({text}, 257, {"--force", "-q"}).exit_code, 0);
}

TEST_F(TokenizerTrain, WrongCommandLine_IsRefused) {
  EXPECT_EQ(run_hearth({"tokenizer"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"tokenizer", "train", "--vocabulary", "300", "--output", output_}).exit_code, 2);
  EXPECT_EQ(run_hearth({"tokenizer", "train", "a.txt", "--vocabulary", "300"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"tokenizer", "train", "a.txt", "--output", output_}).exit_code, 2);
  EXPECT_EQ(train({"a.txt"}, 0).exit_code, 2);
  EXPECT_EQ(train({"a.txt"}, 300, {"--nonsense"}).exit_code, 2);
  EXPECT_CONTAINS(run_hearth({"help", "tokenizer"}).out, "hearth tokenizer train books/");
  EXPECT_CONTAINS(run_hearth({"tokenizer", "train", "--help"}).out, "--vocabulary");
}

}  // namespace
}  // namespace hearth::testing
