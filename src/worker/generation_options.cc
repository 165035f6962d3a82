#include "worker/generation_options.h"

#include <algorithm>

namespace hearth::worker {
namespace {

constexpr size_t kMaxTenantBytes = 256;

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

Result<engine::Request> request_of(const protocol::Generate& call) {
  engine::Request request;
  HEARTH_ASSIGN(request.sampling, sampling_options_of(call.sampling()));
  if (call.has_max_tokens() && call.max_tokens() >= 0) request.max_tokens = call.max_tokens();
  if (call.tenant().size() > kMaxTenantBytes) {
    return make_error(ErrorCode::kInvalidArgument, "tenant: expected at most {} bytes, found {}",
                      kMaxTenantBytes, call.tenant().size());
  }
  if (call.context_tokens() < 0) {
    return make_error(ErrorCode::kInvalidArgument, "num_ctx: expected 0 or more, found {}",
                      call.context_tokens());
  }
  request.stop.assign(call.stop().begin(), call.stop().end());
  request.ignore_end = call.ignore_end();
  request.tenant = call.tenant();
  request.context_tokens = call.context_tokens();
  request.logprobs = call.logprobs();
  request.top_logprobs = call.top_logprobs();
  return request;
}

}  // namespace hearth::worker
