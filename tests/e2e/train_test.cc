// hearth train: from a recipe to a model that answers, stopped in between.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"
#include "tests/support/test_data.h"

namespace hearth::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class TrainCommand : public ::testing::Test {
 protected:
  TrainCommand() {
    write_tiny_model(folder_);
    std::string text;
    for (int i = 0; i < 300; ++i) text += "a cat sat on a mat. the dog ran to the den. ";
    write("text.txt", text);
  }

  void write(const char* name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  std::string write_recipe(int64_t n_steps) const {
    json recipe = json::parse(R"({"name": "tiny", "tokenizer": "tiny.gguf",
        "model": {"width": 16, "layers": 2, "heads": 2, "ffn_width": 24, "context": 64},
        "data": {"train": "text.txt"},
        "training": {"sequences": 2, "sequence_tokens": 16, "learning_rate": 0.01, "evaluate_every": 10,
                     "checkpoint_every": 5}})");
    recipe["training"]["steps"] = n_steps;
    write("recipe.json", recipe.dump());
    return (folder_ / "recipe.json").string();
  }
  std::string out(const char* name = "") const { return (folder_ / "out" / name).string(); }

  TemporaryFolder folder_;
};

TEST_F(TrainCommand, MakesAModelThatRuns) {
  const Outcome trained = run_hearth({"train", write_recipe(20), out(), "--json", "--threads", "2"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const json result = json::parse(trained.out);
  EXPECT_EQ(result["finished"], true);
  EXPECT_EQ(result["steps"], 20);
  EXPECT_EQ(result["model"], out("model.gguf"));
  EXPECT_CONTAINS(trained.err, "step 10 of 20: loss");
  for (const char* name : {"checkpoint.gguf", "log.jsonl", "loss.svg"})
    EXPECT_TRUE(fs::exists(out(name))) << name;

  const Outcome answered =
      run_hearth({"run", out("model.gguf"), "a cat", "--raw", "--num-predict", "4", "--temperature", "0"});
  EXPECT_EQ(answered.exit_code, 0) << answered.err;
}

// The teacher is asked by the first run alone.
TEST_F(TrainCommand, DistillsFromAFileOfExpectations) {
  const std::string recipe = write_recipe(12);
  const std::string teacher = (folder_ / "tiny.gguf").string();
  const std::string kept = (folder_ / "kept").string();
  const std::string again = (folder_ / "again").string();
  const Outcome asked =
      run_hearth({"distill", teacher, recipe, out(), "--expectations", kept, "--top-k", "8"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  const Outcome read = run_hearth({"distill", kept, recipe, again});
  ASSERT_EQ(read.exit_code, 0) << read.err;
  EXPECT_EQ(read_file(out("model.gguf")), read_file(again + "/model.gguf"));

  const Outcome answers = run_hearth({"distill", kept, recipe, again, "--answers"});
  EXPECT_NE(answers.exit_code, 0);
  EXPECT_CONTAINS(answers.err, "a teacher's expectations: expected a model with --answers");
  const Outcome alone = run_hearth({"distill", teacher, recipe, again, "--top-k", "8"});
  EXPECT_NE(alone.exit_code, 0);
  EXPECT_CONTAINS(alone.err, "--top-k: expected --expectations");
  std::ofstream(kept, std::ios::app) << std::string(100, 'x');
  const Outcome damaged = run_hearth({"distill", kept, recipe, (folder_ / "third").string()});
  EXPECT_NE(damaged.exit_code, 0);
  EXPECT_CONTAINS(damaged.err, "expected a record at byte");
}

TEST_F(TrainCommand, Interrupted_GoesOnWhereItWas) {
  const std::string recipe = write_recipe(100'000);
  HearthProcess process = HearthProcess::start_on_terminal({"train", recipe, out()});
  process.read_until("step 10 of 100000");
  process.send_signal(SIGINT);
  EXPECT_EQ(process.wait(), 130);
  EXPECT_CONTAINS(process.rest(), "the same command goes on from there");
  EXPECT_FALSE(fs::exists(out("model.gguf")));

  HearthProcess again = HearthProcess::start_on_terminal({"train", recipe, out()});
  again.read_until("going on after step");
  again.send_signal(SIGINT);
  EXPECT_EQ(again.wait(), 130);
}

TEST_F(TrainCommand, WhatIsWrong_IsSaidBeforeAnythingIsWritten) {
  const auto refusal = [&](const char* recipe) {
    write("wrong.json", recipe);
    const Outcome outcome = run_hearth({"train", (folder_ / "wrong.json").string(), out()});
    EXPECT_EQ(outcome.exit_code, 1);
    return outcome.err;
  };
  EXPECT_CONTAINS(refusal("{"), "wrong.json: JSON: byte");
  EXPECT_CONTAINS(refusal(R"({"name": "a"})"), "wrong.json: model: expected an object, found nothing");
  write_recipe(5);
  write("text.txt", std::string("binary\0", 7));
  const Outcome binary = run_hearth({"train", (folder_ / "recipe.json").string(), out()});
  EXPECT_EQ(binary.exit_code, 1);
  EXPECT_CONTAINS(binary.err, "text.txt: byte 6: expected text, found a NUL: a binary file");
  EXPECT_EQ(run_hearth({"train", "a.json"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"train", "none.json", out()}).exit_code, 1);
  EXPECT_FALSE(fs::exists(out()));
}

}  // namespace
}  // namespace hearth::testing
