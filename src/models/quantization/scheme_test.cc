#include "models/quantization/scheme.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/gguf_writer.h"

namespace hearth::models {
namespace {

using tensor::DType;

// The types that a model's tensors get, by name.
struct Planned {
  Planned(const testing::GgufWriter& writer, std::string_view scheme) : bytes(writer.build()) {
    auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "m.gguf");
    EXPECT_TRUE(file) << file.error().message();
    const GgufCheckpoint checkpoint(std::move(*file));
    const auto found = find_scheme(scheme);
    EXPECT_TRUE(found);
    const std::vector<DType> planned = plan_types(checkpoint, **found);
    for (size_t i = 0; i < planned.size(); ++i) {
      types[std::string(checkpoint.tensors()[i].name)] = planned[i];
    }
  }
  std::string bytes;
  std::map<std::string, DType> types;
};

struct ModelOptions {
  uint32_t n_layers = 16;
  uint32_t n_experts = 0;
  uint32_t n_heads = 8;
  uint32_t n_kv_heads = 8;
  bool tied = false;
  int64_t width = 256;
};

testing::GgufWriter model(const ModelOptions& options) {
  testing::GgufWriter writer;
  writer.add_string("general.architecture", "llama").add_u32("llama.block_count", options.n_layers);
  writer.add_u32("llama.expert_count", options.n_experts);
  writer.add_u32("llama.attention.head_count", options.n_heads);
  writer.add_u32("llama.attention.head_count_kv", options.n_kv_heads);
  const auto add = [&](std::string_view name, const tensor::Shape& shape) {
    writer.add_zeros(name, shape, DType::kF16);
  };
  add("token_embd.weight", {2, options.width});
  if (!options.tied) add("output.weight", {2, options.width});
  for (uint32_t i = 0; i < options.n_layers; ++i) {
    const std::string layer = fmt::format("blk.{}.", i);
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"}) {
      add(layer + name + ".weight", {2, options.width});
    }
    writer.add_zeros(layer + "attn_norm.weight", {options.width}, DType::kF32);
    writer.add_zeros(layer + "attn_q.bias", {options.width}, DType::kF32);
  }
  return writer;
}

// The layers in which a tensor is of a type: "0 1 4".
std::string layers_of(const Planned& planned, std::string_view tensor, DType dtype, uint32_t n_layers) {
  std::string layers;
  for (uint32_t i = 0; i < n_layers; ++i) {
    if (planned.types.at(fmt::format("blk.{}.{}.weight", i, tensor)) == dtype) {
      layers += fmt::format("{}{}", layers.empty() ? "" : " ", i);
    }
  }
  return layers;
}

TEST(Scheme, Names_AreFoundInEitherCase) {
  EXPECT_EQ((*find_scheme("q4_k_m"))->name, "Q4_K_M");
  EXPECT_EQ((*find_scheme("Q4_K"))->name, "Q4_K_M");
  EXPECT_EQ((*find_scheme("q5_k"))->file_type, 17U);
  EXPECT_EQ((*find_scheme("bf16"))->dtype, DType::kBF16);
  const auto unknown = find_scheme("Q9\x1b");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(unknown.error().message().find("Q4_K_M, "), std::string::npos) << unknown.error().message();
  EXPECT_EQ(unknown.error().message().find('\x1b'), std::string::npos);
}

TEST(Scheme, Q4_K_M_GivesMoreBitsWhereMostDepends) {
  const Planned planned(model({}), "Q4_K_M");
  EXPECT_EQ(planned.types.at("token_embd.weight"), DType::kQ4_K);
  EXPECT_EQ(planned.types.at("output.weight"), DType::kQ6_K);
  EXPECT_EQ(planned.types.at("blk.3.attn_q.weight"), DType::kQ4_K);
  EXPECT_EQ(planned.types.at("blk.3.attn_norm.weight"), DType::kF32);
  EXPECT_EQ(planned.types.at("blk.3.attn_q.bias"), DType::kF32);
  // The first and last eighth of 16 layers, and every third between.
  EXPECT_EQ(layers_of(planned, "attn_v", DType::kQ6_K, 16), "0 1 4 7 10 13 14 15");
  EXPECT_EQ(layers_of(planned, "ffn_down", DType::kQ6_K, 16), "0 1 4 7 10 13 14 15");
  EXPECT_EQ(layers_of(planned, "attn_output", DType::kQ4_K, 16), "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15");
}

TEST(Scheme, TheOtherMixes_FollowTheirRules) {
  const Planned small(model({}), "Q4_K_S");
  EXPECT_EQ(layers_of(small, "attn_v", DType::kQ5_K, 16), "0 1 2 3");
  EXPECT_EQ(layers_of(small, "ffn_down", DType::kQ5_K, 16), "0 1");
  const Planned three(model({}), "Q3_K_M");
  EXPECT_EQ(layers_of(three, "attn_v", DType::kQ5_K, 16), "0 1");
  EXPECT_EQ(three.types.at("blk.2.attn_v.weight"), DType::kQ4_K);
  EXPECT_EQ(layers_of(three, "ffn_down", DType::kQ5_K, 16), "0");
  EXPECT_EQ(three.types.at("blk.2.attn_output.weight"), DType::kQ4_K);
  EXPECT_EQ(three.types.at("blk.2.ffn_up.weight"), DType::kQ3_K);
  const Planned five(model({}), "Q5_K_S");
  EXPECT_EQ(layers_of(five, "attn_v", DType::kQ6_K, 16), "");
  const Planned legacy(model({}), "Q4_0");
  EXPECT_EQ(legacy.types.at("output.weight"), DType::kQ6_K);
  EXPECT_EQ(legacy.types.at("blk.0.attn_v.weight"), DType::kQ4_0);
  const Planned eight(model({}), "Q8_0");
  EXPECT_EQ(eight.types.at("output.weight"), DType::kQ8_0);
  const Planned plain(model({}), "BF16");
  EXPECT_EQ(plain.types.at("output.weight"), DType::kBF16);
  EXPECT_EQ(plain.types.at("blk.0.attn_norm.weight"), DType::kF32);
}

TEST(Scheme, ATiedEmbedding_IsTreatedAsTheOutput) {
  const Planned planned(model({.tied = true}), "Q4_K_M");
  EXPECT_EQ(planned.types.at("token_embd.weight"), DType::kQ6_K);
}

TEST(Scheme, EightExperts_KeepTheirAttention) {
  const Planned planned(model({.n_experts = 8}), "Q4_K_M");
  EXPECT_EQ(planned.types.at("blk.3.attn_v.weight"), DType::kQ8_0);
  EXPECT_EQ(planned.types.at("blk.3.attn_k.weight"), DType::kQ8_0);
  EXPECT_EQ(planned.types.at("blk.3.attn_output.weight"), DType::kQ5_K);
  EXPECT_EQ(planned.types.at("blk.3.attn_q.weight"), DType::kQ4_K);
}

TEST(Scheme, EightyLayersWithSharedHeads_GetFiveBitsForValues) {
  const Planned planned(model({.n_layers = 80, .n_heads = 64, .n_kv_heads = 8}), "Q4_K_S");
  EXPECT_EQ(planned.types.at("blk.40.attn_v.weight"), DType::kQ5_K);
  const Planned unshared(model({.n_layers = 80, .n_heads = 64, .n_kv_heads = 64}), "Q4_K_S");
  EXPECT_EQ(unshared.types.at("blk.40.attn_v.weight"), DType::kQ4_K);
}

TEST(Scheme, RowsThatAreNoWholeBlocks_GetSmallerOnes) {
  const Planned of_32(model({.width = 96}), "Q4_K_M");
  EXPECT_EQ(of_32.types.at("blk.2.attn_q.weight"), DType::kQ5_0);
  EXPECT_EQ(of_32.types.at("blk.0.attn_v.weight"), DType::kQ8_0);  // for Q6_K
  EXPECT_EQ(of_32.types.at("output.weight"), DType::kQ8_0);
  EXPECT_EQ(Planned(model({.width = 96}), "Q5_K_S").types.at("blk.2.attn_q.weight"), DType::kQ5_1);
  EXPECT_EQ(Planned(model({.width = 96}), "Q3_K_S").types.at("blk.2.attn_q.weight"), DType::kQ4_0);
  EXPECT_EQ(Planned(model({.width = 96}), "Q4_0").types.at("output.weight"), DType::kQ8_0);
  const Planned of_none(model({.width = 40}), "Q4_K_M");
  EXPECT_EQ(of_none.types.at("blk.2.attn_q.weight"), DType::kF16);
  EXPECT_EQ(of_none.types.at("output.weight"), DType::kF16);
}

TEST(Scheme, SmallAndDelicateTensors_StayAsTheyAre) {
  testing::GgufWriter writer;
  writer.add_string("general.architecture", "llama");
  for (const char* name :
       {"blk.0.ffn_gate_inp.weight", "blk.0.ssm_conv1d.weight", "position_embd.weight", "token_types.weight",
        "blk.0.attn_q_norm.weight", "blk.0.attn_sinks", "per_layer_model_proj.weight"}) {
    writer.add_zeros(name, {2, 256}, DType::kF32);
  }
  writer.add_zeros("blk.0.ssm_a.weight", {1, 1, 256}, DType::kF32);  // one row: a vector
  writer.add_zeros("blk.0.ffn_down_exps.weight", {4, 2, 256}, DType::kF32);
  Planned planned(writer, "Q8_0");
  EXPECT_EQ(planned.types.at("blk.0.ffn_down_exps.weight"), DType::kQ8_0);
  planned.types.erase("blk.0.ffn_down_exps.weight");
  for (const auto& [name, dtype] : planned.types) EXPECT_EQ(dtype, DType::kF32) << name;
}

}  // namespace
}  // namespace hearth::models
