// The model's loss against computations that know nothing of it, and its derivatives against differences.
#include "train/decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/tokenizer_gguf.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"
#include "train/data/batches.h"
#include "train/initialise.h"
#include "train/optimiser.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

constexpr DecoderConfig kSmall{.vocabulary = 13,
                               .width = 24,
                               .n_layers = 2,
                               .n_heads = 6,
                               .n_kv_heads = 3,
                               .ffn_width = 20,
                               .context_tokens = 8};

std::vector<int32_t> random_tokens(uint32_t seed, int64_t n, int64_t vocabulary) {
  std::mt19937 random(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary));
  return tokens;
}

// Matrices that keep the length of what they are multiplied with, norms near 1.
template <typename T>
void set_random_weights(uint32_t seed, DenseDecoder<T>& model) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  for (const Parameter& parameter : model.layout().parameters) {
    const double deviation =
        parameter.is_matrix ? 1 / std::sqrt(static_cast<double>(parameter.columns)) : 0.1;
    for (T& weight :
         model.weights().subspan(static_cast<size_t>(parameter.begin), static_cast<size_t>(parameter.size())))
      weight = static_cast<T>((parameter.is_matrix ? 0.0 : 1.0) + deviation * normal(random));
  }
}

// What the families compute otherwise than a llama, each in some of these.
std::vector<DecoderConfig> different_configs() {
  std::vector<DecoderConfig> configs(6, kSmall);
  configs[1].tied = false;
  DecoderConfig& qwen2 = configs[2];
  qwen2.rope_style = tensor::RopeStyle::kHalves;
  qwen2.qkv_bias = true;
  qwen2.head_dim = 6;
  qwen2.qk_norm = models::QkNorm::kPerHead;
  DecoderConfig& gemma = configs[3];
  gemma.norm_placement = models::NormPlacement::kBoth;
  gemma.activation = tensor::Activation::kGeluTanh;
  gemma.embedding_scale = 3.0;
  gemma.attention_scale = 0.4;
  gemma.attention_soft_cap = 2.0;
  gemma.logit_soft_cap = 1.5;
  gemma.positions = {{.window = 3, .frequencies = {1.0, 0.1}}, {.frequencies = {1.0}, .magnitude = 1.1}};
  DecoderConfig& olmo = configs[4];
  olmo.norm_placement = models::NormPlacement::kAfter;
  olmo.qk_norm = models::QkNorm::kAllHeads;
  olmo.residual_scale = 0.5;
  olmo.logit_scale = 0.25;
  DecoderConfig& phi = configs[5];
  phi.fused_qkv = true;
  phi.fused_gate = true;
  phi.qkv_bias = true;
  return configs;
}

TEST(TrainDecoder, Derivatives_AreDifferences) {
  for (const DecoderConfig& config : different_configs()) {
    ASSERT_TRUE(check_config(config));
    const BatchShape shape{2, 7};
    Compute compute(1);
    DenseDecoder<double> model(config, shape, compute.threads);
    set_random_weights(3, model);
    const auto tokens = random_tokens(4, shape.rows(), config.vocabulary);
    auto targets = random_tokens(5, shape.rows(), config.vocabulary);
    targets[3] = kNoTarget;
    constexpr double kScale = 0.5;
    model.loss_and_derivatives(tokens, targets, kScale);

    std::mt19937 random(6);
    for (const Parameter& parameter : model.layout().parameters) {
      double error = 0;
      double power = 0;
      for (int sample = 0; sample < 12; ++sample) {
        const auto at =
            static_cast<size_t>(parameter.begin) + random() % static_cast<size_t>(parameter.size());
        double& weight = model.weights()[at];
        const double before = weight;
        constexpr double kStep = 1e-5;
        weight = before + kStep;
        const double above = model.loss(tokens, targets);
        weight = before - kStep;
        const double below = model.loss(tokens, targets);
        weight = before;
        const double difference = kScale * (above - below) / (2 * kStep);
        error += std::pow(model.derivatives()[at] - difference, 2);
        power += difference * difference;
      }
      EXPECT_LE(std::sqrt(error), 1e-6 * std::sqrt(power) + 1e-9) << parameter.name;
    }
  }
}

TEST(TrainDecoder, ActivationsComputedAgain_ChangeNoBit) {
  const BatchShape shape{2, 8};
  Compute compute(1);
  for (const DecoderConfig& config : different_configs()) {
    DecoderConfig deep = config;
    deep.n_layers = 3;
    if (!deep.positions.empty()) deep.positions.push_back(deep.positions.front());
    const auto tokens = random_tokens(7, shape.rows(), deep.vocabulary);
    std::vector<std::vector<float>> derivatives;
    for (const Activations activations : {Activations::kKeep, Activations::kRecompute}) {
      DenseDecoder<float> model(deep, shape, compute.threads, activations);
      set_random_weights(8, model);
      model.loss_and_derivatives(tokens, tokens, 1.0);
      derivatives.emplace_back(model.derivatives().begin(), model.derivatives().end());
    }
    EXPECT_EQ(derivatives[0], derivatives[1]);
  }
}

TEST(TrainDecoder, Threads_ChangeNoBit) {
  const BatchShape shape{3, 8};
  const auto tokens = random_tokens(7, shape.rows(), kSmall.vocabulary);
  for (const DecoderConfig& config : different_configs()) {
    std::vector<float> expected;
    for (const int n_threads : {1, 2, 3}) {
      Compute compute(n_threads);
      DenseDecoder<float> model(config, shape, compute.threads);
      set_random_weights(8, model);
      model.loss_and_derivatives(tokens, tokens, 1.0);
      const std::vector<float> derivatives(model.derivatives().begin(), model.derivatives().end());
      if (n_threads == 1) expected = derivatives;
      EXPECT_EQ(derivatives, expected) << n_threads;
    }
  }
}

TEST(TrainDecoder, BatchesOfAStep_AddUpToOne) {
  const BatchShape both{2, 8}, one{1, 8};
  Compute compute(1);
  const auto tokens = random_tokens(9, both.rows(), kSmall.vocabulary);
  DenseDecoder<double> whole(kSmall, both, compute.threads);
  DenseDecoder<double> parts(kSmall, one, compute.threads);
  set_random_weights(10, whole);
  set_random_weights(10, parts);
  const double loss = whole.loss_and_derivatives(tokens, tokens, 0.1);
  double sum = 0;
  for (const size_t begin : {0U, 8U}) {
    const std::span part = std::span(tokens).subspan(begin, 8);
    sum += parts.loss_and_derivatives(part, part, 0.1);
  }
  EXPECT_NEAR(sum, loss, 1e-12 * loss);
  for (size_t i = 0; i < whole.derivatives().size(); ++i)
    ASSERT_NEAR(parts.derivatives()[i], whole.derivatives()[i], 1e-12);
}

// Steps of AdamW in float: the losses of the same steps in double.
template <typename T>
std::vector<double> losses_of_training(int n_steps) {
  const BatchShape shape{4, 8};
  Compute compute(1);
  DenseDecoder<T> model(kSmall, shape, compute.threads);
  set_random_weights(11, model);
  std::vector<typename AdamW<T>::Part> parts;
  for (const Parameter& parameter : model.layout().parameters)
    parts.push_back({parameter.size(), parameter.is_matrix});
  AdamW<T> adamw(parts, {});
  const CosineSchedule schedule{.peak = 1e-2, .last = 1e-3, .warmup_steps = 5, .total_steps = n_steps};
  std::vector<double> losses;
  for (int step = 0; step < n_steps; ++step) {
    // What follows a token is three more than it.
    const auto tokens = random_tokens(static_cast<uint32_t>(100 + step), shape.rows(), kSmall.vocabulary);
    auto targets = tokens;
    for (int32_t& target : targets) target = static_cast<int32_t>((target + 3) % kSmall.vocabulary);
    const auto n = static_cast<double>(shape.rows());
    std::fill(model.derivatives().begin(), model.derivatives().end(), T{0});
    losses.push_back(model.loss_and_derivatives(tokens, targets, 1 / n) / n);
    const double norm = global_norm<T>(compute.threads, model.derivatives());
    adamw.step(compute.threads, schedule.learning_rate(step), clip_factor(norm, 1.0), model.derivatives(),
               model.weights());
  }
  return losses;
}

TEST(TrainDecoder, TwentySteps_HaveTheLossesOfDouble) {
  const auto losses = losses_of_training<float>(20);
  const auto expected = losses_of_training<double>(20);
  for (size_t step = 0; step < losses.size(); ++step) EXPECT_NEAR(losses[step], expected[step], 1e-3) << step;
}

// That a processor without AMX lacks.
bool has_bf16() {
  ThreadPool pool(1);
  return cpu::make_gemm(choose_isa().value(), pool, tensor::GemmPrecision::kBf16).has_value();
}

template <typename T>
std::vector<double> losses_on_tales(const Corpus& corpus, int n_steps,
                                    tensor::GemmPrecision precision = tensor::GemmPrecision::kF32) {
  const DecoderConfig config{.vocabulary = 512,
                             .width = 64,
                             .n_layers = 5,
                             .n_heads = 8,
                             .n_kv_heads = 4,
                             .ffn_width = 172,
                             .context_tokens = 512};
  const BatchShape shape{2, 64};
  Compute compute(1, precision);
  DenseDecoder<float> first(config, {1, 1}, compute.threads);
  initialise(first.layout(), 1, first.weights());
  DenseDecoder<T> model(config, shape, compute.threads);
  std::copy(first.weights().begin(), first.weights().end(), model.weights().begin());
  std::vector<typename AdamW<T>::Part> parts;
  for (const Parameter& parameter : model.layout().parameters)
    parts.push_back({parameter.size(), parameter.is_matrix});
  AdamW<T> adamw(parts, {});
  const CosineSchedule schedule{.peak = 3e-3, .last = 3e-4, .warmup_steps = 5, .total_steps = 100};
  Batches batches(corpus, shape.n_tokens, 1);
  std::vector<double> losses;
  for (int step = 0; step < n_steps; ++step) {
    std::vector<int32_t> tokens(static_cast<size_t>(shape.rows())), targets(tokens.size());
    for (int64_t i = 0; i < shape.n_sequences; ++i) {
      const auto begin = static_cast<size_t>(i * shape.n_tokens);
      batches.fill(step * shape.n_sequences + i, std::span(tokens).subspan(begin, 64),
                   std::span(targets).subspan(begin, 64));
    }
    const auto n = static_cast<double>(shape.rows());
    std::fill(model.derivatives().begin(), model.derivatives().end(), T{0});
    losses.push_back(model.loss_and_derivatives(tokens, targets, 1 / n) / n);
    const double norm = global_norm<T>(compute.threads, model.derivatives());
    adamw.step(compute.threads, schedule.learning_rate(step), clip_factor(norm, 1.0), model.derivatives(),
               model.weights());
  }
  return losses;
}

// llama2.c's shape and vocabulary, on real text. What double computes, finite differences have proved.
TEST(TrainDecoder, TwentyStepsOfThe260KShapeOnTales_HaveTheLossesOfDouble) {
  HEARTH_NEEDS_TEST_DATA(model, "models/stories260K.gguf");
  HEARTH_NEEDS_TEST_DATA(tales, "text/tinystories/cs336-sample.txt");
  if (testing::kSanitized) GTEST_SKIP() << "computes the same sanitized, in a minute";
  const auto file = gguf::File::open(model);
  ASSERT_TRUE(file);
  const auto tokenizer = models::load_tokenizer(*file);
  ASSERT_TRUE(tokenizer);
  CorpusBuilder builder(**tokenizer, {});
  ASSERT_TRUE(
      text::read_documents(tales, [&](const text::Document& document) { return builder.add(document); }));
  const Corpus corpus = builder.finish();
  const auto losses = losses_on_tales<float>(corpus, 20);
  const auto expected = losses_on_tales<double>(corpus, 20);
  for (size_t step = 0; step < losses.size(); ++step) EXPECT_NEAR(losses[step], expected[step], 1e-3) << step;
  EXPECT_LT(losses.back(), losses.front() - 0.5);
  if (!has_bf16()) return;
  const auto in_bf16 = losses_on_tales<float>(corpus, 20, tensor::GemmPrecision::kBf16);
  // Rounded factors turn the signs of small derivatives, and AdamW's first steps are as long for these as for
  // large ones: from about the seventh step on, runs that begin with a difference of 1e-4 go ways of their
  // own.
  constexpr size_t kBefore = 6;
  for (size_t step = 0; step < kBefore; ++step) EXPECT_NEAR(in_bf16[step], expected[step], 5e-4) << step;
  double square = 0.0;
  for (size_t step = 0; step < in_bf16.size(); ++step)
    square += std::pow(in_bf16[step] - expected[step], 2) / static_cast<double>(in_bf16.size());
  EXPECT_LT(std::sqrt(square), 2e-3);
}

TEST(TrainDecoder, WhatCanBeLearnt_IsLearnt) {
  const auto losses = losses_of_training<float>(testing::kSanitized ? 80 : 150);
  EXPECT_GT(losses.front(), 2.0);
  EXPECT_LT(losses.back(), 0.3);
}

void set_weights(std::string_view name, std::span<const float> values, DenseDecoder<float>& model) {
  for (const Parameter& parameter : model.layout().parameters) {
    if (parameter.name != name) continue;
    ASSERT_EQ(std::ssize(values), parameter.size()) << name;
    std::copy(values.begin(), values.end(), model.weights().begin() + parameter.begin);
    return;
  }
  FAIL() << name;
}

// A forward pass written from the papers, which knows of no batches; its keys and values are rounded to F16.
TEST(TrainDecoder, Loss_IsThatOfAPlainForwardPass) {
  const testing::TinyLlamaShape tiny_shape;
  const testing::TinyLlama tiny(tiny_shape, 12);
  const DecoderConfig config{.vocabulary = testing::TinyLlama::kVocabularySize,
                             .width = tiny_shape.width,
                             .n_layers = tiny_shape.n_layers,
                             .n_heads = tiny_shape.n_heads,
                             .n_kv_heads = tiny_shape.n_kv_heads,
                             .ffn_width = tiny_shape.ffn_width,
                             .context_tokens = tiny_shape.context_tokens,
                             .tied = tiny_shape.tied};
  const BatchShape shape{2, 20};
  Compute compute(1);
  DenseDecoder<float> model(config, shape, compute.threads);
  for (const Parameter& parameter : model.layout().parameters) {
    set_weights(parameter.name,
                parameter.is_matrix ? tiny.matrix_values(parameter.name) : tiny.vector_values(parameter.name),
                model);
  }
  const auto tokens = random_tokens(13, shape.rows(), config.vocabulary);
  const auto targets = random_tokens(14, shape.rows(), config.vocabulary);
  double expected = 0;
  for (size_t sequence = 0; sequence < 2; ++sequence) {
    const auto probabilities = tiny.probabilities(std::span(tokens).subspan(sequence * 20, 20));
    for (size_t i = 0; i < 20; ++i)
      expected -= std::log(probabilities[i][static_cast<size_t>(targets[sequence * 20 + i])]);
  }
  EXPECT_NEAR(model.loss(tokens, targets) / 40, expected / 40, 1e-3);
}

// A trained model's own weights, on a text that it knows.
TEST(TrainDecoder, LossOfStories260K_IsTheEngines) {
  HEARTH_NEEDS_TEST_DATA(path, "models/stories260K.gguf");
  const auto loaded = engine::LoadedModel::load(
      path, std::move(cpu::make_cpu_backend({choose_isa().value(), 1})).value(), {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  engine::LoadedModel& engine = **loaded;
  const auto tokens = engine.tokenizer().encode(
      "Once upon a time, there was a little girl named Lily. She loved to play outside in the park with her "
      "friends. One day, she saw a big dog.",
      {});
  ASSERT_GT(tokens.size(), 40U);
  const int64_t n = std::ssize(tokens) - 1;
  double expected = 0;
  const auto evaluated =
      engine.engine().evaluate(tokens, [&](int64_t position, std::span<const float> logits) {
        if (position == n) return true;
        double sum = 0;
        for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
        const auto next = static_cast<size_t>(tokens[static_cast<size_t>(position) + 1]);
        expected += std::log(sum) - static_cast<double>(logits[next]);
        return true;
      });
  ASSERT_TRUE(evaluated) << evaluated.error().message();

  DecoderConfig config{.vocabulary = 512,
                       .width = 64,
                       .n_layers = 5,
                       .n_heads = 8,
                       .n_kv_heads = 4,
                       .ffn_width = 172,
                       .context_tokens = 512};
  config.tied = engine.checkpoint().find_tensor("output.weight") == nullptr;
  Compute compute(1);
  DenseDecoder<float> model(config, {1, n}, compute.threads);
  for (const Parameter& parameter : model.layout().parameters) {
    const auto* tensor = engine.checkpoint().find_tensor(parameter.name);
    ASSERT_NE(tensor, nullptr) << parameter.name;
    ASSERT_EQ(tensor->dtype, tensor::DType::kF32) << parameter.name;
    const auto bytes = engine.checkpoint().data(*tensor).value();
    set_weights(parameter.name, {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)},
                model);
  }
  const std::span all(tokens);
  const auto rows = static_cast<double>(n);
  EXPECT_NEAR(model.loss(all.first(static_cast<size_t>(n)), all.subspan(1)) / rows, expected / rows, 1e-3);
  EXPECT_LT(expected / rows, 2.0);  // it does know it
}

TEST(TrainDecoder, SizesThatMakeNoModel_AreRefusedByName) {
  const auto expect_refused = [](const char* name, auto change) {
    DecoderConfig config = kSmall;
    change(config);
    const auto checked = check_config(config);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(checked.error().message().find(name), std::string::npos) << checked.error().message();
  };
  expect_refused("vocabulary", [](DecoderConfig& c) { c.vocabulary = 0; });
  expect_refused("width", [](DecoderConfig& c) { c.width = -24; });
  expect_refused("layers", [](DecoderConfig& c) { c.n_layers = 0; });
  expect_refused("heads", [](DecoderConfig& c) { c.n_heads = 5; });
  expect_refused("KV heads", [](DecoderConfig& c) { c.n_kv_heads = 4; });
  expect_refused("KV heads", [](DecoderConfig& c) { c.n_kv_heads = 12; });
  expect_refused("feed-forward width", [](DecoderConfig& c) { c.ffn_width = 0; });
  expect_refused("context", [](DecoderConfig& c) { c.context_tokens = 0; });
  expect_refused("width of a head", [](DecoderConfig& c) { c.n_heads = c.n_kv_heads = 8; });
  expect_refused("rotary", [](DecoderConfig& c) { c.rope_base = std::nan(""); });
  expect_refused("epsilon", [](DecoderConfig& c) { c.norm_epsilon = 0; });
  expect_refused("weights", [](DecoderConfig& c) { c.width = c.ffn_width = 6 << 20; });
}

}  // namespace
}  // namespace hearth::train
