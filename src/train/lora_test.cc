// Adapters: their derivatives, and that a model with one is the model whose weights have it added.
#include "train/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quant/quant.h"
#include "tests/support/tiny_llama.h"
#include "train/optimiser.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

const std::vector<std::string> kAllTargets = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                              "ffn_gate", "ffn_up", "ffn_down"};
constexpr BatchShape kShape{2, 9};

testing::MatrixCodec q8_0() {
  constexpr tensor::DType kType = tensor::DType::kQ8_0;
  const auto bytes_of = [](size_t n) { return *tensor::row_bytes(kType, n); };
  return {kType,
          [=](std::span<const float> values) {
            std::string bytes(bytes_of(values.size()), '\0');
            quant::quantize_row(kType, values.data(), bytes.data(), std::ssize(values));
            return bytes;
          },
          [=](std::string_view bytes) {
            std::vector<float> values(bytes.size() / bytes_of(32) * 32);
            quant::dequantize_row(kType, bytes.data(), values.data(), std::ssize(values));
            return values;
          }};
}

DecoderConfig config_of(const testing::TinyLlamaShape& shape) {
  return {.vocabulary = testing::TinyLlama::kVocabularySize,
          .width = shape.width,
          .n_layers = shape.n_layers,
          .n_heads = shape.n_heads,
          .n_kv_heads = shape.n_kv_heads,
          .ffn_width = shape.ffn_width,
          .context_tokens = shape.context_tokens,
          .tied = shape.tied};
}

std::vector<int32_t> random_tokens(uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(kShape.rows()));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % testing::TinyLlama::kVocabularySize);
  return tokens;
}

// A base model's file, its weights as they lie there, and an adapter of random numbers.
template <typename T>
class Adapted {
 public:
  explicit Adapted(const LoraOptions& options,
                   const testing::MatrixCodec& codec = testing::MatrixCodec::f32(), int n_threads = 1)
      : compute(n_threads),
        bytes_(testing::TinyLlama(shape_, 1, codec).gguf().build()),
        checkpoint(gguf::File::parse(std::as_bytes(std::span(bytes_)), "base").value()),
        config(config_of(shape_)),
        layout(config),
        base(FrozenWeights<T>::create(checkpoint, layout).value()),
        lora_layout(LoraLayout::create(layout, options).value()),
        weights(layout, lora_layout, options, base),
        decoder(config, kShape, weights, compute.threads) {
    std::mt19937 random(2);
    std::normal_distribution<double> normal(0.0, 0.1);
    for (T& value : weights.values()) value = static_cast<T>(normal(random));
  }

 private:
  const testing::TinyLlamaShape shape_;

 public:
  Compute compute;

 private:
  const std::string bytes_;

 public:
  const models::GgufCheckpoint checkpoint;
  const DecoderConfig config;
  const DecoderLayout layout;
  FrozenWeights<T> base;
  const LoraLayout lora_layout;
  LoraWeights<T> weights;
  Decoder<T> decoder;
};

TEST(Lora, Derivatives_AreDifferences) {
  for (const bool rank_stabilised : {false, true}) {
    Adapted<double> model(
        {.rank = 3, .alpha = 5, .rank_stabilised = rank_stabilised, .targets = kAllTargets});
    const auto tokens = random_tokens(3);
    const auto targets = random_tokens(4);
    model.decoder.loss_and_derivatives(tokens, targets, 0.5);
    std::mt19937 random(5);
    for (const LoraLayout::Pair& pair : model.lora_layout.pairs) {
      for (const auto& [begin, end] :
           {std::pair(pair.a_begin, pair.b_begin), std::pair(pair.b_begin, pair.end)}) {
        double error = 0;
        double power = 0;
        for (int sample = 0; sample < 6; ++sample) {
          const size_t at = static_cast<size_t>(begin) + random() % static_cast<size_t>(end - begin);
          double& weight = model.weights.values()[at];
          const double before = weight;
          constexpr double kStep = 1e-5;
          weight = before + kStep;
          const double above = model.decoder.loss(tokens, targets);
          weight = before - kStep;
          const double below = model.decoder.loss(tokens, targets);
          weight = before;
          const double difference = 0.5 * (above - below) / (2 * kStep);
          error += std::pow(model.weights.derivatives()[at] - difference, 2);
          power += difference * difference;
        }
        EXPECT_LE(std::sqrt(error), 1e-6 * std::sqrt(power) + 1e-9)
            << model.layout.parameters[pair.place].name;
      }
    }
  }
}

// The same model with W + scale B A for each W.
TEST(Lora, AnAdaptedModel_IsTheMergedOne) {
  const LoraOptions options{.rank = 4, .alpha = 6, .targets = {"attn_q", "ffn_down"}};
  for (const testing::MatrixCodec& codec : {testing::MatrixCodec::f32(), q8_0()}) {
    Adapted<double> model(options, codec);
    DenseWeights<double> merged(model.layout);
    for (const Parameter& parameter : model.layout.parameters) {
      double* const values = merged.values().data() + parameter.begin;
      if (parameter.is_matrix) {
        model.base.rows(parameter, 0, parameter.rows, values);
      } else {
        std::copy_n(model.base.vector(parameter), parameter.columns, values);
      }
    }
    for (const LoraLayout::Pair& pair : model.lora_layout.pairs) {
      const Parameter& parameter = model.layout.parameters[pair.place];
      const double* const a = model.weights.values().data() + pair.a_begin;
      const double* const b = model.weights.values().data() + pair.b_begin;
      for (int64_t row = 0; row < parameter.rows; ++row) {
        for (int64_t column = 0; column < parameter.columns; ++column) {
          double sum = 0;
          for (int64_t r = 0; r < options.rank; ++r)
            sum += b[row * options.rank + r] * a[r * parameter.columns + column];
          merged.values()[static_cast<size_t>(parameter.begin + row * parameter.columns + column)] +=
              options.alpha / static_cast<double>(options.rank) * sum;
        }
      }
    }
    Decoder<double> decoder(model.config, kShape, merged, model.compute.threads);
    const auto tokens = random_tokens(6);
    const double expected = decoder.loss(tokens, tokens);
    EXPECT_NEAR(model.decoder.loss(tokens, tokens), expected, 1e-9 * expected);
  }
}

TEST(Lora, ABeginningAdapter_ChangesNothing) {
  Adapted<float> model({.rank = 4, .alpha = 8, .targets = kAllTargets});
  const auto tokens = random_tokens(7);
  const double changed = model.decoder.loss(tokens, tokens);
  initialise_lora(model.layout, model.lora_layout, 1, model.weights.values());
  const double initial = model.decoder.loss(tokens, tokens);
  std::fill(model.weights.values().begin(), model.weights.values().end(), 0.0F);
  EXPECT_EQ(initial, model.decoder.loss(tokens, tokens));
  EXPECT_NE(initial, changed);
}

TEST(Lora, LearnsOnQuantisedWeights_TheSameBitsOnAnyThreads) {
  const LoraOptions options{.rank = 4, .alpha = 8, .targets = kAllTargets};
  std::vector<float> expected;
  for (const int n_threads : {1, 3}) {
    Adapted<float> model(options, q8_0(), n_threads);
    initialise_lora(model.layout, model.lora_layout, 1, model.weights.values());
    AdamW<float> adamw({{model.lora_layout.n_weights, true}}, {.weight_decay = 0.0});
    const auto tokens = random_tokens(8);
    double first = 0;
    double last = 0;
    for (int step = 0; step < 30; ++step) {
      std::fill(model.weights.derivatives().begin(), model.weights.derivatives().end(), 0.0F);
      last = model.decoder.loss_and_derivatives(tokens, tokens, 1.0 / static_cast<double>(kShape.rows()));
      if (step == 0) first = last;
      adamw.step(model.compute.threads, 1e-2, 1.0, model.weights.derivatives(), model.weights.values());
    }
    EXPECT_LT(last, 0.5 * first);
    const std::vector<float> learnt(model.weights.values().begin(), model.weights.values().end());
    if (n_threads == 1) expected = learnt;
    EXPECT_EQ(learnt, expected);
  }
}

TEST(Lora, WhatCannotBeAdapted_IsNamed) {
  const DecoderLayout layout(config_of({}));
  const auto refusal = [&](const LoraOptions& options) {
    const auto created = LoraLayout::create(layout, options);
    return created ? "" : created.error().message();
  };
  EXPECT_EQ(refusal({.targets = {}}), "targets: expected some, found none");
  EXPECT_NE(refusal({.targets = {"attn_norm"}}).find("found attn_norm"), std::string::npos);
  EXPECT_NE(refusal({.targets = {"token_embd"}}).find("found token_embd"), std::string::npos);
  EXPECT_NE(refusal({.targets = {"attn_q", "attn_q"}}).find("found attn_q twice"), std::string::npos);
  EXPECT_EQ(refusal({.rank = 33, .targets = {"attn_q", "attn_k"}}),
            "rank: expected 1 to 32 (the size of blk.0.attn_k.weight), found 33");
  EXPECT_NE(refusal({.rank = 0, .targets = {"attn_q"}}).find("rank: expected 1"), std::string::npos);
}

TEST(FrozenWeights, TensorsThatAreNotTheLayouts_AreNamed) {
  const testing::TinyLlamaShape shape;
  const testing::TinyLlama tiny(shape, 1);
  const auto refusal = [&](const DecoderConfig& config, const std::set<std::string>& without) {
    const std::string bytes = tiny.gguf(without).build();
    const models::GgufCheckpoint checkpoint(
        gguf::File::parse(std::as_bytes(std::span(bytes)), "base").value());
    const auto created = FrozenWeights<float>::create(checkpoint, DecoderLayout(config));
    return created ? "" : created.error().message();
  };
  EXPECT_EQ(refusal(config_of(shape), {}), "");
  EXPECT_EQ(refusal(config_of(shape), {"blk.1.ffn_up.weight"}),
            "base: expected a tensor blk.1.ffn_up.weight, found none");
  DecoderConfig wider = config_of(shape);
  wider.ffn_width = 100;
  EXPECT_EQ(refusal(wider, {}),
            "base: tensor blk.0.ffn_gate.weight: expected shape [100, 64], found [96, 64]");
}

}  // namespace
}  // namespace hearth::train
