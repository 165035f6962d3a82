// How BERT sees text: cleaned, in lower case, without accents, cut at white space and around punctuation.
// Source: google-research/bert, tokenization.py (BasicTokenizer), as Hugging Face's tokenizers do it.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"

namespace hearth::text {

struct BertNormalization {
  bool clean_text = true;            // drop control characters, and make all white space a space
  bool handle_chinese_chars = true;  // a space on both sides of each ideograph
  bool strip_accents = true;
  bool lowercase = true;
};
// With clean_text, bytes that are no UTF-8 go like other characters that cannot be shown; otherwise they
// stay.
std::string normalize_for_bert(std::string_view text, const BertNormalization& options);

bool is_bert_punctuation(char32_t c) noexcept;
bool is_bert_white_space(char32_t c) noexcept;

// Calls emit(word) for each word of `text`: white space parts words and is dropped, each punctuation mark is
// a word.
template <typename Emit>
void split_for_bert(std::string_view text, const Emit& emit) {
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (end > begin) emit(text.substr(begin, end - begin));
  };
  for (size_t at = 0; at < text.size();) {
    const DecodedCharacter c = decode_utf8(text.substr(at));
    const size_t next = at + c.length_bytes;
    const bool is_mark = is_bert_punctuation(c.code_point);
    if (is_mark || is_bert_white_space(c.code_point)) {
      end_word(at);
      begin = next;
      if (is_mark) emit(text.substr(at, c.length_bytes));
    }
    at = next;
  }
  end_word(text.size());
}

}  // namespace hearth::text
