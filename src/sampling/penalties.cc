#include "sampling/penalties.h"

namespace hearth::sampling {

Penalties::Penalties(const SamplingOptions& options)
    : off_(options.repeat_last_n == 0 ||
           (options.repeat_penalty == 1.0F && options.presence_penalty == 0.0F &&
            options.frequency_penalty == 0.0F)),
      repeat_(options.repeat_penalty),
      presence_(options.presence_penalty),
      frequency_(options.frequency_penalty),
      look_back_(options.repeat_last_n) {}

void Penalties::accept(int32_t token) {
  if (off_) return;
  recent_.push_back(token);
  ++counts_[token];
  if (look_back_ < 0 || recent_.size() <= static_cast<size_t>(look_back_)) return;
  const auto oldest = counts_.find(recent_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  recent_.pop_front();
}

// The repetition penalty divides what speaks for a token and multiplies what speaks against it, so that it
// always lowers (arXiv:1909.05858 has the division alone, which raises negative logits).
void Penalties::apply(Candidates& candidates) const {
  if (off_) return;
  candidates.adjust(counts_, [this](float logit, int32_t count) {
    const float weakened = logit > 0.0F ? logit / repeat_ : logit * repeat_;
    return weakened - (static_cast<float>(count) * frequency_ + presence_);
  });
}

}  // namespace hearth::sampling
