// GPT-2's byte alphabet: every byte has a printable character, so that a byte-level BPE vocabulary can be
// written as text. Source: openai/gpt-2, encoder.py, bytes_to_unicode.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hearth::text {

// The character that stands for `byte`: itself if it is printable Latin-1, else one from U+0100 on.
char32_t alphabet_character(unsigned char byte) noexcept;

// Appends the bytes that `text` spells. False, with `out` as it was, if a character is not of the alphabet.
bool append_alphabet_bytes(std::string_view text, std::string& out);

}  // namespace hearth::text
