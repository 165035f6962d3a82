// The built program, run as people run it: with pipes, with signals, and on a terminal.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace hearth::testing {

using Arguments = std::vector<std::string>;
using Environment = std::vector<std::pair<std::string, std::string>>;

struct Outcome {
  int exit_code = -1;  // 128 + the signal that ended it
  std::string out;
  std::string err;
};

// Runs `hearth arguments` to its end with `input` coming through a pipe; without one, stdin is /dev/null.
Outcome run_hearth(const Arguments& arguments, const std::optional<std::string>& input = std::nullopt,
                   const Environment& environment = {});

// The same of another program, found in PATH where it is no path.
Outcome run_program(const char* program, const Arguments& arguments,
                    const std::optional<std::string>& input = std::nullopt,
                    const Environment& environment = {});

// A `hearth` that runs while the test looks. Killed at the end, if it still does.
class HearthProcess {
 public:
  // With stdout and stderr on pipes, stdin /dev/null.
  static HearthProcess start(const Arguments& arguments);
  // On a terminal of its own, which is its stdin, stdout and stderr.
  static HearthProcess start_on_terminal(const Arguments& arguments, const Environment& environment = {});

  HearthProcess(HearthProcess&& other) noexcept;
  HearthProcess(const HearthProcess&) = delete;
  HearthProcess& operator=(const HearthProcess&) = delete;
  HearthProcess& operator=(HearthProcess&&) = delete;
  ~HearthProcess();

  // Waits until `text` came (of stdout or the terminal) and returns everything up to its end; everything that
  // came is consumed. Fails the test after a minute.
  std::string read_until(std::string_view text);
  void type(std::string_view keys);
  void send_signal(int signal);
  // Reads what is still to come and waits for the end; fails the test after a minute. The exit code as in
  // Outcome.
  int wait();
  // stdout, or the terminal, from the last read_until() on.
  const std::string& rest() const { return buffer_; }

 private:
  HearthProcess(pid_t pid, int terminal_or_out) : pid_(pid), file_(terminal_or_out) {}
  bool read_more(double deadline_s);

  pid_t pid_;
  int file_;
  std::string buffer_;
};

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A small random model whose greedy answers do not end before a context of this many tokens is full; without
// a chat template where that is empty.
std::string write_tiny_model(const TemporaryFolder& folder, int64_t context_tokens = 256,
                             const std::string& chat_template = "");

}  // namespace hearth::testing

#define EXPECT_CONTAINS(text, part) \
  EXPECT_TRUE(::hearth::testing::contains(text, part)) << "'" << (part) << "' in: " << (text)
