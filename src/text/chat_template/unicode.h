// Python's str, on UTF-8: code points, character classes and case.
//
// Bytes that are no UTF-8 count as one character each and pass through unchanged. Case follows Unicode's
// simple mappings (one character to one), except ß, whose upper case is SS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/chat_template/value.h"

namespace hearth::text::jinja {

// str.isspace of one character.
bool is_space(char32_t c);
bool is_alphabetic(char32_t c);
bool is_digit(char32_t c);      // Unicode's decimal digits
bool is_printable(char32_t c);  // what repr() leaves as it is
bool is_upper(char32_t c);
bool is_lower(char32_t c);

size_t length_in_code_points(std::string_view text);
size_t length_in_code_points(const StringData& text);
// Where the code point with this index begins; the end where there are fewer.
size_t byte_offset(const StringData& text, size_t index);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string swap_case(std::string_view text);
// The first character in title case, the others in lower case.
std::string capitalize(std::string_view text);
// str.title: each run of letters is a word.
std::string title_case(std::string_view text);

enum class Side { kLeft, kRight, kBoth };
std::string_view strip_space(std::string_view text, Side side = Side::kBoth);
// Strips whichever code points of `characters` stand at the ends.
std::string_view strip_characters(std::string_view text, std::string_view characters, Side side);

// Linear in the worst case, unlike std::string_view::find. npos where absent.
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);

}  // namespace hearth::text::jinja
