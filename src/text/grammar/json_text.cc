#include "text/grammar/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::text::grammar {
namespace {

constexpr char32_t kFirstUnescaped = 0x20;

// The canonical escape of a character that does not stand for itself; empty for one that does.
std::string escape_of(char32_t c) {
  constexpr std::array<std::pair<char32_t, std::string_view>, 7> kShort{{{U'"', "\\\""},
                                                                         {U'\\', "\\\\"},
                                                                         {U'\b', "\\b"},
                                                                         {U'\f', "\\f"},
                                                                         {U'\n', "\\n"},
                                                                         {U'\r', "\\r"},
                                                                         {U'\t', "\\t"}}};
  for (const auto& [character, text] : kShort) {
    if (character == c) return std::string(text);
  }
  if (c < kFirstUnescaped) return fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  return {};
}

}  // namespace

GrammarBuilder::Node add_json_character(GrammarBuilder& builder, std::span<const CodePointRange> ranges) {
  std::vector<CodePointRange> unescaped;
  std::vector<GrammarBuilder::Node> parts;
  for (CodePointRange range : ranges) {
    range.last = std::min(range.last, char32_t{0x10FFFF});
    // The escaped ones are few and all in front.
    char32_t next = range.first;
    for (; next <= range.last && next <= U'\\'; ++next) {
      if (const std::string escape = escape_of(next); !escape.empty()) {
        parts.push_back(builder.literal(escape));
      } else {
        unescaped.push_back({next, next});
      }
    }
    if (next <= range.last) unescaped.push_back({next, range.last});
  }
  if (!unescaped.empty()) parts.push_back(builder.characters(unescaped));
  return builder.choice(std::move(parts));
}

GrammarBuilder::Node add_any_json_character(GrammarBuilder& builder) {
  constexpr CodePointRange kAll{0, 0x10FFFF};
  return add_json_character(builder, {&kAll, 1});
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const std::string escape = escape_of(static_cast<unsigned char>(c));
    out += escape.empty() ? std::string(1, c) : escape;
  }
  return out + '"';
}

GrammarBuilder::Node add_json_space(GrammarBuilder& builder) {
  constexpr uint32_t kMaxIndent = 20;
  const Rule space = builder.declare("JSON white space");
  builder.define(space,
                 builder.choice({builder.empty(), builder.literal(" "),
                                 builder.sequence({builder.literal("\n"),
                                                   builder.repeat(builder.literal(" "), 0, kMaxIndent)})}));
  return builder.call(space);
}

}  // namespace hearth::text::grammar
