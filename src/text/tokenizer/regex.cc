#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer/regex.h"

#include <pcre2.h>

namespace hearth::text {
namespace {

// Matching a word takes some dozens of steps; only what is made to run far takes more.
constexpr uint32_t kMatchLimit = 10'000'000;
constexpr int kMaxGivenUp = 8;
// The usual stack has 32 KiB, which a run of some thousand characters can exceed.
constexpr size_t kStackBytes = size_t{32} << 10;
constexpr size_t kMaxStackBytes = size_t{32} << 20;
constexpr size_t kMaxExpressionBytes = size_t{1} << 16;

const auto* subject_of(std::string_view text) noexcept {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const noexcept {
  pcre2_code_free(code);
}

void Regex::Matcher::FreeMatchData::operator()(pcre2_real_match_data_8* data) const noexcept {
  pcre2_match_data_free(data);
}

void Regex::Matcher::FreeContext::operator()(pcre2_real_match_context_8* context) const noexcept {
  pcre2_match_context_free(context);
}

void Regex::Matcher::FreeStack::operator()(pcre2_real_jit_stack_8* stack) const noexcept {
  pcre2_jit_stack_free(stack);
}

Result<Regex> Regex::compile(std::string_view expression, Anchors anchors) {
  if (expression.size() > kMaxExpressionBytes) {
    return make_error(ErrorCode::kUnsupported, "expected an expression of at most {} bytes, found {}",
                      kMaxExpressionBytes, expression.size());
  }
  const uint32_t dollar = anchors == Anchors::kLines ? PCRE2_MULTILINE : PCRE2_DOLLAR_ENDONLY;
  int error = 0;
  PCRE2_SIZE place = 0;
  Regex result;
  result.code_.reset(pcre2_compile(subject_of(expression), expression.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | dollar, &error, &place,
                                   nullptr));
  if (result.code_ == nullptr) {
    char reason[256] = "";
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason), sizeof reason);
    return make_error(ErrorCode::kUnsupported, "expected an expression that PCRE2 compiles, found at {}: {}",
                      place, reason);
  }
  // Where it fails (no executable memory, say), matching interprets the expression and is slower.
  static_cast<void>(pcre2_jit_compile(result.code_.get(), PCRE2_JIT_COMPLETE));
  return result;
}

Regex::Matcher::Matcher(const Regex& regex)
    : regex_(&regex),
      match_data_(pcre2_match_data_create(1, nullptr)),
      context_(pcre2_match_context_create(nullptr)) {
  if (context_ != nullptr) pcre2_set_match_limit(context_.get(), kMatchLimit);
}

int Regex::Matcher::match(std::string_view text, size_t from, uint32_t options) noexcept {
  return pcre2_match(regex_->code_.get(), subject_of(text), text.size(), from, PCRE2_NO_UTF_CHECK | options,
                     match_data_.get(), context_.get());
}

std::optional<Regex::Match> Regex::Matcher::find(std::string_view text, size_t from) noexcept {
  if (match_data_ == nullptr || context_ == nullptr || n_given_up_ == kMaxGivenUp) return std::nullopt;
  int found = match(text, from, 0);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT && stack_ == nullptr) {
    stack_.reset(pcre2_jit_stack_create(kStackBytes, kMaxStackBytes, nullptr));
    pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
    found = match(text, from, 0);
  }
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(text, from, PCRE2_NO_JIT);
  if (found < 0) {
    if (found != PCRE2_ERROR_NOMATCH) ++n_given_up_;
    return std::nullopt;
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match_data_.get());
  // \K in a lookaround can put the end before the beginning, or the beginning before where we stand.
  if (ends[0] < from || ends[1] < ends[0]) return std::nullopt;
  return Match{ends[0], ends[1]};
}

}  // namespace hearth::text
