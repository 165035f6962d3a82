// What each family refuses beyond what llama_test.cc tries on llama.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/cpu_backend.h"
#include "models/model.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using testing::TinyLlama;

constexpr auto kF32 = tensor::DType::kF32;

// The error of loading, or an empty message where it succeeds.
Error load_error(const GgufWriter& writer) {
  const std::string bytes = writer.build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  if (!file) return file.error();
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto model = load_model(*file, **backend, 256);
  return model ? Error(ErrorCode::kInvalidArgument, "") : model.error();
}

GgufWriter tiny(const std::string& architecture, const std::set<std::string>& without = {}) {
  return TinyLlama({.architecture = architecture}, 1).gguf(without);
}

void expect_error(const Error& error, ErrorCode code, std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(error.code(), code) << error.message();
  for (const std::string_view part : parts) {
    EXPECT_NE(error.message().find(part), std::string::npos) << "'" << part << "' in: " << error.message();
  }
}

TEST(LoadFamily, OptionsOfOtherArchitectures_AreUnsupported) {
  for (const char* key : {"logit_scale", "residual_scale", "embedding_scale", "attention.scale",
                          "attn_logit_softcapping", "final_logit_softcapping", "expert_weights_scale"}) {
    const std::string full = std::string("llama.") + key;
    expect_error(load_error(tiny("llama").add_f32(full, 2.0F)), ErrorCode::kUnsupported,
                 {"tiny.gguf", full, "'llama'"});
    EXPECT_EQ(load_error(tiny("llama").add_f32(full, 0.0F)).message(), "") << "0: not used";
  }
  expect_error(load_error(tiny("llama").add_bool("llama.use_parallel_residual", true)),
               ErrorCode::kUnsupported, {"llama.use_parallel_residual"});
  EXPECT_EQ(load_error(tiny("llama").add_bool("llama.use_parallel_residual", false)).message(), "");
  expect_error(load_error(tiny("granite").add_f32("granite.final_logit_softcapping", 30.0F)),
               ErrorCode::kUnsupported, {"granite.final_logit_softcapping"});
}

TEST(LoadFamily, SlidingWindow_IsUnsupportedWhereItHidesSomething) {
  expect_error(load_error(tiny("llama").add_u32("llama.attention.sliding_window", 255)),
               ErrorCode::kUnsupported, {"llama.attention.sliding_window"});
  EXPECT_EQ(load_error(tiny("llama").add_u32("llama.attention.sliding_window", 256)).message(), "");
  EXPECT_EQ(load_error(tiny("llama").add_u32("llama.attention.sliding_window", 0)).message(), "");
}

TEST(LoadFamily, FactorOutOfRange_IsRefusedByKey) {
  for (const char* key : {"granite.embedding_scale", "granite.residual_scale", "granite.attention.scale",
                          "granite.logit_scale"}) {
    for (const float value : {-1.0F, std::nanf(""), INFINITY}) {
      expect_error(load_error(tiny("granite").add_f32(key, value)), ErrorCode::kMalformed,
                   {key, "positive number"});
    }
  }
}

TEST(LoadFamily, WithoutWhatMakesItThatFamily_TheTensorIsNamed) {
  expect_error(load_error(tiny("qwen2")), ErrorCode::kMalformed, {"blk.0.attn_q.bias", "[64]"});
  expect_error(load_error(tiny("qwen3")), ErrorCode::kMalformed, {"blk.0.attn_q_norm.weight", "[16]"});
  expect_error(load_error(tiny("olmo2")), ErrorCode::kMalformed,
               {"blk.0.post_attention_norm.weight", "[64]"});
  expect_error(load_error(tiny("glm4")), ErrorCode::kMalformed, {"blk.0.post_attention_norm.weight"});
  expect_error(load_error(tiny("phi3")), ErrorCode::kMalformed, {"blk.0.attn_qkv.weight", "[128, 64]"});
  const std::string epsilon = "attention.layer_norm_epsilon";
  for (const char* name : {"command-r", "gpt2", "starcoder2"}) {
    const std::string key = std::string(name) + "." + epsilon;
    expect_error(load_error(tiny(name)), ErrorCode::kMalformed, {key});
  }
  expect_error(load_error(tiny("gpt2").add_f32("gpt2." + epsilon, 1e-5F)), ErrorCode::kMalformed,
               {"position_embd.weight", "[256, 64]"});
  expect_error(load_error(tiny("starcoder2").add_f32("starcoder2." + epsilon, 1e-5F)), ErrorCode::kMalformed,
               {"blk.0.attn_norm.bias", "[64]"});
}

TEST(LoadFamily, TensorsOfALargerSibling_AreUnsupported) {
  GgufWriter writer = tiny("command-r", {"blk.0.ffn_norm.weight", "blk.1.ffn_norm.weight"});
  writer.add_f32("command-r.attention.layer_norm_epsilon", 1e-5F);
  EXPECT_EQ(load_error(writer).message(), "");
  writer.add_zeros("blk.0.attn_q_norm.weight", {4, 16}, kF32);  // Command R+
  expect_error(load_error(writer), ErrorCode::kUnsupported, {"blk.0.attn_q_norm.weight", "no place"});
}

TEST(LoadQwen3Moe, WithoutExperts_TheKeysAreNamed) {
  expect_error(load_error(tiny("qwen3moe")), ErrorCode::kMalformed, {"qwen3moe.expert_count"});
  GgufWriter writer = tiny("qwen3moe");
  writer.add_u32("qwen3moe.expert_count", 4).add_u32("qwen3moe.expert_used_count", 2);
  expect_error(load_error(writer), ErrorCode::kMalformed, {"qwen3moe.expert_feed_forward_length"});
}

TEST(LoadPhi3, OneOfTheFactorTables_TheOtherIsAskedFor) {
  const auto with_table = [](const char* name, int64_t length) {
    return load_error(tiny("phi3").add_zeros(name, {length}, kF32));
  };
  expect_error(with_table("rope_factors_long.weight", 8), ErrorCode::kMalformed,
               {"rope_factors_short.weight", "[8]", "no such tensor"});
  expect_error(with_table("rope_factors_short.weight", 7), ErrorCode::kMalformed,
               {"rope_factors_short.weight", "[8]", "[7]"});
  expect_error(with_table("rope_factors_short.weight", 8), ErrorCode::kMalformed,
               {"rope_factors_short.weight", "positive factors"});
}

TEST(LoadPhi3, FusedTensorsOfAnotherHeight_AreNamed) {
  GgufWriter writer = tiny("phi3");
  writer.add_zeros("blk.0.attn_qkv.weight", {127, 64}, kF32);
  expect_error(load_error(writer), ErrorCode::kMalformed,
               {"blk.0.attn_qkv.weight", "[128, 64]", "[127, 64]"});
}

}  // namespace
}  // namespace hearth::models
