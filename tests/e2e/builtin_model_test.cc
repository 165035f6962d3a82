// The model that is built in: it answers where no model is named, and says what it is.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

constexpr std::string_view kLarger = "For a larger one: hearth serve, then hearth run";

TEST(BuiltinModel, AnswersAPrompt_WithoutAModel) {
  const Outcome answer = run_hearth({"run", "How do I pull a model?"});
  ASSERT_EQ(answer.exit_code, 0) << answer.err;
  EXPECT_CONTAINS(answer.out, "hearth pull");
  EXPECT_CONTAINS(answer.err, kLarger);
  EXPECT_EQ(run_hearth({"run", "ember", "How", "do", "I", "pull", "a", "model?"}).out, answer.out);
  EXPECT_EQ(run_hearth({"run"}, "How do I pull a model?\n").out, answer.out);
  EXPECT_EQ(run_hearth({"run", "--quiet", "How do I pull a model?"}).err, "");
}

TEST(BuiltinModel, SaysWhatItIs) {
  EXPECT_CONTAINS(run_hearth({"run", "Who are you?"}).out, "Ember");
}

TEST(BuiltinModel, IsAModelForOtherCommands) {
  const Outcome inspected = run_hearth({"inspect", "ember"});
  EXPECT_EQ(inspected.exit_code, 0) << inspected.err;
  EXPECT_CONTAINS(inspected.out, "llama");
}

TEST(BuiltinModel, AFileOfThatName_ComesFirst) {
  const TemporaryFolder folder;
  std::ofstream(folder / "ember") << "no model";
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Outcome refused = run_hearth({"run", "ember", "Hello"});
  std::filesystem::current_path(here);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_CONTAINS(refused.err, "ember");
}

TEST(BuiltinModel, BeginsASession_OnATerminal) {
  HearthProcess process = HearthProcess::start_on_terminal({"run"});
  process.read_until(kLarger);
  process.type("Who are you?\r");
  process.read_until("I am Ember");
  process.type("/bye\r");
  EXPECT_EQ(process.wait(), 0);
}

}  // namespace
}  // namespace hearth::testing
