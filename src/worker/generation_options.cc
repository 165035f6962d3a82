#include "worker/generation_options.h"

#include <algorithm>

namespace hearth::worker {
namespace {

constexpr size_t kMaxTenantBytes = 256;
constexpr size_t kMaxTenants = 1'000'000;

}  // namespace

Result<sampling::SamplingOptions> sampling_options_of(const protocol::Sampling& sampling) {
  sampling::SamplingOptions options;
#define HEARTH_TAKE(name) \
  if (sampling.has_##name()) options.name = sampling.name()
  HEARTH_TAKE(temperature);
  HEARTH_TAKE(dynatemp_range);
  HEARTH_TAKE(dynatemp_exponent);
  HEARTH_TAKE(top_k);
  HEARTH_TAKE(top_p);
  HEARTH_TAKE(min_p);
  HEARTH_TAKE(typical_p);
  HEARTH_TAKE(top_n_sigma);
  HEARTH_TAKE(xtc_probability);
  HEARTH_TAKE(xtc_threshold);
  HEARTH_TAKE(repeat_penalty);
  HEARTH_TAKE(presence_penalty);
  HEARTH_TAKE(frequency_penalty);
  HEARTH_TAKE(repeat_last_n);
  HEARTH_TAKE(dry_multiplier);
  HEARTH_TAKE(dry_base);
  HEARTH_TAKE(dry_allowed_length);
  HEARTH_TAKE(dry_penalty_last_n);
  HEARTH_TAKE(mirostat);
  HEARTH_TAKE(mirostat_tau);
  HEARTH_TAKE(mirostat_eta);
  HEARTH_TAKE(seed);
#undef HEARTH_TAKE
  if (sampling.has_dry_sequence_breakers()) {
    const auto& texts = sampling.dry_sequence_breakers().texts();
    options.dry_sequence_breakers.assign(texts.begin(), texts.end());
  }
  for (const protocol::Sampling::Bias& bias : sampling.logit_bias())
    options.logit_bias.push_back({bias.token(), bias.bias()});
  if (!sampling.samplers().empty()) {
    HEARTH_ASSIGN(options.samplers, sampling::parse_stages(sampling.samplers()));
  }
  return options;
}

Result<uint64_t> Tenants::number_of(const std::string& name) {
  if (name.empty()) return uint64_t{0};
  if (name.size() > kMaxTenantBytes) {
    return make_error(ErrorCode::kInvalidArgument, "tenant: expected at most {} bytes, found {}",
                      kMaxTenantBytes, name.size());
  }
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  if (numbers_.size() == kMaxTenants)
    return make_error(ErrorCode::kResourceExhausted, "tenant: there are {} already", kMaxTenants);
  return numbers_.emplace(name, numbers_.size() + 1).first->second;
}

Result<AnswerLimit> answer_limit_of(const protocol::Generate& call, int64_t n_prompt,
                                    int64_t context_tokens) {
  AnswerLimit limit;
  if (call.has_max_tokens() && call.max_tokens() >= 0) limit.max_tokens = call.max_tokens();
  if (call.context_tokens() < 0) {
    return make_error(ErrorCode::kInvalidArgument, "num_ctx: expected 0 or more, found {}",
                      call.context_tokens());
  }
  if (call.context_tokens() == 0 || call.context_tokens() >= context_tokens) return limit;
  const int64_t room = call.context_tokens() - n_prompt;
  if (room <= 0) {
    return make_error(
        ErrorCode::kResourceExhausted,
        "the prompt has {} tokens and the context holds {}: no room for an answer (a larger num_ctx "
        "gives more)",
        n_prompt, call.context_tokens());
  }
  if (limit.max_tokens < 0 || room < limit.max_tokens) limit = {room, true};
  return limit;
}

}  // namespace hearth::worker
