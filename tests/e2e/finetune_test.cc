// hearth finetune, run --adapter and merge: what is learnt, applied and merged, and read by another reader.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class FinetuneCommand : public ::testing::Test {
 protected:
  FinetuneCommand() : model_(write_tiny_model(folder_)) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "a cat sat on a mat. the dog ran to the den. ";
    std::ofstream(path("text.txt")) << text;
  }

  std::string path(std::string_view name) const { return (folder_ / name).string(); }
  Outcome finetune(const std::string& output, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"finetune", model_,        "--data", path("text.txt"),
                                       "--output", output,        "--rank", "3",
                                       "--steps",  "60",          "--json", "--learning-rate",
                                       "0.02",     "--sequences", "4",      "--sequence-tokens",
                                       "16"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_hearth(arguments);
  }
  Outcome answer(const std::string& model, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"run",           model, "a cat",         "--raw",
                                       "--num-predict", "12",  "--temperature", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_hearth(arguments);
  }

  TemporaryFolder folder_;
  const std::string model_;
};

TEST_F(FinetuneCommand, WhatIsLearnt_IsAppliedAndMerged) {
  const Outcome learnt = finetune(path("tuned"));
  ASSERT_EQ(learnt.exit_code, 0) << learnt.err;
  const json result = json::parse(learnt.out);
  EXPECT_EQ(result["finished"], true);
  EXPECT_LT(result["held_out_loss"].get<double>(), result["held_out_loss_before"].get<double>() - 0.5);
  EXPECT_EQ(result["adapter"], path("tuned/adapter.gguf"));

  const Outcome with = answer(model_, {"--adapter", path("tuned")});
  ASSERT_EQ(with.exit_code, 0) << with.err;
  EXPECT_NE(with.out, answer(model_).out);
  EXPECT_EQ(with.out, answer(model_, {"--adapter", path("tuned/adapter.gguf")}).out);

  const Outcome merged = run_hearth({"merge", model_, path("tuned"), path("merged.gguf"), "--json"});
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(json::parse(merged.out)["merged_matrices"], 14);
  EXPECT_EQ(answer(path("merged.gguf")).out, with.out);
}

// A reader of its own, in Python's standard library alone, finds in PEFT's files what merge added to the
// weights.
TEST_F(FinetuneCommand, PeftFiles_SayTheSameToAnotherReader) {
  ASSERT_EQ(
      finetune(path("tuned"), {"--rslora", "--alpha", "5", "--targets", "q_proj,attn_k,down_proj"}).exit_code,
      0);
  ASSERT_EQ(run_hearth({"merge", model_, path("tuned/adapter.gguf"), path("merged.gguf")}).exit_code, 0);
  const Outcome read =
      run_program("python3", {"-B", std::string(HEARTH_SOURCE_DIR) + "/tests/e2e/peft_reader.py", model_,
                              path("tuned"), path("merged.gguf")});
  EXPECT_EQ(read.exit_code, 0) << read.err;
  EXPECT_CONTAINS(read.out, "6 matrices agree");
}

TEST_F(FinetuneCommand, WrongCommandLines_SayWhatWasExpected) {
  EXPECT_CONTAINS(finetune(path("x"), {"--targets", "q_prej"}).err, "targets: expected some of attn_q");
  EXPECT_CONTAINS(finetune(path("x"), {"--loss-on", "nothing"}).err,
                  "expected everything or answers, found 'nothing'");
  EXPECT_CONTAINS(finetune(path("x"), {"--alpha", "much"}).err, "expected a number from");
  EXPECT_CONTAINS(run_hearth({"finetune", model_}).err, "--data");
  EXPECT_CONTAINS(run_hearth({"finetune", path("text.txt"), "--data", path("text.txt")}).err, "text.txt");
  EXPECT_CONTAINS(answer(model_, {"--adapter", path("none")}).err, "none");
  EXPECT_CONTAINS(answer(model_, {"--adapter", model_}).err, "general.type: expected adapter");
  EXPECT_CONTAINS(run_hearth({"merge", model_, path("none"), path("m.gguf")}).err, "none");
  EXPECT_FALSE(fs::exists(path("m.gguf")));
  EXPECT_CONTAINS(run_hearth({"merge", model_, path("text.txt"), model_, "--force"}).err,
                  "expected another file");
}

}  // namespace
}  // namespace hearth::testing
