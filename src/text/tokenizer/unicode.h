// What tokenizers need to know of Unicode. Where a published tokenizer goes by a rule of its own (BERT's
// notion of punctuation), that rule stands with its code.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth::text {

// The bytes at the front of a text that are all valid UTF-8, or all not.
struct Utf8Run {
  size_t size;
  bool valid;
};
// `text` must not be empty.
Utf8Run next_utf8_run(std::string_view text) noexcept;

// The property White_Space.
bool is_white_space(char32_t c) noexcept;
// The general categories: C*, Mn, N*, P*.
bool is_other_category(char32_t c) noexcept;
bool is_nonspacing_mark(char32_t c) noexcept;
bool is_combining_mark(char32_t c) noexcept;  // M*
bool is_numeric(char32_t c) noexcept;
bool is_punctuation(char32_t c) noexcept;
bool is_ascii_punctuation(char32_t c) noexcept;  // !"#$%&'()*+,-./:;<=>?@[\]^_`{|}~
// What words are made of, \w of UTS #18: letters, marks, decimal digits, connectors, joiners.
bool is_word_character(char32_t c) noexcept;

// Appends `c` in lower case, by Unicode's full mapping without context.
void append_lower(std::string& out, char32_t c);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// UAX #15. Bytes that are no UTF-8 stay as they are.
std::string normalize(std::string_view text, NormalForm form);

// The length of the extended grapheme cluster that `text` begins with (UAX #29). `text` must not be empty;
// an invalid byte is a cluster of its own.
size_t grapheme_length(std::string_view text) noexcept;

}  // namespace hearth::text
