// Families whose files are no llama's with other names: what each tensor and each key must be, what the model
// says of its bytes, and what is refused. Files of zeros; that such models compute rightly is
// tests/golden's business.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <variant>

#include "backends/cpu/cpu_backend.h"
#include "models/model.h"
#include "tests/support/gguf_writer.h"

namespace hearth::models {
namespace {

using tensor::Shape;
using testing::GgufWriter;

using Value =
    std::variant<uint32_t, float, bool, std::vector<bool>, std::vector<uint32_t>, std::vector<int32_t>>;

// A model file: ARCHITECTURE.key values, and F32 tensors of zeros.
struct ModelFile {
  std::string architecture;
  std::map<std::string, Value> metadata;
  std::map<std::string, Shape> tensors;

  ModelFile with(const std::string& key, Value value) const {
    ModelFile other = *this;
    other.metadata[key] = std::move(value);
    return other;
  }
  ModelFile without(const std::string& key_or_tensor) const {
    ModelFile other = *this;
    EXPECT_EQ(other.metadata.erase(key_or_tensor) + other.tensors.erase(key_or_tensor), 1U) << key_or_tensor;
    return other;
  }
  ModelFile with_tensor(const std::string& name, const Shape& shape) const {
    ModelFile other = *this;
    other.tensors[name] = shape;
    return other;
  }
  std::string bytes() const {
    GgufWriter writer;
    writer.add_string("general.architecture", architecture);
    for (const auto& [name, value] : metadata) {
      const std::string key = architecture + "." + name;
      if (const auto* number = std::get_if<uint32_t>(&value)) writer.add_u32(key, *number);
      if (const auto* number = std::get_if<float>(&value)) writer.add_f32(key, *number);
      if (const auto* flag = std::get_if<bool>(&value)) writer.add_bool(key, *flag);
      if (const auto* flags = std::get_if<std::vector<bool>>(&value)) writer.add_array<bool>(key, *flags);
      if (const auto* numbers = std::get_if<std::vector<uint32_t>>(&value))
        writer.add_array<uint32_t>(key, *numbers);
      if (const auto* numbers = std::get_if<std::vector<int32_t>>(&value))
        writer.add_array<int32_t>(key, *numbers);
    }
    for (const auto& [name, shape] : tensors) writer.add_zeros(name, shape, tensor::DType::kF32);
    return writer.build();
  }
  uint64_t tensor_bytes(const std::string& name) const {
    return static_cast<uint64_t>(tensors.at(name).n_elements()) * sizeof(float);
  }
  uint64_t tensor_bytes() const {
    uint64_t sum = 0;
    for (const auto& [name, shape] : tensors) sum += tensor_bytes(name);
    return sum;
  }
};

std::string block(int layer, const char* name) {
  return "blk." + std::to_string(layer) + "." + name;
}

void add_mlp(ModelFile& file, int layer, int64_t ffn_width, const char* suffix = "") {
  const auto name = [&](const char* part) { return block(layer, "ffn_") + part + suffix + ".weight"; };
  file.tensors[name("gate")] = {ffn_width, 24};
  file.tensors[name("up")] = {ffn_width, 24};
  file.tensors[name("down")] = {24, ffn_width};
}

// Six layers, of which the fourth and the last attend over everything; width 24, 4 heads.
ModelFile gemma4(bool with_experts) {
  ModelFile file{"gemma4", {}, {}};
  file.metadata = {
      {"vocab_size", 40U},
      {"context_length", 64U},
      {"embedding_length", 24U},
      {"block_count", 6U},
      {"feed_forward_length", 20U},
      {"attention.head_count", 4U},
      {"attention.head_count_kv", std::vector<uint32_t>{2, 2, 2, 1, 2, 1}},
      {"attention.key_length", 8U},
      {"attention.value_length", 8U},
      {"attention.key_length_swa", 6U},
      {"attention.value_length_swa", 6U},
      {"attention.layer_norm_rms_epsilon", 1e-6F},
      {"attention.sliding_window", 16U},
      {"attention.sliding_window_pattern", std::vector<bool>{true, true, true, false, true, false}},
      {"rope.freq_base", 1e6F},
      {"rope.freq_base_swa", 1e4F},
      {"rope.dimension_count", 8U},
      {"rope.dimension_count_swa", 6U},
      {"final_logit_softcapping", 30.0F}};
  file.tensors = {{"token_embd.weight", {40, 24}}, {"output_norm.weight", {24}}};
  if (with_experts) {
    file.metadata["expert_count"] = 5U;
    file.metadata["expert_used_count"] = 2U;
    file.metadata["expert_feed_forward_length"] = 10U;
  } else {
    file.metadata["attention.shared_kv_layers"] = 2U;
    file.metadata["embedding_length_per_layer_input"] = 3U;
    file.tensors["per_layer_token_embd.weight"] = {40, 18};
    file.tensors["per_layer_model_proj.weight"] = {18, 24};
    file.tensors["per_layer_proj_norm.weight"] = {3};
  }
  for (int i = 0; i < 6; ++i) {
    const bool full = i == 3 || i == 5;
    const int64_t head_dim = full ? 8 : 6;
    const int64_t kv_width = full ? 8 : 12;
    for (const char* norm :
         {"attn_norm.weight", "post_attention_norm.weight", "ffn_norm.weight", "post_ffw_norm.weight"})
      file.tensors[block(i, norm)] = {24};
    file.tensors[block(i, "layer_output_scale.weight")] = {1};
    file.tensors[block(i, "attn_q.weight")] = {4 * head_dim, 24};
    file.tensors[block(i, "attn_q_norm.weight")] = {head_dim};
    file.tensors[block(i, "attn_output.weight")] = {24, 4 * head_dim};
    if (with_experts || i < 4) {
      file.tensors[block(i, "attn_k.weight")] = {kv_width, 24};
      file.tensors[block(i, "attn_k_norm.weight")] = {head_dim};
      // With experts, the keys of layers over everything are their values too.
      if (!with_experts || !full) file.tensors[block(i, "attn_v.weight")] = {kv_width, 24};
    }
    add_mlp(file, i, 20);
    if (with_experts) {
      file.tensors[block(i, "ffn_gate_inp.weight")] = {5, 24};
      file.tensors[block(i, "ffn_gate_inp.scale")] = {24};
      file.tensors[block(i, "ffn_gate_up_exps.weight")] = {5, 20, 24};
      file.tensors[block(i, "ffn_down_exps.weight")] = {5, 24, 10};
      file.tensors[block(i, "ffn_down_exps.scale")] = {5};
      for (const char* norm : {"post_ffw_norm_1.weight", "pre_ffw_norm_2.weight", "post_ffw_norm_2.weight"})
        file.tensors[block(i, norm)] = {24};
    } else {
      file.tensors[block(i, "inp_gate.weight")] = {3, 24};
      file.tensors[block(i, "proj.weight")] = {24, 3};
      file.tensors[block(i, "post_norm.weight")] = {24};
    }
  }
  return file;
}

// A dense layer and one with experts; width 24, 4 heads of 6 + 2 elements, a latent vector of 16.
ModelFile deepseek2() {
  ModelFile file{"deepseek2", {}, {}};
  file.metadata = {{"vocab_size", 40U},
                   {"context_length", 64U},
                   {"embedding_length", 24U},
                   {"block_count", 2U},
                   {"feed_forward_length", 20U},
                   {"attention.head_count", 4U},
                   {"attention.head_count_kv", 1U},
                   {"attention.key_length", 18U},
                   {"attention.value_length", 16U},
                   {"attention.key_length_mla", 8U},
                   {"attention.value_length_mla", 5U},
                   {"attention.kv_lora_rank", 16U},
                   {"attention.q_lora_rank", 9U},
                   {"attention.layer_norm_rms_epsilon", 1e-6F},
                   {"rope.freq_base", 1e4F},
                   {"rope.dimension_count", 2U},
                   {"leading_dense_block_count", 1U},
                   {"expert_count", 8U},
                   {"expert_used_count", 2U},
                   {"expert_shared_count", 2U},
                   {"expert_feed_forward_length", 10U},
                   {"expert_gating_func", 2U},
                   {"expert_group_count", 4U},
                   {"expert_group_used_count", 2U},
                   {"expert_weights_scale", 2.5F},
                   {"expert_weights_norm", true}};
  file.tensors = {{"token_embd.weight", {40, 24}}, {"output.weight", {40, 24}}, {"output_norm.weight", {24}}};
  for (int i = 0; i < 2; ++i) {
    file.tensors[block(i, "attn_norm.weight")] = {24};
    file.tensors[block(i, "ffn_norm.weight")] = {24};
    file.tensors[block(i, "attn_q_a.weight")] = {9, 24};
    file.tensors[block(i, "attn_q_a_norm.weight")] = {9};
    file.tensors[block(i, "attn_q_b.weight")] = {32, 9};
    file.tensors[block(i, "attn_kv_a_mqa.weight")] = {18, 24};
    file.tensors[block(i, "attn_kv_a_norm.weight")] = {16};
    file.tensors[block(i, "attn_k_b.weight")] = {4, 16, 6};
    file.tensors[block(i, "attn_v_b.weight")] = {4, 5, 16};
    file.tensors[block(i, "attn_output.weight")] = {24, 20};
  }
  add_mlp(file, 0, 20);
  add_mlp(file, 1, 20, "_shexp");
  file.tensors[block(1, "ffn_gate_inp.weight")] = {8, 24};
  file.tensors[block(1, "ffn_gate_exps.weight")] = {8, 10, 24};
  file.tensors[block(1, "ffn_up_exps.weight")] = {8, 10, 24};
  file.tensors[block(1, "ffn_down_exps.weight")] = {8, 24, 10};
  file.tensors[block(1, "exp_probs_b.bias")] = {8};
  return file;
}

// As files from before the keys' and values' projections were stored apart, and without a rank of queries.
ModelFile old_deepseek2_lite() {
  ModelFile file = deepseek2();
  for (const char* key : {"attention.key_length_mla", "attention.value_length_mla", "attention.q_lora_rank"})
    file.metadata.erase(key);
  file.metadata["attention.head_count_kv"] = 4U;
  file.metadata["attention.key_length"] = 8U;
  file.metadata["attention.value_length"] = 5U;
  for (int i = 0; i < 2; ++i) {
    for (const char* name :
         {"attn_q_a.weight", "attn_q_a_norm.weight", "attn_q_b.weight", "attn_k_b.weight", "attn_v_b.weight"})
      file.tensors.erase(block(i, name));
    file.tensors[block(i, "attn_q.weight")] = {32, 24};
    file.tensors[block(i, "attn_kv_b.weight")] = {44, 16};
  }
  return file;
}

Result<ModelInfo> load(const ModelFile& model) {
  const std::string bytes = model.bytes();
  HEARTH_ASSIGN(gguf::File parsed, gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf"));
  const GgufCheckpoint file(std::move(parsed));
  HEARTH_ASSIGN(const std::unique_ptr<tensor::Backend> backend, cpu::make_cpu_backend({Isa::kScalar, 1}));
  HEARTH_ASSIGN(const std::unique_ptr<Model> loaded, load_model(file, *backend, 64));
  return loaded->info();
}

void expect_error(const ModelFile& model, ErrorCode code, std::initializer_list<std::string_view> parts) {
  const auto info = load(model);
  ASSERT_FALSE(info) << "expected an error with '" << *parts.begin() << "'";
  EXPECT_EQ(info.error().code(), code) << info.error().message();
  for (const std::string_view part : parts) {
    EXPECT_NE(info.error().message().find(part), std::string::npos)
        << "'" << part << "' in: " << info.error().message();
  }
}

std::vector<std::pair<const char*, ModelFile>> all_files() {
  return {{"gemma4", gemma4(false)},
          {"gemma4 with experts", gemma4(true)},
          {"deepseek2", deepseek2()},
          {"old deepseek2 lite", old_deepseek2_lite()}};
}

// Without them a model is another one: keys that serve as values, factors of 1, experts chosen without a
// bias.
bool may_be_missing(const std::string& architecture, const std::string& tensor) {
  const auto is = [&](std::string_view name) { return tensor.ends_with(name); };
  if (architecture == "gemma4") {
    return is("layer_output_scale.weight") || tensor == block(3, "attn_v.weight");
  }
  return is("exp_probs_b.bias");
}

TEST(FamilyFiles, Complete_AreLoaded) {
  for (const auto& [name, file] : all_files()) {
    const auto info = load(file);
    EXPECT_TRUE(info) << name << ": " << info.error().message();
  }
}

TEST(FamilyFiles, TensorMissing_IsNamedWithItsShape) {
  for (const auto& [name, file] : all_files()) {
    for (const auto& [tensor, shape] : file.tensors) {
      SCOPED_TRACE(std::string(name) + ", " + tensor);
      if (tensor == "output.weight") continue;  // the embedding's
      if (tensor.ends_with("attn_kv_b.weight")) {
        expect_error(file.without(tensor), ErrorCode::kMalformed, {"attn_k_b.weight", "no such tensor"});
      } else if (may_be_missing(file.architecture, tensor)) {
        EXPECT_TRUE(load(file.without(tensor)));
      } else {
        expect_error(file.without(tensor), ErrorCode::kMalformed,
                     {"tiny.gguf", tensor, shape.to_string(), "no such tensor"});
      }
    }
  }
}

TEST(FamilyFiles, TensorOfAnotherShape_BothAreTold) {
  for (const auto& [name, file] : all_files()) {
    for (const auto& [tensor, shape] : file.tensors) {
      SCOPED_TRACE(std::string(name) + ", " + tensor);
      Shape other;
      for (size_t i = 0; i < shape.rank(); ++i) other.push_back(shape[i] + (i + 1 == shape.rank() ? 1 : 0));
      expect_error(file.with_tensor(tensor, other), ErrorCode::kMalformed,
                   {"tiny.gguf", tensor, shape.to_string(), other.to_string()});
    }
  }
}

TEST(FamilyFiles, TensorNobodyUses_IsRefused) {
  for (const auto& [name, file] : all_files()) {
    expect_error(file.with_tensor("blk.0.attn_q.bias", {32}), ErrorCode::kUnsupported,
                 {"blk.0.attn_q.bias", "no place"});
  }
}

TEST(FamilyFiles, OptionsThatAreNotTheirs_AreRefusedByKey) {
  for (const auto& [name, file] : all_files()) {
    for (const char* key : {"attention.temperature_scale", "attention.temperature_length", "logit_scale",
                            "attn_logit_softcapping", "attention.scale"}) {
      SCOPED_TRACE(std::string(name) + ", " + key);
      expect_error(file.with(key, 2.0F), ErrorCode::kUnsupported, {file.architecture + "." + key});
    }
  }
  expect_error(gemma4(false).with("leading_dense_block_count", 1U), ErrorCode::kUnsupported,
               {"gemma4.leading_dense_block_count"});
  expect_error(deepseek2().with("attention.shared_kv_layers", 1U), ErrorCode::kUnsupported,
               {"deepseek2.attention.shared_kv_layers"});
  expect_error(deepseek2().with("embedding_length_per_layer_input", 4U), ErrorCode::kUnsupported,
               {"deepseek2.embedding_length_per_layer_input"});
  expect_error(deepseek2().with("attention.sliding_window", 16U), ErrorCode::kUnsupported,
               {"deepseek2.attention.sliding_window"});
}

TEST(LoadGemma4, HyperparametersOutOfRange_AreRefusedByKey) {
  const ModelFile file = gemma4(false);
  const auto refused = [&](const std::string& key, const Value& value, std::string_view expected) {
    SCOPED_TRACE(key);
    expect_error(file.with(key, value), ErrorCode::kMalformed, {"gemma4." + key, expected});
  };
  refused("attention.sliding_window_pattern", std::vector<bool>{true, true, true, false, true},
          "an array of 6 integers");
  refused("attention.sliding_window_pattern", std::vector<int32_t>{1, 1, 1, 2, 1, 0}, "0 or 1, found 2");
  refused("attention.sliding_window_pattern", 6U, "an array of 6 integers");
  refused("attention.sliding_window", 0U, "1 to");
  refused("attention.head_count_kv", std::vector<uint32_t>{2, 2, 2, 3, 2, 1}, "a divisor of head_count = 4");
  refused("attention.head_count_kv", std::vector<uint32_t>{2, 2, 2, 0, 2, 1}, "found 0");
  refused("attention.head_count_kv", std::vector<uint32_t>{2, 2}, "an array of 6 integers");
  refused("attention.value_length", 9U, "key_length = 8");
  refused("attention.value_length_swa", 9U, "key_length_swa = 6");
  refused("attention.key_length_swa", 1U << 30, "1 to");
  refused("rope.dimension_count_swa", 5U, "an even number from 2 to 6");
  refused("rope.dimension_count_swa", 8U, "an even number from 2 to 6");
  refused("rope.freq_base_swa", -1.0F, "positive");
  refused("attention.shared_kv_layers", 6U, "less than block_count = 6");
  refused("attention.shared_kv_layers", 4U, "an earlier layer of the same kind");
  refused("feed_forward_length", std::vector<uint32_t>{20, 20, 20}, "an array of 6 integers");
  expect_error(file.without("attention.sliding_window_pattern"), ErrorCode::kMalformed,
               {"gemma4.attention.sliding_window_pattern", "no such key"});
  expect_error(gemma4(true).without("expert_feed_forward_length"), ErrorCode::kMalformed,
               {"gemma4.expert_feed_forward_length"});
}

TEST(LoadGemma4, KeysAndValuesOfSharedLayers_AreIgnored) {
  const ModelFile file = gemma4(false);
  const ModelFile more = file.with_tensor(block(4, "attn_k.weight"), {12, 24})
                             .with_tensor(block(4, "attn_v.weight"), {12, 24})
                             .with_tensor(block(4, "attn_k_norm.weight"), {6});
  const auto info = load(more);
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->weight_bytes, load(file)->weight_bytes);
}

TEST(LoadGemma4, FeedForwardOfEachLayer_MayHaveAWidthOfItsOwn) {
  ModelFile file = gemma4(false).with("feed_forward_length", std::vector<uint32_t>{20, 20, 20, 20, 40, 40});
  expect_error(file, ErrorCode::kMalformed, {"blk.4.ffn", "40"});
  add_mlp(file, 4, 40);
  add_mlp(file, 5, 40);
  EXPECT_TRUE(load(file));
}

TEST(LoadGemma4, ExpertsWithGateAndUpApart_AreRead) {
  ModelFile file = gemma4(true);
  for (int i = 0; i < 6; ++i) {
    file.tensors.erase(block(i, "ffn_gate_up_exps.weight"));
    file.tensors[block(i, "ffn_gate_exps.weight")] = {5, 10, 24};
    file.tensors[block(i, "ffn_up_exps.weight")] = {5, 10, 24};
  }
  EXPECT_TRUE(load(file));
  expect_error(file.without(block(2, "ffn_up_exps.weight")), ErrorCode::kMalformed,
               {"blk.2.ffn_up_exps.weight", "[5, 10, 24]"});
}

TEST(LoadGemma4, Description_CountsWhatAStepReadsAndTheCacheHolds) {
  const ModelFile file = gemma4(false);
  const auto info = load(file);
  ASSERT_TRUE(info);
  const uint64_t ones = (3 * 6 + 8) * sizeof(float);  // of the layers that normalise values
  EXPECT_EQ(info->weight_bytes, file.tensor_bytes() + ones);
  EXPECT_EQ(info->step_weight_bytes, info->weight_bytes - file.tensor_bytes("per_layer_token_embd.weight"));
  // Three layers over the window and one over everything; the last two hold nothing.
  EXPECT_EQ(KvCache::bytes_per_token(info->kv_layers), (3U * 2 * 6 + 1 * 8) * 2 * 2);

  const ModelFile moe = gemma4(true);
  const auto moe_info = load(moe);
  ASSERT_TRUE(moe_info);
  const uint64_t experts = 6 * (moe.tensor_bytes(block(0, "ffn_gate_up_exps.weight")) +
                                moe.tensor_bytes(block(0, "ffn_down_exps.weight")));
  EXPECT_EQ(moe_info->weight_bytes, moe.tensor_bytes() + (4 * 6 + 2 * 8) * sizeof(float));
  EXPECT_EQ(moe_info->step_weight_bytes, moe_info->weight_bytes - experts / 5 * 3);
  EXPECT_EQ(KvCache::bytes_per_token(moe_info->kv_layers), (4U * 2 * 6 + 2 * 8) * 2 * 2);
}

TEST(LoadDeepSeek2, HyperparametersOutOfRange_AreRefusedByKey) {
  const ModelFile file = deepseek2();
  const auto refused = [&](const std::string& key, const Value& value, std::string_view expected) {
    SCOPED_TRACE(key);
    expect_error(file.with(key, value), ErrorCode::kMalformed, {"deepseek2." + key, expected});
  };
  refused("attention.key_length_mla", 2U, "more than rope.dimension_count = 2");
  refused("attention.key_length_mla", 1U << 29, "1 to 268435456");
  refused("attention.value_length_mla", 1U << 29, "1 to 268435456");
  refused("attention.kv_lora_rank", 1U << 29, "1 to 268435456");
  refused("attention.kv_lora_rank", 0U, "1 to");
  refused("rope.dimension_count", 3U, "even number");
  refused("expert_gating_func", 3U, "1 (softmax) or 2 (sigmoid)");
  refused("expert_group_count", 3U, "equal groups");
  refused("expert_group_count", 8U, "at least two of 8 experts");
  refused("expert_group_used_count", 5U, "1 to 4");
  refused("expert_used_count", 9U, "at most expert_count = 8");
  refused("expert_weights_scale", std::nanf(""), "positive");
  refused("rope.scaling.yarn_log_multiplier", -1.0F, "positive");
  expect_error(file.with("expert_used_count", 5U), ErrorCode::kMalformed,
               {"deepseek2.expert_group_used_count", "groups that hold 5 experts"});
  expect_error(file.without("rope.dimension_count"), ErrorCode::kMalformed,
               {"deepseek2.rope.dimension_count"});
  expect_error(file.without("attention.kv_lora_rank"), ErrorCode::kMalformed,
               {"deepseek2.attention.kv_lora_rank"});
}

TEST(LoadDeepSeek2, Dense_NeedsNoKeysOfExperts) {
  ModelFile file = deepseek2();
  for (const char* key : {"expert_count", "expert_used_count", "expert_gating_func", "expert_group_count",
                          "expert_group_used_count", "expert_feed_forward_length"})
    file.metadata.erase(key);
  std::erase_if(file.tensors, [](const auto& tensor) {
    return tensor.first.starts_with("blk.1.ffn_") || tensor.first.starts_with("blk.1.exp_");
  });
  file.tensors[block(1, "ffn_norm.weight")] = {24};
  add_mlp(file, 1, 20);
  const auto info = load(file);
  ASSERT_TRUE(info) << info.error().message();
}

TEST(LoadDeepSeek2, ProjectionsBesideTheirSource_AreTaken) {
  const ModelFile file = deepseek2();
  const auto info = load(file.with_tensor(block(0, "attn_kv_b.weight"), {44, 16}));
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->weight_bytes, load(file)->weight_bytes);
}

TEST(LoadDeepSeek2, Description_CountsWhatAStepReadsAndTheCacheHolds) {
  const ModelFile file = deepseek2();
  const auto info = load(file);
  ASSERT_TRUE(info);
  const uint64_t experts = 3 * file.tensor_bytes(block(1, "ffn_up_exps.weight"));
  EXPECT_EQ(info->weight_bytes, file.tensor_bytes());
  EXPECT_EQ(info->step_weight_bytes,
            file.tensor_bytes() - file.tensor_bytes("token_embd.weight") - experts / 8 * 6);
  EXPECT_EQ(KvCache::bytes_per_token(info->kv_layers), 2U * (16 + 2) * 2) << "no values beside the keys";

  // Rearranged, the projections take as many bytes as before, since the file has them in F32 too.
  const auto old = load(old_deepseek2_lite());
  ASSERT_TRUE(old);
  EXPECT_EQ(old->weight_bytes, old_deepseek2_lite().tensor_bytes());
  EXPECT_EQ(KvCache::bytes_per_token(old->kv_layers), 2U * (16 + 2) * 2);
}

}  // namespace
}  // namespace hearth::models
