#include "text/chat_template/text_operations.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/chat_template/representation.h"

namespace hearth::text::jinja {
namespace {

constexpr size_t kAbsent = std::string_view::npos;
// What a part of a split costs beyond its bytes.
constexpr uint64_t kPartBytes = 16;

std::string reversed(std::string_view text) {
  return {text.rbegin(), text.rend()};
}

// The length of the run of characters at the front that are white space, or are not.
size_t run_length(std::string_view text, bool space) {
  size_t n = 0;
  while (n < text.size()) {
    const DecodedCharacter c = decode_utf8(text.substr(n));
    if (is_space(c.code_point) != space) break;
    n += c.length_bytes;
  }
  return n;
}

Result<std::vector<std::string_view>> words_from_left(Runtime& runtime, std::string_view text, int64_t most) {
  std::vector<std::string_view> words;
  for (text = strip_space(text, Side::kLeft); !text.empty(); text = strip_space(text, Side::kLeft)) {
    HEARTH_TRY(runtime.budget().bytes(kPartBytes));
    if (most == 0) {
      // The rest keeps its inner white space, and in Python also what trails it.
      words.push_back(text);
      break;
    }
    --most;
    const size_t length = run_length(text, false);
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

Result<std::vector<std::string_view>> words_from_right(Runtime& runtime, std::string_view text,
                                                       int64_t most) {
  if (most < 0) return words_from_left(runtime, text, most);
  HEARTH_ASSIGN(const auto all, words_from_left(runtime, text, -1));
  const auto n_cuts = std::min<size_t>(static_cast<size_t>(most), all.size());
  std::vector<std::string_view> words(all.end() - static_cast<ptrdiff_t>(n_cuts), all.end());
  if (n_cuts < all.size()) {
    const std::string_view last = all[all.size() - n_cuts - 1];
    const auto length = static_cast<size_t>(last.data() + last.size() - text.data());
    words.insert(words.begin(), text.substr(0, length));
  }
  return words;
}

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

Result<std::string_view> strip_text(Runtime& runtime, std::string_view text, bool only_characters,
                                    std::string_view characters, Side side) {
  HEARTH_TRY(runtime.budget().characters(text.size()));
  HEARTH_TRY(runtime.budget().bytes(kPartBytes * characters.size()));
  return only_characters ? strip_characters(text, characters, side) : strip_space(text, side);
}

Result<std::vector<std::string_view>> split_from_left(Runtime& runtime, std::string_view text,
                                                      std::string_view separator, int64_t most) {
  HEARTH_TRY(separator.empty() ? runtime.budget().characters(text.size())
                               : runtime.budget().bytes(text.size()));
  if (separator.empty()) return words_from_left(runtime, text, most);
  std::vector<std::string_view> parts;
  for (size_t at = 0; most != 0 && (at = find_text(text, separator)) != kAbsent; --most) {
    HEARTH_TRY(runtime.budget().bytes(kPartBytes));
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

Result<std::vector<std::string_view>> split_from_right(Runtime& runtime, std::string_view text,
                                                       std::string_view separator, int64_t most) {
  HEARTH_TRY(runtime.budget().bytes(2 * text.size()));
  if (separator.empty()) return words_from_right(runtime, text, most);
  // Searching backwards is searching forwards in the reversed text.
  const std::string backwards = reversed(text);
  HEARTH_ASSIGN(const auto mirrored, split_from_left(runtime, backwards, reversed(separator), most));
  std::vector<std::string_view> parts;
  for (auto part = mirrored.rbegin(); part != mirrored.rend(); ++part) {
    const auto behind = static_cast<size_t>(part->data() - backwards.data());
    parts.push_back(text.substr(text.size() - behind - part->size(), part->size()));
  }
  return parts;
}

Result<std::vector<std::string_view>> split_lines(Runtime& runtime, std::string_view text, bool keep_ends) {
  HEARTH_TRY(runtime.budget().characters(text.size()));
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    HEARTH_TRY(runtime.budget().elements(1));
    size_t length = 0;
    size_t ending = 0;
    while (length < text.size() && ending == 0) {
      const DecodedCharacter c = decode_utf8(text.substr(length));
      if (ends_line(c.code_point)) {
        ending = text.substr(length).starts_with("\r\n") ? 2 : c.length_bytes;
      } else {
        length += c.length_bytes;
      }
    }
    lines.push_back(text.substr(0, length + (keep_ends ? ending : 0)));
    text.remove_prefix(length + ending);
  }
  return lines;
}

Result<size_t> find_last(Runtime& runtime, std::string_view text, std::string_view wanted) {
  HEARTH_TRY(runtime.budget().bytes(2 * text.size()));
  if (wanted.size() > text.size()) return kAbsent;
  const size_t behind = find_text(reversed(text), reversed(wanted));
  return behind == kAbsent ? kAbsent : text.size() - behind - wanted.size();
}

Result<std::string> replace_text(Runtime& runtime, std::string_view text, std::string_view wanted,
                                 std::string_view substitute, int64_t most) {
  HEARTH_TRY(runtime.budget().bytes(text.size()));
  std::string out;
  for (; most != 0; --most) {
    const size_t at = find_text(text, wanted);
    if (at == kAbsent) break;
    HEARTH_TRY(runtime.budget().bytes(substitute.size() + kPartBytes));
    out += text.substr(0, at);
    out += substitute;
    text.remove_prefix(at + wanted.size());
    if (!wanted.empty()) continue;
    if (text.empty()) break;
    const size_t length = decode_utf8(text).length_bytes;
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out += text;
}

Result<std::string> join_text(Runtime& runtime, const std::vector<Value>& items, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) {
      HEARTH_TRY(runtime.budget().bytes(separator.size()));
      out += separator;
    }
    HEARTH_TRY(append_text(runtime, out, items[i]));
  }
  return out;
}

bool has_only_case(std::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    if (other(c.code_point)) return false;
    any |= wanted(c.code_point);
    text.remove_prefix(c.length_bytes);
  }
  return any;
}

}  // namespace hearth::text::jinja
