#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/pre_tokenizer.h"

#include <pcre2.h>

#include <cstring>
#include <string>

#include "base/utf8.h"

namespace hearth::text {
namespace {

const auto* subject_of(std::string_view text) noexcept {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
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

}  // namespace

void PreTokenizer::FreeCode::operator()(pcre2_real_code_8* code) const noexcept {
  pcre2_code_free(code);
}

void PreTokenizer::Session::FreeMatchData::operator()(pcre2_real_match_data_8* data) const noexcept {
  pcre2_match_data_free(data);
}

Result<PreTokenizer> PreTokenizer::create(const PreTokenizerRule& rule) {
  PreTokenizer result;
  for (const char* expression : rule.expressions) {
    int error = 0;
    PCRE2_SIZE place = 0;
    pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression), PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error, &place, nullptr);
    if (code == nullptr) {
      char reason[256] = "";
      pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason), sizeof reason);
      return make_error(ErrorCode::kUnsupported,
                        "pre-tokenizer {}: expected an expression that PCRE2 compiles, found at {}: {}",
                        rule.names.front(), place, reason);
    }
    result.codes_.emplace_back(code);
    // Where it fails (no executable memory, say), matching interprets the expression and is slower.
    static_cast<void>(pcre2_jit_compile(code, PCRE2_JIT_COMPLETE));
  }
  return result;
}

PreTokenizer::Session::Session(const PreTokenizer& pre_tokenizer)
    : pre_tokenizer_(pre_tokenizer), match_data_(pcre2_match_data_create(1, nullptr)) {}

PreTokenizer::Session::Run PreTokenizer::Session::next_run(std::string_view text) noexcept {
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

PreTokenizer::Session::Match PreTokenizer::Session::next_match(size_t expression, std::string_view text,
                                                               size_t from) const noexcept {
  const Match nothing{text.size(), text.size()};
  const pcre2_code* code = pre_tokenizer_.codes_[expression].get();
  if (match_data_ == nullptr) return nothing;
  int found =
      pcre2_match(code, subject_of(text), text.size(), from, PCRE2_NO_UTF_CHECK, match_data_.get(), nullptr);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
    found = pcre2_match(code, subject_of(text), text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                        match_data_.get(), nullptr);
  }
  // Beyond the interpreter's limits too: what is left is one word, which costs fidelity and nothing else.
  if (found < 0) return nothing;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match_data_.get());
  return ends[1] > ends[0] ? Match{ends[0], ends[1]} : nothing;
}

}  // namespace hearth::text
