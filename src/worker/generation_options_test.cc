#include "worker/generation_options.h"

#include <gtest/gtest.h>

namespace hearth::worker {
namespace {

TEST(SamplingOptionsOf, NothingGiven_HasTheDefaults) {
  const auto options = sampling_options_of(protocol::Sampling());
  ASSERT_TRUE(options);
  const sampling::SamplingOptions defaults;
  EXPECT_EQ(options->temperature, defaults.temperature);
  EXPECT_EQ(options->top_k, defaults.top_k);
  EXPECT_EQ(options->dry_sequence_breakers, defaults.dry_sequence_breakers);
  EXPECT_EQ(options->samplers, defaults.samplers);
  EXPECT_EQ(options->seed, -1);
}

TEST(SamplingOptionsOf, WhatIsGiven_IsTakenEvenWhereItIsZero) {
  protocol::Sampling sampling;
  sampling.set_temperature(0);
  sampling.set_dynatemp_range(0.5F);
  sampling.set_dynatemp_exponent(2);
  sampling.set_top_k(0);
  sampling.set_top_p(0.25F);
  sampling.set_min_p(0.125F);
  sampling.set_typical_p(0.75F);
  sampling.set_top_n_sigma(1.5F);
  sampling.set_xtc_probability(0.5F);
  sampling.set_xtc_threshold(0.2F);
  sampling.set_repeat_penalty(1.25F);
  sampling.set_presence_penalty(0.1F);
  sampling.set_frequency_penalty(0.3F);
  sampling.set_repeat_last_n(0);
  sampling.set_dry_multiplier(0.8F);
  sampling.set_dry_base(1.5F);
  sampling.set_dry_allowed_length(3);
  sampling.set_dry_penalty_last_n(5);
  sampling.mutable_dry_sequence_breakers()->add_texts("|");
  sampling.set_mirostat(2);
  sampling.set_mirostat_tau(4);
  sampling.set_mirostat_eta(0.2F);
  protocol::Sampling::Bias& bias = *sampling.add_logit_bias();
  bias.set_token(7);
  bias.set_bias(-1.5F);
  sampling.set_samplers("top_k;temperature");
  sampling.set_seed(0);
  const auto options = sampling_options_of(sampling);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->temperature, 0);
  EXPECT_EQ(options->dynatemp_range, 0.5F);
  EXPECT_EQ(options->dynatemp_exponent, 2);
  EXPECT_EQ(options->top_k, 0);
  EXPECT_EQ(options->top_p, 0.25F);
  EXPECT_EQ(options->min_p, 0.125F);
  EXPECT_EQ(options->typical_p, 0.75F);
  EXPECT_EQ(options->top_n_sigma, 1.5F);
  EXPECT_EQ(options->xtc_probability, 0.5F);
  EXPECT_EQ(options->xtc_threshold, 0.2F);
  EXPECT_EQ(options->repeat_penalty, 1.25F);
  EXPECT_EQ(options->presence_penalty, 0.1F);
  EXPECT_EQ(options->frequency_penalty, 0.3F);
  EXPECT_EQ(options->repeat_last_n, 0);
  EXPECT_EQ(options->dry_multiplier, 0.8F);
  EXPECT_EQ(options->dry_base, 1.5F);
  EXPECT_EQ(options->dry_allowed_length, 3);
  EXPECT_EQ(options->dry_penalty_last_n, 5);
  EXPECT_EQ(options->dry_sequence_breakers, std::vector<std::string>{"|"});
  EXPECT_EQ(options->mirostat, 2);
  EXPECT_EQ(options->mirostat_tau, 4);
  EXPECT_EQ(options->mirostat_eta, 0.2F);
  EXPECT_EQ(options->logit_bias, (std::vector<sampling::LogitBias>{{7, -1.5F}}));
  EXPECT_EQ(options->samplers,
            (std::vector<sampling::Stage>{sampling::Stage::kTopK, sampling::Stage::kTemperature}));
  EXPECT_EQ(options->seed, 0);
}

TEST(SamplingOptionsOf, EmptyListOfBreakers_IsNotTheDefault) {
  protocol::Sampling sampling;
  sampling.mutable_dry_sequence_breakers();
  EXPECT_TRUE(sampling_options_of(sampling)->dry_sequence_breakers.empty());
}

TEST(SamplingOptionsOf, UnknownStage_IsRefused) {
  protocol::Sampling sampling;
  sampling.set_samplers("top_k;magic");
  EXPECT_EQ(sampling_options_of(sampling).error().code(), ErrorCode::kInvalidArgument);
}

TEST(RequestOf, EveryField_IsTheEngines) {
  protocol::Generate call;
  EXPECT_EQ(request_of(call)->max_tokens, -1);
  call.set_max_tokens(5);
  call.set_tenant("a");
  call.set_context_tokens(12);
  call.add_stop("end");
  call.set_ignore_end(true);
  call.set_logprobs(true);
  call.set_top_logprobs(3);
  const auto request = request_of(call);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->max_tokens, 5);
  EXPECT_EQ(request->tenant, "a");
  EXPECT_EQ(request->context_tokens, 12);
  EXPECT_EQ(request->stop, std::vector<std::string>{"end"});
  EXPECT_TRUE(request->ignore_end);
  EXPECT_TRUE(request->logprobs);
  EXPECT_EQ(request->top_logprobs, 3);
}

TEST(RequestOf, WhatIsOutOfRange_IsRefused) {
  protocol::Generate call;
  call.set_context_tokens(-1);
  EXPECT_EQ(request_of(call).error().code(), ErrorCode::kInvalidArgument);
  call.set_context_tokens(0);
  call.set_tenant(std::string(257, 'x'));
  EXPECT_EQ(request_of(call).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::worker
