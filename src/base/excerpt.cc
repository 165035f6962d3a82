#include "base/excerpt.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace hearth {
namespace {

constexpr std::string_view kEllipsis = "...";

bool is_unsafe(char32_t c) noexcept {
  const bool is_control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
  const bool is_separator = c == 0x2028 || c == 0x2029;
  const bool turns_direction = c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
                               (c >= 0x2066 && c <= 0x2069);
  return is_control || is_separator || turns_direction;
}

std::string escaped(const DecodedCharacter& character, unsigned char first_byte) {
  if (!character.valid) return fmt::format("\\x{:02x}", first_byte);
  switch (character.code_point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(character.code_point));
  }
}

void add_escaped(Excerpt& out, std::string_view text, bool escapes_quotes) {
  while (!text.empty() && !out.is_cut()) {
    const DecodedCharacter c = decode_utf8(text);
    if (!c.valid || is_unsafe(c.code_point)) {
      const std::string piece = escaped(c, static_cast<unsigned char>(text.front()));
      out.add(piece, piece.size());
    } else if (c.code_point == '\\' || (escapes_quotes && c.code_point == '"')) {
      out.add(c.code_point == '"' ? "\\\"" : "\\\\", 2);
    } else {
      out.add(text.substr(0, c.length_bytes), 1);
    }
    text.remove_prefix(c.length_bytes);
  }
}

}  // namespace

void Excerpt::add(std::string_view piece, size_t n_characters) {
  if (is_cut_ || n_characters > max_length_ - length_) {
    is_cut_ = true;
    return;
  }
  text_ += piece;
  length_ += n_characters;
  if (max_length_ - length_ >= kEllipsis.size()) keep_bytes_ = text_.size();
}

std::string Excerpt::finish() && {
  if (is_cut_) {
    text_.resize(keep_bytes_);
    text_ += kEllipsis.substr(0, max_length_);
  }
  return std::move(text_);
}

std::string excerpt(std::string_view text, size_t max_length) {
  Excerpt out(max_length);
  add_escaped(out, text, false);
  return std::move(out).finish();
}

std::string quoted_excerpt(std::string_view text, size_t max_length) {
  Excerpt out(max_length < 2 ? 0 : max_length - 2);
  add_escaped(out, text, true);
  return '"' + std::move(out).finish() + '"';
}

}  // namespace hearth
