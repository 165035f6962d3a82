#include "sampling/dry.h"

#include <algorithm>

#include "sampling/deterministic_math.h"

namespace hearth::sampling {

Dry::Dry(const SamplingOptions& options, TokenText token_text)
    : off_(options.dry_multiplier == 0.0F || options.dry_base < 1.0F || options.dry_penalty_last_n == 0),
      multiplier_(static_cast<double>(options.dry_multiplier)),
      base_(static_cast<double>(options.dry_base)),
      allowed_length_(static_cast<unsigned>(options.dry_allowed_length)),
      look_back_(options.dry_penalty_last_n),
      breakers_(options.dry_sequence_breakers),
      token_text_(std::move(token_text)) {
  for (const std::string& breaker : breakers_) longest_breaker_ = std::max(longest_breaker_, breaker.size());
}

void Dry::accept(int32_t token) {
  if (off_) return;
  tokens_.push_back(token);
  const bool breaks = token_text_ != nullptr && longest_breaker_ > 0 && ends_breaker(token_text_(token));
  n_unbroken_ = breaks ? 0 : n_unbroken_ + 1;
}

bool Dry::ends_breaker(std::string_view added) {
  const size_t n_before = tail_.size();
  tail_ += added;
  const bool found = std::any_of(breakers_.begin(), breakers_.end(), [&](const std::string& breaker) {
    const size_t first = n_before >= breaker.size() ? n_before - breaker.size() + 1 : 0;
    return tail_.find(breaker, first) != std::string::npos;
  });
  if (tail_.size() >= longest_breaker_) tail_.erase(0, tail_.size() - (longest_breaker_ - 1));
  return found;
}

void Dry::apply(Candidates& candidates) {
  if (off_ || n_unbroken_ == 0) return;
  const size_t n = tokens_.size();
  find_repetitions(look_back_ < 0 ? n : std::min(n, static_cast<size_t>(look_back_)));
  candidates.adjust(repetitions_, [this](float logit, uint32_t length) {
    const double penalty = multiplier_ * deterministic_power(base_, length - allowed_length_);
    return static_cast<float>(static_cast<double>(logit) - penalty);
  });
}

// The tokens backwards are a string whose Z function at i is the length of the passage that ends with the
// i-th last token and is equal to the end of the text. (D. Gusfield, Algorithms on Strings, Trees and
// Sequences, section 1.4.)
void Dry::find_repetitions(size_t most) {
  repetitions_.clear();
  const auto backwards = [this](size_t i) { return tokens_[tokens_.size() - 1 - i]; };
  lengths_.assign(most, 0);
  size_t left = 0;
  size_t right = 0;  // the match that reaches furthest so far: left .. right - 1
  for (size_t i = 1; i < most; ++i) {
    size_t length = i < right ? std::min<size_t>(right - i, lengths_[i - left]) : 0;
    while (i + length < most && backwards(length) == backwards(i + length)) ++length;
    lengths_[i] = static_cast<uint32_t>(length);
    if (i + length > right) {
      left = i;
      right = i + length;
    }
    const auto within_break = static_cast<uint32_t>(std::min(length, n_unbroken_));
    if (within_break == 0 || within_break < allowed_length_) continue;
    uint32_t& longest = repetitions_[backwards(i - 1)];
    longest = std::max(longest, within_break);
  }
}

}  // namespace hearth::sampling
