// Whole models against answers that this project did not compute: llama.cpp's probabilities for tiny models
// of each kind, llama2.c's greedy text, and, without any of that data, a float64 forward pass written out in
// tests/support.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "base/cpu.h"
#include "engine/loaded_model.h"
#include "quant/quant.h"
#include "tests/golden/golden.h"
#include "tests/support/random_blocks.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_data.h"
#include "tests/support/tested_isas.h"
#include "tests/support/tiny_llama.h"

namespace hearth {
namespace {

using testing::TinyLlama;
using testing::TinyLlamaShape;

std::unique_ptr<engine::LoadedModel> load(gguf::File file, Isa isa, const engine::LoadOptions& options = {},
                                          int n_threads = 2) {
  auto backend = cpu::make_cpu_backend({isa, n_threads});
  EXPECT_TRUE(backend);
  auto model = engine::LoadedModel::load(std::move(file), std::move(*backend), options);
  EXPECT_TRUE(model) << (model ? "" : model.error().message());
  return model ? std::move(*model) : nullptr;
}

std::unique_ptr<engine::LoadedModel> load(const std::filesystem::path& path, Isa isa,
                                          const engine::LoadOptions& options = {}) {
  auto file = gguf::File::open(path);
  EXPECT_TRUE(file) << (file ? "" : file.error().message());
  return file ? load(std::move(*file), isa, options) : nullptr;
}

// Mean and maximum over positions of KL(expected || model), in nats.
struct Divergence {
  double mean = 0;
  double max = 0;
};

template <typename Rows>
Divergence compare(engine::LoadedModel& model, std::span<const int32_t> tokens, const Rows& row_at) {
  Divergence result;
  const auto status = model.engine().evaluate(tokens, [&](int64_t position, std::span<const float> logits) {
    const double kl = testing::divergence(row_at(static_cast<size_t>(position)), logits);
    result.mean += kl / static_cast<double>(tokens.size());
    result.max = std::max(result.max, kl);
    return true;
  });
  EXPECT_TRUE(status) << (status ? "" : status.error().message());
  return result;
}

constexpr size_t kAllTokens = SIZE_MAX;

// Over the first `n_tokens` of the golden sequence.
Divergence compare_golden(const std::filesystem::path& gguf_path, Isa isa, size_t n_tokens = kAllTokens) {
  const testing::Golden golden = testing::read_golden(gguf_path);
  const std::span tokens = std::span(golden.tokens).first(std::min(n_tokens, golden.tokens.size()));
  const auto model = load(gguf_path, isa);
  if (model == nullptr) return {1, 1};
  return compare(*model, tokens,
                 [&](size_t i) { return golden.probabilities_after(static_cast<int64_t>(i)); });
}

class IsaTest : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isas, IsaTest, ::testing::ValuesIn(testing::tested_isas()),
                         [](const auto& set) { return std::string(isa_name(set.param)); });

// Of its tokens, the twelfth is the last that no rounding decides: at the next, the second and the third best
// expert of a layer are 0.003 apart, which the oracle's rounding of activations to F16 outweighs. llama.cpp
// on a processor with AVX-512 is 4e-3 (at most 0.1) from its own answers on one with AMX, which these files
// hold. oracle_rounding_test.cc takes up all 40.
constexpr size_t kDecidedTokensOfGemma4Moe = 12;

TEST_P(IsaTest, EveryArchitecture_AgainstLlamaCpp_DivergesByAtMost1e4) {
  for (const char* name : {"llama",      "llama-tied-ropefreqs",
                           "llama-yarn", "llama-moe",
                           "quant-base", "command-r",
                           "gemma2",     "gemma3",
                           "gpt-oss",    "qwen35",
                           "qwen35moe",  "glm4",
                           "gpt2",       "granite",
                           "olmo2",      "phi3",
                           "qwen2",      "qwen3",
                           "qwen3moe",   "smollm3",
                           "starcoder2", "gemma4",
                           "gemma4-moe", "deepseek2"}) {
    HEARTH_NEEDS_TEST_DATA(path, std::string("golden/arch/") + name + ".gguf");
    const bool is_gemma4_moe = std::string_view(name) == "gemma4-moe";
    const Divergence kl =
        compare_golden(path, GetParam(), is_gemma4_moe ? kDecidedTokensOfGemma4Moe : kAllTokens);
    EXPECT_LE(kl.mean, 1e-4) << name;
    EXPECT_LE(kl.max, 1e-3) << name;
    RecordProperty(std::string("mean_kl_") + name, fmt::format("{:.2e}", kl.mean));
    RecordProperty(std::string("max_kl_") + name, fmt::format("{:.2e}", kl.max));
  }
}

// How far a model with weights of a type may be from one that computes in double: prompts are read with
// activations of eight bits where the set has kernels for the type, and in bf16 on AMX.
double expected_mean_kl(tensor::DType dtype, Isa isa) {
  using tensor::DType;
  constexpr DType kEightBits[] = {DType::kQ4_0, DType::kQ8_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};
  if (isa == Isa::kAmx) return dtype == DType::kF32 || dtype == DType::kF16 ? 1e-5 : 4e-4;
  const bool in_eight_bits =
      std::find(std::begin(kEightBits), std::end(kEightBits), dtype) != std::end(kEightBits);
  return isa != Isa::kRef && in_eight_bits ? 2.5e-3 : 1e-5;
}

TEST_P(IsaTest, QuantisedFiles_AgainstExactWeights_DivergeByAtMost25e4) {
  for (const char* name : testing::kQuantGoldenFiles) {
    HEARTH_NEEDS_TEST_DATA(path, std::string("golden/quant/") + name + ".gguf");
    const Divergence kl = compare_golden(path, GetParam());
    const auto file = gguf::File::open(path);
    ASSERT_TRUE(file);
    const tensor::DType dtype = file->find_tensor("blk.0.ffn_down.weight")->dtype;
    EXPECT_LE(kl.mean, expected_mean_kl(dtype, GetParam())) << name;
    RecordProperty(std::string("mean_kl_") + name, fmt::format("{:.2e}", kl.mean));
  }
}

std::vector<int32_t> some_tokens(size_t n) {
  std::vector<int32_t> tokens(n);
  uint32_t random = 99;
  for (int32_t& token : tokens) {
    random = random * 1664525U + 1013904223U;
    token = static_cast<int32_t>((random >> 8) % TinyLlama::kVocabularySize);
  }
  return tokens;
}

Divergence compare_tiny(const TinyLlama& tiny, Isa isa, const engine::LoadOptions& options = {}) {
  const std::string bytes = tiny.gguf().build();
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  EXPECT_TRUE(file);
  const auto model = load(std::move(*file), isa, options);
  if (model == nullptr) return {1, 1};
  const std::vector<int32_t> tokens = some_tokens(70);  // across block boundaries
  const auto expected = tiny.probabilities(tokens);
  return compare(*model, tokens, [&](size_t i) -> const std::vector<double>& { return expected[i]; });
}

TEST_P(IsaTest, TinyLlamas_AgainstFloat64_DivergeByAtMost1e6) {
  const std::vector<std::pair<const char*, TinyLlamaShape>> shapes{
      {"plain", {}},
      {"odd widths",
       {.width = 40, .ffn_width = 52, .n_heads = 5, .n_kv_heads = 1, .head_dim = 6, .n_rotated = 4}},
      {"tied", {.tied = true}},
      {"no grouping", {.n_kv_heads = 4}},
      {"rope factors", {.rope_base = 500000.0, .rope_factors = {1, 1, 1.5F, 2, 3, 4, 8, 8}}},
      {"experts", {.n_experts = 6, .n_experts_used = 2}},
  };
  for (const auto& [name, shape] : shapes) {
    const Divergence kl = compare_tiny(TinyLlama(shape, 5), GetParam());
    // What is left is F32 rounding, and now and then a key or value that it pushes to the next F16.
    EXPECT_LE(kl.max, 1e-6) << name << ": " << kl.max;
    EXPECT_GT(kl.mean, 0) << name << ": suspiciously equal";
  }
}

TEST_P(IsaTest, QuantisedTinyLlamas_AgainstFloat64_DivergeLittle) {
  std::mt19937 random(31);
  for (const tensor::DTypeTraits& type : tensor::all_dtypes()) {
    const tensor::DType dtype = type.dtype;
    if (!quant::can_dequantize(dtype)) continue;
    const testing::MatrixCodec codec{
        dtype,
        [&](std::span<const float> values) {
          std::string bytes(*tensor::row_bytes(dtype, values.size()), '\0');
          testing::encode_or_randomize(dtype, values.data(), static_cast<int64_t>(values.size()), random,
                                       bytes.data());
          return bytes;
        },
        [&](std::string_view bytes) {
          const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
          std::vector<float> values(bytes.size() / traits.block_bytes * traits.block_elements);
          quant::dequantize_row(dtype, bytes.data(), values.data(), static_cast<int64_t>(values.size()));
          return values;
        }};
    const TinyLlamaShape shape{.n_layers = testing::kSanitized ? 1 : 2,
                               .width = 256,
                               .ffn_width = testing::kSanitized ? 256 : 512,
                               .n_heads = 4,
                               .n_kv_heads = 2,
                               .head_dim = 64,
                               .n_rotated = 64};
    const Divergence kl = compare_tiny(TinyLlama(shape, 6, codec), GetParam());
    EXPECT_LE(kl.mean, expected_mean_kl(dtype, GetParam())) << type.name;
  }
}

// The reference holds keys and values in F16; fewer bits cost what they cost.
TEST_P(IsaTest, CacheTypes_AgainstFloat64_DivergeByAtMostTheirBits) {
  using tensor::DType;
  const TinyLlama tiny({.width = 128, .ffn_width = 192, .head_dim = 32, .n_rotated = 32}, 7);
  const std::pair<DType, double> bounds[] = {
      {DType::kF16, 1e-6}, {DType::kBF16, 5e-5}, {DType::kQ8_0, 4e-4}, {DType::kQ4_0, 6e-2}};
  for (const auto& [k, k_bound] : bounds) {
    for (const auto& [v, v_bound] : bounds) {
      engine::LoadOptions options;
      options.kv_types = {k, v};
      const Divergence kl = compare_tiny(tiny, GetParam(), options);
      const std::string name = fmt::format("{}_{}", tensor::dtype_name(k), tensor::dtype_name(v));
      EXPECT_LE(kl.mean, k_bound + v_bound) << name;
      RecordProperty("mean_kl_cache_" + name, fmt::format("{:.2e}", kl.mean));
    }
  }
}

TEST(CacheTypes, HeadsThatFillNoBlock_AreRefusedWithTheNumbers) {
  const std::string bytes = TinyLlama({}, 8).gguf().build();
  for (const bool keys : {true, false}) {
    auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
    ASSERT_TRUE(file);
    engine::LoadOptions options;
    (keys ? options.kv_types.k : options.kv_types.v) = tensor::DType::kQ8_0;
    const auto model = engine::LoadedModel::load(
        std::move(*file), std::move(*cpu::make_cpu_backend({Isa::kScalar, 1})), options);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code(), ErrorCode::kInvalidArgument);
    for (const char* part : {keys ? "keys" : "values", "Q8_0", "32", "16"})
      EXPECT_NE(model.error().message().find(part), std::string::npos) << model.error().message();
  }
}

TEST(CacheTypes, TypeThatNoCacheHas_IsRefused) {
  const auto backend = std::move(*cpu::make_cpu_backend({Isa::kScalar, 1}));
  const models::KvLayerShape layer{1, 256, 256};
  const models::KvGroup group{0, 1};
  const auto cache = models::KvCache::create(*backend, {&layer, 1}, {&group, 1},
                                             {tensor::DType::kF16, tensor::DType::kQ4_K});
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(cache.error().message().find("Q4_K"), std::string::npos);
}

std::vector<int32_t> generate_greedily(engine::LoadedModel& model, std::vector<int32_t> prompt, int64_t n,
                                       std::string* text = nullptr) {
  engine::Request request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  request.max_tokens = n;
  request.ignore_end = true;
  EXPECT_TRUE(model.engine().submit(std::move(request)));
  std::vector<int32_t> tokens;
  while (model.engine().has_work()) {
    const auto report = model.engine().step();
    if (!report) break;
    for (const engine::Event& event : report->events) {
      if (event.token) tokens.push_back(*event.token);
      if (text != nullptr) *text += event.text;
    }
  }
  return tokens;
}

// llama2.c ran 256 steps from an empty prompt and ended its output with a newline of its own.
TEST_P(IsaTest, Stories260K_Greedy_WritesWhatLlama2cWrites) {
  HEARTH_NEEDS_TEST_DATA(path, "models/stories260K.gguf");
  HEARTH_NEEDS_TEST_DATA(expected_path, "models/stories260K.greedy256.txt");
  std::string expected = testing::read_file(expected_path);
  ASSERT_TRUE(expected.ends_with('\n'));
  expected.pop_back();
  const auto model = load(path, GetParam());
  ASSERT_NE(model, nullptr);

  for (const std::string prompt : {"", "Once upon a time"}) {
    const std::vector<int32_t> tokens = model->tokenizer().encode(prompt, {});
    const auto n_prompt = static_cast<int64_t>(tokens.size()) - 1;  // BOS is no step
    std::string text;
    generate_greedily(*model, tokens, 256 - n_prompt, &text);
    EXPECT_EQ(prompt + text, expected);
  }
}

// exp of the mean negative log-likelihood of the second half of each window, as `hearth perplexity` computes
// it.
double perplexity(engine::LoadedModel& model, const std::string& text, size_t window, size_t n_windows) {
  std::vector<int32_t> tokens = model.tokenizer().encode(text, {.add_special = false});
  EXPECT_GE(tokens.size(), window * n_windows);
  double sum = 0;
  int64_t n = 0;
  for (size_t w = 0; w < n_windows; ++w) {
    const auto part = std::span(tokens).subspan(w * window, window);
    part[0] = model.tokenizer().bos().value_or(part[0]);
    EXPECT_TRUE(model.engine().evaluate(part, [&](int64_t position, std::span<const float> logits) {
      const auto next = static_cast<size_t>(position) + 1;
      if (next > window / 2 && next < window) {
        std::vector<double> all_on_next(logits.size());
        all_on_next[static_cast<size_t>(part[next])] = 1.0;
        sum += testing::divergence(all_on_next, logits);
        ++n;
      }
      return true;
    }));
  }
  return std::exp(sum / static_cast<double>(n));
}

TEST_P(IsaTest, Stories260K_PerplexityOfWikitext_IsTheOraclesToFourDigits) {
  if (GetParam() == Isa::kRef) GTEST_SKIP() << "this is the oracle";
  // What it finds is how exact a set is, which builds without a sanitizer measure of each.
  if (testing::kSanitized && GetParam() != testing::tested_isas().back()) GTEST_SKIP() << "one is enough";
  HEARTH_NEEDS_TEST_DATA(path, "models/stories260K.gguf");
  HEARTH_NEEDS_TEST_DATA(text_path, "text/wiki.test.raw");
  const std::string text = testing::read_file(text_path).substr(0, 16384);
  const auto oracle = load(path, Isa::kRef);
  const auto model = load(path, GetParam());
  // Roundings in the cache's F16 move a single window's perplexity by 8e-5 (one standard deviation, 14
  // windows), up or down, and in every set alike; over several it evens out.
  const size_t n_windows = testing::kSanitized ? 4 : 8;
  const double expected = perplexity(*oracle, text, 512, n_windows);
  EXPECT_NEAR(perplexity(*model, text, 512, n_windows) / expected, 1.0, 5e-5);
  EXPECT_GT(expected, 10.0);
  EXPECT_LT(expected, 512.0) << "worse than knowing nothing of the vocabulary";
}

// Prompts one after the other, again, and three in one engine.
void expect_answers_as_alone(const std::filesystem::path& path, Isa isa) {
  const std::vector<int32_t> tokens = testing::golden_tokens();
  ASSERT_GE(tokens.size(), 40U);
  const std::vector<int32_t> longer(tokens.begin(), tokens.begin() + 40);
  const std::vector<int32_t> shorter(tokens.begin() + 3, tokens.begin() + 20);
  const auto model = load(path, isa, {.context_tokens = 128, .max_sequences = 2});
  ASSERT_NE(model, nullptr);
  const std::vector<int32_t> alone = generate_greedily(*model, longer, 20);
  EXPECT_EQ(generate_greedily(*model, longer, 20), alone);
  const std::vector<int32_t> other = generate_greedily(*model, shorter, 20);

  std::map<engine::RequestId, std::vector<int32_t>> answers;
  std::vector<engine::RequestId> ids;
  for (const auto& prompt : {longer, shorter, longer}) {
    engine::Request request;
    request.prompt = prompt;
    request.sampling.temperature = 0;
    request.max_tokens = 20;
    request.ignore_end = true;
    ids.push_back(*model->engine().submit(std::move(request)));
  }
  while (model->engine().has_work()) {
    const auto report = model->engine().step();
    ASSERT_TRUE(report);
    for (const engine::Event& event : report->events) answers[event.request].push_back(*event.token);
  }
  EXPECT_EQ(answers[ids[0]], alone);
  EXPECT_EQ(answers[ids[1]], other);
  EXPECT_EQ(answers[ids[2]], alone);
}

// What models keep of past tokens: a state, which cannot be taken up at the end of a cached prefix and
// belongs to one sequence at a time (qwen35); layers that read the cache of others (gemma4); latent vectors
// (deepseek2).
TEST_P(IsaTest, EveryKindOfCache_PromptsAgainAndSideBySide_AnswerAsAlone) {
  for (const char* name : {"qwen35", "gemma4", "gemma4-moe", "deepseek2"}) {
    SCOPED_TRACE(name);
    HEARTH_NEEDS_TEST_DATA(path, std::string("golden/arch/") + name + ".gguf");
    expect_answers_as_alone(path, GetParam());
  }
}

TEST_P(IsaTest, EightSequences_AtDifferentPositions_AnswerAsAlone) {
  const std::string bytes = TinyLlama({}, 8).gguf().build();
  const auto open = [&] {
    return std::move(*gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf"));
  };
  std::vector<std::vector<int32_t>> prompts;
  for (size_t i = 0; i < 8; ++i) {
    std::vector<int32_t> prompt = some_tokens(1 + i * 9);
    prompt[0] = static_cast<int32_t>(i + 3);  // no shared prefix
    prompts.push_back(prompt);
  }
  const auto together = load(open(), GetParam(), {.context_tokens = 128, .max_sequences = 8});
  std::map<engine::RequestId, size_t> index;
  for (size_t i = 0; i < 8; ++i) {
    engine::Request request;
    request.prompt = prompts[i];
    request.sampling.temperature = 0;
    request.max_tokens = 30;
    request.ignore_end = true;
    index[*together->engine().submit(std::move(request))] = i;
  }
  std::vector<std::vector<int32_t>> answers(8);
  int64_t most_decoding = 0;
  while (together->engine().has_work()) {
    const auto report = together->engine().step();
    ASSERT_TRUE(report);
    most_decoding = std::max(most_decoding, report->n_decode_tokens);
    for (const engine::Event& event : report->events)
      answers[index.at(event.request)].push_back(*event.token);
  }
  EXPECT_EQ(most_decoding, 8) << "one step held all eight";
  const auto alone = load(open(), GetParam(), {.context_tokens = 128, .max_sequences = 1}, /*n_threads=*/1);
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(answers[i], generate_greedily(*alone, prompts[i], 30)) << i;
}

}  // namespace
}  // namespace hearth
