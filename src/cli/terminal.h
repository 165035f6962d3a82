// What the person sees: messages on stderr, colour where it is wanted, text of files made harmless.
#pragma once

#include <string>
#include <string_view>

namespace hearth::cli {

enum class ColorMode { kAuto, kAlways, kNever };

bool is_terminal(int file_descriptor) noexcept;
// Columns of the terminal, 80 where it does not say.
int terminal_width(int file_descriptor) noexcept;

// `text` with control characters (C0 except newline and tab, DEL, C1) and invalid UTF-8 as \xNN: bytes of a
// file or of a model must not steer the terminal. escape_line() also escapes newlines and tabs: for one line
// of a table.
std::string escape_control(std::string_view text);
std::string escape_line(std::string_view text);

// Messages to the person, on stderr. Thread-compatible.
class Console {
 public:
  // kAuto: colour if stderr is a terminal and NO_COLOR (no-color.org) is unset or empty.
  Console(ColorMode color, bool quiet);

  void error(std::string_view message) const;
  // Silent with --quiet, like progress.
  void note(std::string_view message) const;
  bool quiet() const noexcept { return quiet_; }

 private:
  bool color_;
  bool quiet_;
};

// A line on stderr that is rewritten in place, at most ten times a second; on no terminal, or with --quiet,
// nothing. The destructor wipes it.
class ProgressLine {
 public:
  explicit ProgressLine(const Console& console);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();

  void show(std::string_view text);

 private:
  bool visible_;
  bool shown_ = false;
  double last_s_ = -1.0;
};

// Seconds of a clock that never goes back.
double monotonic_seconds();

}  // namespace hearth::cli
