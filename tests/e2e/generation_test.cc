// hearth run, one answer at a time.
#include <gtest/gtest.h>
#include <signal.h>

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
