#include "sampling/sampler.h"

#include <cmath>

#include "sampling/filters.h"

namespace hearth::sampling {
namespace {

uint64_t random_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

// What looks at the text so far instead of the probabilities.
bool looks_back(Stage stage) {
  return stage == Stage::kPenalties || stage == Stage::kDry;
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, TokenText token_text)
    : options_(options),
      seed_(options.seed == -1 ? random_seed() : static_cast<uint64_t>(options.seed)),
      random_(seed_),
      penalties_(options),
      dry_(options, std::move(token_text)) {
  for (const LogitBias& entry : options.logit_bias) {
    if (std::isfinite(entry.bias)) {
      biases_[entry.token] += entry.bias;
    } else {
      banned_.push_back(entry.token);
    }
  }
}

void Sampler::accept(int32_t token) {
  penalties_.accept(token);
  dry_.accept(token);
}

int32_t Sampler::sample(std::span<float> logits, std::span<const uint64_t> allowed) {
  HEARTH_CHECK(!logits.empty());
  const float highest = allowed.empty() ? candidates_.reset(logits) : candidates_.reset(logits, allowed);
  if (!std::isfinite(highest)) return candidates_.best();
  candidates_.adjust(biases_, [](float logit, float bias) { return logit + bias; });
  for (const int32_t token : banned_) candidates_.mask(token);
  if (!banned_.empty() && candidates_.all_masked()) return candidates_.best();

  const bool greedy = options_.temperature == 0.0F;
  const bool with_mirostat = options_.mirostat != 0;
  for (const Stage stage : options_.samplers) {
    if (greedy && !looks_back(stage)) continue;
    if (with_mirostat && !looks_back(stage) && stage != Stage::kTemperature) continue;
    apply(stage);
  }
  if (greedy) return candidates_.best();
  if (!with_mirostat) return draw();
  if (!mirostat_) {
    mirostat_.emplace(static_cast<Mirostat::Version>(options_.mirostat),
                      static_cast<double>(options_.mirostat_tau), static_cast<double>(options_.mirostat_eta),
                      static_cast<int64_t>(logits.size()));
  }
  mirostat_->truncate(candidates_);
  return draw();
}

void Sampler::apply(Stage stage) {
  const auto share = [](float option) { return static_cast<double>(option); };
  switch (stage) {
    case Stage::kPenalties:
      return penalties_.apply(candidates_);
    case Stage::kDry:
      return dry_.apply(candidates_);
    case Stage::kTopNSigma:
      if (options_.top_n_sigma > 0.0F) keep_top_n_sigma(candidates_, share(options_.top_n_sigma));
      return;
    case Stage::kTopK:
      if (options_.top_k > 0) candidates_.keep_highest(static_cast<size_t>(options_.top_k));
      return;
    case Stage::kTypicalP:
      if (options_.typical_p < 1.0F) keep_typical(candidates_, share(options_.typical_p));
      return;
    case Stage::kTopP:
      if (options_.top_p < 1.0F) keep_top_p(candidates_, share(options_.top_p));
      return;
    case Stage::kMinP:
      if (options_.min_p > 0.0F) keep_min_p(candidates_, share(options_.min_p));
      return;
    case Stage::kXtc:
      // Above a half at most one token can reach the threshold.
      if (options_.xtc_probability > 0.0F && options_.xtc_threshold <= 0.5F &&
          uniform() < share(options_.xtc_probability)) {
        exclude_top_choices(candidates_, share(options_.xtc_threshold));
      }
      return;
    case Stage::kTemperature:
      if (options_.dynatemp_range > 0.0F) {
        apply_dynamic_temperature(candidates_, share(options_.temperature), share(options_.dynatemp_range),
                                  share(options_.dynatemp_exponent));
      } else if (options_.temperature != 1.0F) {
        candidates_.divide(share(options_.temperature));
      }
      return;
  }
}

// 53 bits: every double in [0, 1).
double Sampler::uniform() {
  return static_cast<double>(random_() >> 11) * 0x1p-53;
}

int32_t Sampler::draw() {
  double remaining = uniform() * candidates_.total_weight();
  const Candidate* drawn = nullptr;
  for (const Candidate& candidate : candidates_.weighed_list()) {
    if (candidate.weight == 0.0) continue;
    drawn = &candidate;
    remaining -= candidate.weight;
    if (remaining < 0.0) break;
  }
  if (mirostat_) mirostat_->observe(*drawn);
  return drawn->token;
}

}  // namespace hearth::sampling
