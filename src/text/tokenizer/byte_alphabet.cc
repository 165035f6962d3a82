#include "text/tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace hearth::text {
namespace {

constexpr bool is_printable_latin1(unsigned byte) noexcept {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<uint16_t, 256> characters{};
  std::array<int16_t, 512> bytes{};  // by character; -1: not of the alphabet

  constexpr Alphabet() {
    for (int16_t& byte : bytes) byte = -1;
    unsigned next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const unsigned character = is_printable_latin1(byte) ? byte : next++;
      characters[byte] = static_cast<uint16_t>(character);
      bytes[character] = static_cast<int16_t>(byte);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t alphabet_character(unsigned char byte) noexcept {
  return kAlphabet.characters[byte];
}

bool append_alphabet_bytes(std::string_view text, std::string& out) {
  const size_t size_before = out.size();
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    const int byte = c.valid && c.code_point < kAlphabet.bytes.size() ? kAlphabet.bytes[c.code_point] : -1;
    if (byte < 0) {
      out.resize(size_before);
      return false;
    }
    out.push_back(static_cast<char>(byte));
    text.remove_prefix(c.length_bytes);
  }
  return true;
}

}  // namespace hearth::text
