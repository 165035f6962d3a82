#include "text/tokenizer/bert_text.h"

#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

// The blocks of CJK ideographs, without kana and Hangul, whose languages write spaces or endings.
constexpr bool is_ideograph(char32_t c) noexcept {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_dropped(char32_t c) noexcept {
  if (c == 0 || c == kReplacementCharacter) return true;
  return c != '\t' && c != '\n' && c != '\r' && is_other_category(c);
}

// Calls each(character, its bytes) for all of `text`.
template <typename Each>
void for_each_character(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    each(c, text.substr(0, c.length_bytes));
    text.remove_prefix(c.length_bytes);
  }
}

std::string clean_and_space(std::string_view text, const BertNormalization& options) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](const DecodedCharacter& c, std::string_view bytes) {
    if (options.clean_text && is_dropped(c.code_point)) return;
    if (options.clean_text && is_bert_white_space(c.code_point)) {
      out.push_back(' ');
    } else if (options.handle_chinese_chars && is_ideograph(c.code_point)) {
      out.push_back(' ');
      out += bytes;
      out.push_back(' ');
    } else {
      out += bytes;
    }
  });
  return out;
}

}  // namespace

bool is_bert_punctuation(char32_t c) noexcept {
  return c < 0x80 ? is_ascii_punctuation(c) : is_punctuation(c);
}

bool is_bert_white_space(char32_t c) noexcept {
  return is_white_space(c);
}

std::string normalize_for_bert(std::string_view text, const BertNormalization& options) {
  std::string spaced = clean_and_space(text, options);
  if (options.strip_accents) spaced = normalize(spaced, NormalForm::kNfd);
  if (!options.strip_accents && !options.lowercase) return spaced;
  std::string out;
  out.reserve(spaced.size());
  for_each_character(spaced, [&](const DecodedCharacter& c, std::string_view bytes) {
    if (c.valid && options.strip_accents && is_nonspacing_mark(c.code_point)) return;
    if (c.valid && options.lowercase) {
      append_lower(out, c.code_point);
    } else {
      out += bytes;
    }
  });
  return out;
}

}  // namespace hearth::text
