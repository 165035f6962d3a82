// hearth completion: the scripts, run by the shells that they are for.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "store/store_fixture.h"
#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

using Words = std::vector<std::string>;

// The output of a command of the shell, by lines, in order.
Words lines_of(const std::string& command) {
  std::string out;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.append(buffer.data(), n);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  Words lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  std::ranges::sort(lines);
  return lines;
}

bool has_shell(const std::string& shell) {
  return std::system(("command -v " + shell + " > /dev/null").c_str()) == 0;
}

bool has(const Words& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

class Completion : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"qwen3:0.6b", "qwen3:4b", "tiny", "user/other"})
      ASSERT_TRUE(store_->write_manifest(store::name_of(name), store_.put_manifest_blobs(name)));
    // What the scripts call.
    std::filesystem::create_directory(folder_ / "bin");
    std::filesystem::create_symlink(HEARTH_PROGRAM, folder_ / "bin/hearth");
  }
  std::string script(const std::string& shell) {
    const Outcome outcome = run_hearth({"completion", shell});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string path = (folder_ / ("_hearth." + shell)).string();
    std::ofstream(path) << outcome.out;
    return path;
  }
  std::string environment() const {
    return "cd '" + folder_.path().string() + "' && HEARTH_MODELS='" + store_.root().string() + "' PATH='" +
           (folder_ / "bin").string() + "':\"$PATH\" ";
  }
  // What bash would offer, the words as it parts them.
  Words bash(const Words& words) {
    std::string line;
    std::string list;
    for (const std::string& word : words) {
      const bool joined = word.empty() || word.front() == ':' || word.front() == '=' || line.ends_with(':') ||
                          line.ends_with('=') || line.empty();
      line += (joined && !word.empty() ? "" : " ") + word;
      list += " '" + word + "'";
    }
    return lines_of(environment() + "bash --norc --noprofile -c '. ./_hearth.bash; COMP_WORDS=(" +
                    quote(list) + "); COMP_CWORD=" + std::to_string(words.size() - 1) + "; COMP_LINE=\"" +
                    line + "\"; COMP_POINT=${#COMP_LINE}; _hearth; printf \"%s\\n\" \"${COMPREPLY[@]}\"'");
  }
  static std::string quote(std::string list) {
    std::ranges::replace(list, '\'', '"');
    return list;
  }

  store::TestStore store_;
  TemporaryFolder folder_;
};

TEST_F(Completion, Bash_CompletesCommandsOptionsValuesModelsAndFiles) {
  script("bash");
  EXPECT_EQ(bash({"hearth", "hi"}), Words{"history"});
  EXPECT_TRUE(has(bash({"hearth", ""}), "serve"));
  EXPECT_FALSE(has(bash({"hearth", ""}), "engine-process"));
  EXPECT_EQ(bash({"hearth", "gc", "--dr"}), Words{"--dry-run"});
  EXPECT_EQ(bash({"hearth", "gc", "--color", "a"}), (Words{"always", "auto"}));
  EXPECT_EQ(bash({"hearth", "gc", "--color", "=", "al"}), Words{"always"});
  EXPECT_EQ(bash({"hearth", "run", "--cache-type-k", "q"}), (Words{"q4_0", "q8_0"}));
  EXPECT_EQ(bash({"hearth", "completion", ""}), (Words{"bash", "fish", "zsh"}));
  EXPECT_EQ(bash({"hearth", "key", "re"}), Words{"revoke"});
  EXPECT_EQ(bash({"hearth", "key", "create", "--sc"}), Words{"--scope"});
  EXPECT_EQ(bash({"hearth", "show", "t"}), Words{"tiny"});
  EXPECT_EQ(bash({"hearth", "show", "qwen3", ":", "4"}), Words{"4b"}) << "bash parts words at a colon";
  EXPECT_EQ(bash({"hearth", "rm", "tiny", "us"}), Words{"user/other"});
  EXPECT_EQ(bash({"hearth", "show", "tiny", ""}), Words{""}) << "one model is enough";
  EXPECT_EQ(bash({"hearth", "ls", "--js"}), Words{"--json"});
  EXPECT_EQ(bash({"hearth", "inspect", "_hear"}), Words{"_hearth.bash"});
  EXPECT_EQ(bash({"hearth", "help", "audi"}), Words{"audit"});
}

TEST_F(Completion, Fish_CompletesTheSame) {
  const std::string path = script("fish");
  if (!has_shell("fish")) GTEST_SKIP() << "fish is not installed";
  const auto fish = [&](const std::string& line) {
    return lines_of(environment() + "HOME='" + folder_.path().string() + "' fish --no-config -c 'source " +
                    path + "; complete -C \"" + line + "\" | cut -f1'");
  };
  EXPECT_EQ(fish("hearth hist"), Words{"history"});
  EXPECT_EQ(fish("hearth gc --dr"), Words{"--dry-run"});
  EXPECT_EQ(fish("hearth gc --color al"), Words{"always"});
  EXPECT_EQ(fish("hearth show qwen3:4"), Words{"qwen3:4b"});
  EXPECT_EQ(fish("hearth key rev"), Words{"revoke"});
  EXPECT_EQ(fish("hearth key create --sc"), Words{"--scope"});
  EXPECT_TRUE(has(fish("hearth inspect _hear"), "_hearth.fish"));
}

TEST_F(Completion, Zsh_TakesTheScript) {
  const std::string path = script("zsh");
  if (!has_shell("zsh")) GTEST_SKIP() << "zsh is not installed";
  EXPECT_EQ(std::system(("zsh -f -n " + path).c_str()), 0);
  const Words registered =
      lines_of("cd '" + folder_.path().string() +
               "' && zsh -f -c 'autoload -Uz compinit && compinit -u -D && source " + path +
               " && print $_comps[hearth] && print $+functions[_hearth_key_create]'");
  EXPECT_EQ(registered, (Words{"1", "_hearth"}));
}

TEST_F(Completion, UnknownShell_IsAWrongCommandLine) {
  const Outcome outcome = run_hearth({"completion", "tcsh"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_CONTAINS(outcome.err, "expected bash, zsh or fish");
}

}  // namespace
}  // namespace hearth::testing
