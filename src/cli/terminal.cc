#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/utf8.h"

namespace hearth::cli {
namespace {

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F);
}

std::string escape(std::string_view text, bool keep_layout) {
  std::string out;
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    const std::string_view bytes = text.substr(0, character.length_bytes);
    const bool layout = keep_layout && (character.code_point == '\n' || character.code_point == '\t');
    if (character.valid && (layout || !is_control(character.code_point))) {
      out += bytes;
    } else {
      for (const char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
    text.remove_prefix(character.length_bytes);
  }
  return out;
}

bool wants_color(ColorMode mode) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  return (no_color == nullptr || *no_color == '\0') && is_terminal(STDERR_FILENO);
}

}  // namespace

bool is_terminal(int file_descriptor) noexcept {
  return isatty(file_descriptor) == 1;
}

int terminal_width(int file_descriptor) noexcept {
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string escape_control(std::string_view text) {
  return escape(text, true);
}

std::string escape_line(std::string_view text) {
  return escape(text, false);
}

Console::Console(ColorMode color, bool quiet) : color_(wants_color(color)), quiet_(quiet) {}

void Console::error(std::string_view message) const {
  fmt::print(stderr, "{} {}\n", color_ ? "\x1b[1;31merror:\x1b[0m" : "error:", escape_control(message));
}

void Console::note(std::string_view message) const {
  if (!quiet_) fmt::print(stderr, "{}\n", escape_control(message));
}

ProgressLine::ProgressLine(const Console& console)
    : visible_(!console.quiet() && is_terminal(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
}

void ProgressLine::show(std::string_view text) {
  constexpr double kInterval = 0.1;
  const double now = monotonic_seconds();
  if (!visible_ || (shown_ && now - last_s_ < kInterval)) return;
  last_s_ = now;
  shown_ = true;
  const auto width = static_cast<size_t>(terminal_width(STDERR_FILENO) - 1);
  fmt::print(stderr, "\r\x1b[K{}", escape_line(text.substr(0, width)));
  std::fflush(stderr);
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace hearth::cli
