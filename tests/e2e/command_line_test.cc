// What holds for every command: help, exit codes, messages, the streams.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

const Arguments kCommands{"run",    "serve",      "list",   "show",     "ps",       "stop",
                          "key",    "audit",      "embed",  "inspect",  "tokenize", "render",
                          "bench",  "perplexity", "logits", "hardware", "cp",       "rm",
                          "verify", "gc",         "pull",   "push"};

TEST(CommandLine, NoArguments_ShowsHelpOnStderrAndFails) {
  const Outcome outcome = run_hearth({});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  for (const std::string& command : kCommands) EXPECT_CONTAINS(outcome.err, command);
}

TEST(CommandLine, Help_ListsEveryCommandOnStdout) {
  for (const Arguments& arguments : {Arguments{"--help"}, Arguments{"help"}}) {
    const Outcome outcome = run_hearth(arguments);
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_EQ(outcome.err, "");
    for (const std::string& command : kCommands) EXPECT_CONTAINS(outcome.out, command);
  }
}

TEST(CommandLine, HelpOfACommand_HasUsageAndExamplesBothWays) {
  for (const std::string& command : kCommands) {
    const Outcome by_option = run_hearth({command, "--help"});
    const Outcome by_command = run_hearth({"help", command});
    EXPECT_EQ(by_option.exit_code, 0);
    EXPECT_EQ(by_option.out, by_command.out);
    EXPECT_CONTAINS(by_option.out, "Usage: hearth " + command);
    EXPECT_CONTAINS(by_option.out, "Example");
  }
}

TEST(CommandLine, Version_IsPrinted) {
  const Outcome outcome = run_hearth({"--version"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.out.starts_with("hearth 0.")) << outcome.out;
}

TEST(CommandLine, MistypedCommand_GetsTheNearest) {
  const Outcome outcome = run_hearth({"insepct", "x.gguf"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_CONTAINS(outcome.err, "no command is named 'insepct'; did you mean inspect?");
  EXPECT_EQ(run_hearth({"help", "benhc"}).exit_code, 2);
}

TEST(CommandLine, MistypedOption_GetsTheNearest) {
  const Outcome outcome = run_hearth({"run", "x.gguf", "--temprature", "1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_CONTAINS(outcome.err, "unknown option --temprature; did you mean --temperature");
}

TEST(CommandLine, ValueOutOfRange_NamesOptionRangeAndValue) {
  const Outcome outcome = run_hearth({"run", "x.gguf", "--top-p", "1.5"});
  EXPECT_EQ(outcome.exit_code, 2);
  for (const char* part : {"--top-p", "0 to 1", "1.5"}) EXPECT_CONTAINS(outcome.err, part);
  EXPECT_EQ(run_hearth({"run", "x.gguf", "--num-ctx", "many"}).exit_code, 2);
  EXPECT_EQ(run_hearth({"bench", "x.gguf", "--repeat", "0"}).exit_code, 2);
}

TEST(CommandLine, MissingArgument_IsNamed) {
  const Outcome outcome = run_hearth({"perplexity", "x.gguf"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_CONTAINS(outcome.err, "FILE");
  const Outcome no_prompt = run_hearth({"run"});
  EXPECT_EQ(no_prompt.exit_code, 2);
  EXPECT_CONTAINS(no_prompt.err, "PROMPT");
}

TEST(CommandLine, MissingFile_FailsAndNamesItsNeighbour) {
  const TemporaryFolder folder;
  std::ofstream(folder / "stories.gguf") << "x";
  const std::string typed = (folder / "stroies.gguf").string();
  for (const char* command : {"run", "inspect", "tokenize", "bench"}) {
    const Outcome outcome = run_hearth({command, typed}, "hi");
    EXPECT_EQ(outcome.exit_code, 1) << command;
    EXPECT_EQ(outcome.out, "");
    EXPECT_CONTAINS(outcome.err, "no such file");
    EXPECT_CONTAINS(outcome.err, "did you mean " + (folder / "stories.gguf").string());
  }
}

TEST(CommandLine, FileOfGarbage_FailsAndSaysWhatWasExpected) {
  const TemporaryFolder folder;
  const std::string path = (folder / "garbage.gguf").string();
  std::ofstream(path) << "this is no model at all, but long enough for a header";
  for (const char* command : {"run", "inspect", "tokenize", "bench"}) {
    const Outcome outcome = run_hearth({command, path}, "hi");
    EXPECT_EQ(outcome.exit_code, 1) << command;
    EXPECT_CONTAINS(outcome.err, "garbage.gguf");
    EXPECT_CONTAINS(outcome.err, "GGUF");
  }
}

TEST(CommandLine, Color_OnlyWhereWanted) {
  const std::string escape = "\x1b[";
  EXPECT_FALSE(contains(run_hearth({"inspect", "absent"}).err, escape));  // no terminal
  EXPECT_TRUE(contains(run_hearth({"inspect", "absent", "--color", "always"}).err, escape));
  EXPECT_FALSE(contains(run_hearth({"inspect", "absent", "--color", "never"}).err, escape));
  EXPECT_EQ(run_hearth({"inspect", "absent", "--color", "pink"}).exit_code, 2);
}

TEST(CommandLine, NoColorOnATerminal_IsHonoured) {
  auto colored = HearthProcess::start_on_terminal({"inspect", "absent"}, {{"NO_COLOR", ""}});
  EXPECT_EQ(colored.wait(), 1);
  EXPECT_TRUE(contains(colored.rest(), "\x1b[")) << colored.rest();
  auto plain = HearthProcess::start_on_terminal({"inspect", "absent"}, {{"NO_COLOR", "1"}});
  EXPECT_EQ(plain.wait(), 1);
  EXPECT_FALSE(contains(plain.rest(), "\x1b[")) << plain.rest();
}

TEST(CommandLine, UnknownIsaInTheEnvironment_IsAClearError) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_hearth({"run", write_tiny_model(folder), "a"}, std::nullopt, {{"HEARTH_ISA", "pdp11"}});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "pdp11");
}

TEST(CommandLine, OutputThatCannotBeWritten_Fails) {
  const TemporaryFolder folder;
  const Outcome outcome =
      run_hearth({"logits", write_tiny_model(folder), "--tokens", "1", "--out", "/dev/full"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "/dev/full");
}

}  // namespace
}  // namespace hearth::testing
