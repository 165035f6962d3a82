#include "text/tokenizer/unicode.h"

#include <utf8proc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/utf8.h"

namespace hearth::text {
namespace {

utf8proc_category_t category(char32_t c) noexcept {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_ascii(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x80;
}

// The length of the ASCII that `text` begins with, in steps of eight.
size_t ascii_prefix(std::string_view text) noexcept {
  size_t n = 0;
  for (; n + 8 <= text.size(); n += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + n, 8);
    if ((word & 0x8080808080808080) != 0) break;
  }
  return n;
}

int options_of(NormalForm form) noexcept {
  switch (form) {
    case NormalForm::kNfc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    case NormalForm::kNfd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
    case NormalForm::kNfkc:
      return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    case NormalForm::kNfkd:
      return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  }
  return 0;
}

// Appends the normal form of `text`, which is valid UTF-8.
void append_normalized(std::string& out, std::string_view text, NormalForm form) {
  struct Free {
    void operator()(utf8proc_uint8_t* memory) const noexcept { std::free(memory); }
  };
  utf8proc_uint8_t* memory = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &memory,
                                             static_cast<utf8proc_option_t>(options_of(form)));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(memory);
  // It fails for want of memory only; the text as it was is the best answer then.
  if (size < 0) {
    out += text;
  } else {
    out.append(reinterpret_cast<const char*>(memory), static_cast<size_t>(size));
  }
}

}  // namespace

Utf8Run next_utf8_run(std::string_view text) noexcept {
  size_t n = ascii_prefix(text);
  const bool valid = n > 0 || decode_utf8(text).valid;
  while (n < text.size()) {
    const DecodedCharacter c = decode_utf8(text.substr(n));
    if (c.valid != valid) break;
    n += c.length_bytes;
    if (valid) n += ascii_prefix(text.substr(n));
  }
  return {n, valid};
}

bool is_white_space(char32_t c) noexcept {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  if (c == 0x85) return true;
  const utf8proc_category_t found = category(c);
  return found == UTF8PROC_CATEGORY_ZS || found == UTF8PROC_CATEGORY_ZL || found == UTF8PROC_CATEGORY_ZP;
}

bool is_other_category(char32_t c) noexcept {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      return false;
  }
}

bool is_nonspacing_mark(char32_t c) noexcept {
  return category(c) == UTF8PROC_CATEGORY_MN;
}

bool is_combining_mark(char32_t c) noexcept {
  const utf8proc_category_t found = category(c);
  return found == UTF8PROC_CATEGORY_MN || found == UTF8PROC_CATEGORY_MC || found == UTF8PROC_CATEGORY_ME;
}

bool is_numeric(char32_t c) noexcept {
  const utf8proc_category_t found = category(c);
  return found == UTF8PROC_CATEGORY_ND || found == UTF8PROC_CATEGORY_NL || found == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) noexcept {
  const utf8proc_category_t found = category(c);
  return found >= UTF8PROC_CATEGORY_PC && found <= UTF8PROC_CATEGORY_PO;
}

bool is_ascii_punctuation(char32_t c) noexcept {
  return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60) ||
         (c >= 0x7B && c <= 0x7E);
}

bool is_word_character(char32_t c) noexcept {
  if (c == 0x200C || c == 0x200D) return true;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    // The letters in circles are symbols that count as alphabetic.
    default:
      return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F189 && c != 0x1F14A);
  }
}

void append_lower(std::string& out, char32_t c) {
  if (c == 0x130) {  // the one character whose lower case is two
    out += "i\u0307";
    return;
  }
  append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

std::string normalize(std::string_view text, NormalForm form) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    // ASCII is its own normal form, but for a letter that marks follow.
    size_t end = at + ascii_prefix(text.substr(at));
    while (end < text.size() && is_ascii(text[end])) ++end;
    if (end < text.size() && end > at) --end;
    out += text.substr(at, end - at);
    at = end;
    if (at == text.size()) break;
    end = at + 1;
    while (end < text.size() && !is_ascii(text[end])) ++end;
    for (std::string_view rest = text.substr(at, end - at); !rest.empty();) {
      const Utf8Run run = next_utf8_run(rest);
      if (run.valid) {
        append_normalized(out, rest.substr(0, run.size), form);
      } else {
        out += rest.substr(0, run.size);
      }
      rest.remove_prefix(run.size);
    }
    at = end;
  }
  return out;
}

size_t grapheme_length(std::string_view text) noexcept {
  DecodedCharacter previous = decode_utf8(text);
  size_t length = previous.length_bytes;
  utf8proc_int32_t state = 0;
  while (previous.valid && length < text.size()) {
    const DecodedCharacter next = decode_utf8(text.substr(length));
    if (!next.valid ||
        utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous.code_point),
                                         static_cast<utf8proc_int32_t>(next.code_point), &state) != 0) {
      break;
    }
    length += next.length_bytes;
    previous = next;
  }
  return length;
}

}  // namespace hearth::text
