// What the loader refuses, and how it says so. That models compute rightly is tests/golden's business.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/cpu_backend.h"
#include "models/model.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using testing::TinyLlama;
using testing::TinyLlamaShape;

// The error of loading, or an empty message where it succeeds.
Error load_error(const GgufWriter& writer) {
  const std::string bytes = writer.build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  if (!file) return file.error();
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto model = load_model(*file, **backend, 256);
  return model ? Error(ErrorCode::kInvalidArgument, "") : model.error();
}

// Loads a tiny llama with one u32 replaced.
Error with_u32(const std::string& key, uint32_t value, const TinyLlamaShape& shape = {}) {
  return load_error(TinyLlama(shape, 1).gguf({key}).add_u32(key, value));
}

void expect_error(const Error& error, ErrorCode code, std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(error.code(), code);
  for (const std::string_view part : parts) {
    EXPECT_NE(error.message().find(part), std::string::npos) << "'" << part << "' in: " << error.message();
  }
}

TEST(LoadLlama, TensorMissing_IsNamedWithItsShape) {
  expect_error(load_error(TinyLlama({}, 1).gguf({"blk.1.attn_v.weight"})), ErrorCode::kMalformed,
               {"tiny.gguf", "blk.1.attn_v.weight", "expected shape [32, 64]", "no such tensor"});
}

TEST(LoadLlama, TensorOfAnotherShape_BothAreTold) {
  auto writer = TinyLlama({}, 1).gguf({"blk.0.ffn_up.weight"});
  writer.add_zeros("blk.0.ffn_up.weight", {95, 64}, tensor::DType::kF32);
  expect_error(load_error(writer), ErrorCode::kMalformed, {"blk.0.ffn_up.weight", "[96, 64]", "[95, 64]"});
}

TEST(LoadLlama, TensorNobodyUses_IsRefused) {
  auto writer = TinyLlama({}, 1).gguf();
  writer.add_zeros("blk.0.attn_q.bias", {64}, tensor::DType::kF32);
  expect_error(load_error(writer), ErrorCode::kUnsupported, {"blk.0.attn_q.bias", "no place"});
}

TEST(LoadLlama, TypeThatCannotBeComputed_IsNamed) {
  auto writer = TinyLlama({}, 1).gguf({"blk.0.ffn_up.weight"});
  writer.add_zeros("blk.0.ffn_up.weight", {96, 64}, tensor::DType::kF64);
  expect_error(load_error(writer), ErrorCode::kUnsupported, {"blk.0.ffn_up.weight", "F64"});
}

TEST(LoadLlama, UnknownArchitecture_KnownOnesAreListed) {
  const auto writer =
      TinyLlama({}, 1).gguf({"general.architecture"}).add_string("general.architecture", "perceptron");
  expect_error(load_error(writer), ErrorCode::kUnsupported, {"'perceptron'", "llama"});
}

TEST(LoadLlama, NumbersOutOfRange_AreRefusedByKey) {
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.feed_forward_length",
                          "llama.context_length", "llama.attention.head_count"}) {
    expect_error(with_u32(key, 0), ErrorCode::kMalformed, {key, "found 0"});
    expect_error(with_u32(key, 0xFFFFFFFF), ErrorCode::kMalformed, {key, "found 4294967295"});
  }
  expect_error(with_u32("llama.attention.head_count_kv", 3), ErrorCode::kMalformed,
               {"head_count_kv", "divisor of head_count = 4", "found 3"});
  expect_error(with_u32("llama.attention.head_count_kv", 0), ErrorCode::kMalformed, {"head_count_kv"});
  expect_error(with_u32("llama.attention.key_length", 0), ErrorCode::kMalformed, {"key_length"});
  expect_error(with_u32("llama.attention.key_length", 0x3FFFFFFF), ErrorCode::kMalformed, {"key_length"});
  expect_error(with_u32("llama.rope.dimension_count", 15), ErrorCode::kMalformed, {"even", "found 15"});
  expect_error(with_u32("llama.rope.dimension_count", 18), ErrorCode::kMalformed, {"2 to 16"});
  const TinyLlamaShape moe{.n_experts = 4, .n_experts_used = 2};
  expect_error(with_u32("llama.expert_used_count", 5, moe), ErrorCode::kMalformed,
               {"at most expert_count = 4"});
  expect_error(with_u32("llama.expert_used_count", 0, moe), ErrorCode::kMalformed, {"expert_used_count"});
}

TEST(LoadLlama, KeyOfAnotherType_IsAnError) {
  const auto writer = TinyLlama({}, 1).gguf({"llama.block_count"}).add_string("llama.block_count", "two");
  expect_error(load_error(writer), ErrorCode::kMalformed, {"llama.block_count", "two"});
}

TEST(LoadLlama, TrainedToSeeWhatFollows_IsRefused) {
  expect_error(load_error(TinyLlama({}, 1).gguf().add_bool("llama.attention.causal", false)),
               ErrorCode::kUnsupported, {"llama.attention.causal", "expected true"});
  EXPECT_EQ(load_error(TinyLlama({}, 1).gguf().add_bool("llama.attention.causal", true)).message(), "");
}

TEST(LoadLlama, EpsilonNaN_IsRefused) {
  const std::string key = "llama.attention.layer_norm_rms_epsilon";
  const auto writer = TinyLlama({}, 1).gguf({key}).add_f32(key, std::nanf(""));
  expect_error(load_error(writer), ErrorCode::kMalformed, {key, "nan"});
}

TEST(LoadLlama, Description_OfATinyModel_CountsItsBytes) {
  const TinyLlamaShape shape{
      .n_layers = 1, .width = 32, .ffn_width = 48, .n_experts = 4, .n_experts_used = 1};
  const std::string bytes = TinyLlama(shape, 1).gguf().build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto model = load_model(*file, **backend, 256);
  ASSERT_TRUE(model);
  const ModelInfo& info = (*model)->info();
  const uint64_t table = 285 * 32 * 4;
  const uint64_t experts = 4 * 3 * 32 * 48 * 4;
  const uint64_t rest = (3 * 32 + 4 * 32 + 2 * 64 * 32 + 2 * 32 * 32) * 4;
  EXPECT_EQ(info.weight_bytes, 2 * table + experts + rest);
  EXPECT_EQ(info.step_weight_bytes, table + experts / 4 + rest) << "one embedding row and one expert in four";
  EXPECT_EQ(KvCache::bytes_per_token(info.kv_layers), 2U * 2 * 16 * 2);
  EXPECT_EQ(KvCache::bytes_per_token(std::vector<KvLayerShape>{{2, 64, 32}},
                                     {tensor::DType::kQ8_0, tensor::DType::kQ4_0}),
            2U * (2 * 34 + 18));
  const std::vector<KvLayerShape> in_keys{
      {.n_kv_heads = 1, .k_head_dim = 96, .v_head_dim = 64, .values_in_keys = true}};
  EXPECT_EQ(KvCache::bytes_per_token(in_keys, {tensor::DType::kQ8_0, tensor::DType::kF16}), 3U * 34);
  EXPECT_EQ(info.n_parameters * 4, info.weight_bytes);
}

}  // namespace
}  // namespace hearth::models
