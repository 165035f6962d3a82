// config.json as published models have it, and what of it is refused.
#include "models/huggingface/hyperparameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace hearth::models {
namespace {

using nlohmann::json;

struct Outcome {
  OwnedMetadata metadata;
  Hyperparameters hyperparameters;

  uint64_t count(std::string_view key) const {
    const gguf::Value* value = metadata.find(key);
    return value != nullptr && value->as_u64() ? *value->as_u64() : 0;
  }
  double number(std::string_view key) const {
    const gguf::Value* value = metadata.find(key);
    return value != nullptr && value->as_f64() ? *value->as_f64() : std::nan("");
  }
};

Result<Outcome> read(const json& file) {
  HEARTH_ASSIGN(const HuggingFaceConfig config, HuggingFaceConfig::of(file, "config.json"));
  HEARTH_ASSIGN(const HuggingFaceFamily* family, find_huggingface_family(config));
  HEARTH_ASSIGN(const auto nested, config.object("text_config"));
  Outcome outcome;
  HEARTH_ASSIGN(outcome.hyperparameters,
                read_hyperparameters(family->nested ? *nested : config, *family, outcome.metadata));
  return outcome;
}

const json kLlama32 = json::parse(R"({
  "architectures": ["LlamaForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
  "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "head_dim": 64, "hidden_act": "silu",
  "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 8192, "max_position_embeddings": 131072,
  "mlp_bias": false, "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 16,
  "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
  "rope_scaling": {"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                   "original_max_position_embeddings": 8192, "rope_type": "llama3"},
  "rope_theta": 500000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
  "transformers_version": "4.45.0.dev0", "use_cache": true, "vocab_size": 128256})");

const json kQwen25 = json::parse(R"({
  "architectures": ["Qwen2ForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643,
  "eos_token_id": 151645, "hidden_act": "silu", "hidden_size": 3584, "initializer_range": 0.02,
  "intermediate_size": 18944, "max_position_embeddings": 32768, "max_window_layers": 28, "model_type": "qwen2",
  "num_attention_heads": 28, "num_hidden_layers": 28, "num_key_value_heads": 4, "rms_norm_eps": 1e-06,
  "rope_theta": 1000000.0, "sliding_window": 131072, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "transformers_version": "4.43.1", "use_cache": true, "use_sliding_window": false,
  "vocab_size": 152064})");

const json kGemma3 = json::parse(R"({
  "architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "eoi_token_index": 256000,
  "eos_token_id": [1, 106], "image_token_index": 262144, "initializer_range": 0.02, "mm_tokens_per_image": 256,
  "model_type": "gemma3",
  "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                  "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                  "sliding_window": 1024},
  "torch_dtype": "bfloat16", "transformers_version": "4.50.0.dev0",
  "vision_config": {"hidden_size": 1152, "image_size": 896}})");

const json kPhi35 = [] {
  json config = json::parse(R"({
    "architectures": ["Phi3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
    "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config"}, "bos_token_id": 1, "embd_pdrop": 0.0,
    "eos_token_id": 32000, "hidden_act": "silu", "hidden_size": 3072, "initializer_range": 0.02,
    "intermediate_size": 8192, "max_position_embeddings": 131072, "model_type": "phi3",
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
    "original_max_position_embeddings": 4096, "pad_token_id": 32000, "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "sliding_window": 262144, "tie_word_embeddings": false,
    "torch_dtype": "bfloat16", "transformers_version": "4.43.3", "use_cache": true, "vocab_size": 32064})");
  config["rope_scaling"] = {{"type", "longrope"},
                            {"short_factor", std::vector<double>(48, 1.5)},
                            {"long_factor", std::vector<double>(48, 20.0)}};
  return config;
}();

TEST(HuggingFaceConfig, Llama32_HasItsShapeAndFrequencies) {
  const auto read_config = read(kLlama32);
  ASSERT_TRUE(read_config) << read_config.error().message();
  const Outcome& outcome = *read_config;
  EXPECT_EQ(outcome.count("llama.block_count"), 16U);
  EXPECT_EQ(outcome.count("llama.embedding_length"), 2048U);
  EXPECT_EQ(outcome.count("llama.feed_forward_length"), 8192U);
  EXPECT_EQ(outcome.count("llama.attention.head_count"), 32U);
  EXPECT_EQ(outcome.count("llama.attention.head_count_kv"), 8U);
  EXPECT_EQ(outcome.count("llama.attention.key_length"), 64U);
  EXPECT_EQ(outcome.count("llama.rope.dimension_count"), 64U);
  EXPECT_EQ(outcome.count("llama.context_length"), 131072U);
  EXPECT_EQ(outcome.count("llama.vocab_size"), 128256U);
  EXPECT_EQ(outcome.number("llama.rope.freq_base"), 500000.0);
  EXPECT_EQ(outcome.number("llama.attention.layer_norm_rms_epsilon"), 1e-5);
  EXPECT_EQ(outcome.metadata.find("llama.rope.pairs")->as_string(), "halves");
  EXPECT_EQ(outcome.metadata.find("llama.rope.scaling.type"), nullptr) << "the divisors are all of it";
  EXPECT_TRUE(outcome.hyperparameters.tied);
  const auto& divisors = outcome.hyperparameters.rope.tables.at("rope_freqs.weight");
  ASSERT_EQ(divisors.size(), 32U);
  // Written out from the reference code: frequencies, wavelengths, and three cases.
  for (size_t i = 0; i < 32; ++i) {
    const double frequency = 1.0 / std::pow(500000.0, static_cast<double>(2 * i) / 64.0);
    const double wavelength = 2 * std::numbers::pi / frequency;
    double scaled = frequency;
    if (wavelength > 8192.0 / 1.0) {
      scaled = frequency / 32;
    } else if (wavelength >= 8192.0 / 4.0) {
      const double smooth = (8192 / wavelength - 1) / (4 - 1);
      scaled = (1 - smooth) * frequency / 32 + smooth * frequency;
    }
    EXPECT_NEAR(divisors[i] / (frequency / scaled), 1.0, 1e-6) << i;
  }
  EXPECT_EQ(divisors.front(), 1.0F);
  EXPECT_EQ(divisors.back(), 32.0F);
}

TEST(HuggingFaceConfig, Mistral_EndsItsContextWithTheWindow) {
  json config = kLlama32;
  config["architectures"] = {"MistralForCausalLM"};
  config["rope_scaling"] = nullptr;
  config["max_position_embeddings"] = 32768;
  config["sliding_window"] = 4096;
  const auto windowed = read(config);
  ASSERT_TRUE(windowed) << windowed.error().message();
  EXPECT_EQ(windowed->count("llama.context_length"), 4096U);
  config["sliding_window"] = nullptr;
  EXPECT_EQ(read(config)->count("llama.context_length"), 32768U);
}

TEST(HuggingFaceConfig, Qwen25_WithAndWithoutYarn) {
  const auto plain = read(kQwen25);
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(plain->count("qwen2.context_length"), 32768U) << "the window is not used";
  EXPECT_EQ(plain->count("qwen2.attention.key_length"), 128U) << "hidden_size / heads";
  EXPECT_FALSE(plain->hyperparameters.tied);
  json config = kQwen25;
  config["rope_scaling"] = {{"factor", 4.0}, {"original_max_position_embeddings", 32768}, {"type", "yarn"}};
  const auto yarn = read(config);
  ASSERT_TRUE(yarn) << yarn.error().message();
  EXPECT_EQ(yarn->count("qwen2.context_length"), 131072U);
  EXPECT_EQ(yarn->number("qwen2.rope.scaling.factor"), 4.0);
  EXPECT_EQ(yarn->count("qwen2.rope.scaling.original_context_length"), 32768U);
  EXPECT_EQ(yarn->number("qwen2.rope.scaling.attn_factor"), 1.0);
  config["rope_scaling"]["attention_factor"] = 1.0;
  EXPECT_NEAR(read(config)->number("qwen2.rope.scaling.attn_factor"), 1 / (1 + 0.1 * std::log(4.0)), 1e-12);
}

TEST(HuggingFaceConfig, ScalingsInRopeParameters_AreReadAsInRopeScaling) {
  json config = kLlama32;
  config["rope_parameters"] = config["rope_scaling"];
  config["rope_parameters"]["rope_theta"] = config["rope_theta"];
  config.erase("rope_scaling");
  config.erase("rope_theta");
  const auto outcome = read(config);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(outcome->number("llama.rope.freq_base"), 500000.0);
  EXPECT_EQ(outcome->hyperparameters.rope.tables, read(kLlama32)->hyperparameters.rope.tables);
}

TEST(HuggingFaceConfig, Gemma3_NestedAndSilent_TakesItsClassesDefaults) {
  const auto outcome = read(kGemma3);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(outcome->count("gemma3.attention.head_count"), 8U);
  EXPECT_EQ(outcome->count("gemma3.attention.head_count_kv"), 4U);
  EXPECT_EQ(outcome->count("gemma3.attention.key_length"), 256U);
  EXPECT_EQ(outcome->count("gemma3.attention.sliding_window"), 1024U);
  EXPECT_EQ(outcome->count("gemma3.context_length"), 131072U);
  EXPECT_EQ(outcome->count("gemma3.vocab_size"), 262208U);
  EXPECT_EQ(outcome->number("gemma3.rope.freq_base"), 1e6);
  EXPECT_EQ(outcome->number("gemma3.rope.freq_base_swa"), 1e4);
  EXPECT_EQ(outcome->number("gemma3.rope.scaling.factor"), 8.0);
  EXPECT_TRUE(outcome->hyperparameters.tied);
}

TEST(HuggingFaceConfig, Phi35_HasTwoTablesAndItsMagnitude) {
  const auto outcome = read(kPhi35);
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(outcome->hyperparameters.rope.tables.at("rope_factors_short.weight"),
            std::vector<float>(48, 1.5F));
  EXPECT_EQ(outcome->hyperparameters.rope.tables.at("rope_factors_long.weight"),
            std::vector<float>(48, 20.0F));
  EXPECT_EQ(outcome->count("phi3.rope.scaling.original_context_length"), 4096U);
  EXPECT_NEAR(outcome->number("phi3.rope.scaling.attn_factor"),
              std::sqrt(1 + std::log(32.0) / std::log(4096.0)), 1e-12);
}

// Each with the parts that its message must have.
TEST(HuggingFaceConfig, WhatIsNotComputed_IsRefusedByKeyAndValue) {
  struct Case {
    const json* base;
    const char* pointer;
    json value;
    std::initializer_list<std::string_view> parts;
  };
  const Case cases[] = {
      {&kLlama32,
       "/architectures",
       {"FalconForCausalLM"},
       {"architectures", "FalconForCausalLM", "LlamaForCausalLM"}},
      {&kLlama32, "/architectures", {"LlamaForSequenceClassification"}, {"LlamaForSequenceClassification"}},
      {&kLlama32, "/architectures", nullptr, {"architectures", "none"}},
      {&kLlama32, "/hidden_act", "relu", {"hidden_act", "\"silu\"", "\"relu\""}},
      {&kLlama32, "/attention_bias", true, {"attention_bias", "true"}},
      {&kLlama32, "/mlp_bias", true, {"mlp_bias", "true"}},
      {&kLlama32, "/partial_rotary_factor", 0.5, {"partial_rotary_factor", "0.5"}},
      {&kLlama32, "/residual_multiplier", 2.0, {"residual_multiplier", "2.0", "does not know this option"}},
      {&kLlama32, "/layer_types", {"full_attention", "linear_attention"}, {"layer_types"}},
      {&kLlama32, "/rope_theta", -1, {"rope_theta", "-1"}},
      {&kLlama32, "/rope_scaling/rope_type", "dynamic", {"rope_scaling", "rope_type", "\"dynamic\""}},
      {&kLlama32, "/rope_scaling/rope_type", "yarn", {"high_freq_factor"}},
      {&kLlama32, "/rope_scaling/factor", 0, {"rope_scaling", "factor", "positive"}},
      {&kLlama32, "/rope_scaling/high_freq_factor", 1.0, {"high_freq_factor"}},
      {&kLlama32, "/rope_scaling/original_max_position_embeddings", 0, {"original_max_position_embeddings"}},
      {&kQwen25, "/rope_scaling", {{"type", "yarn"}, {"factor", 4.0}, {"mscale", 0.7}}, {"mscale", "0.7"}},
      {&kQwen25, "/rope_scaling", {{"type", "mrope"}, {"mrope_section", {16, 24, 24}}}, {"\"mrope\""}},
      {&kGemma3, "/text_config/query_pre_attn_scalar", 168, {"query_pre_attn_scalar", "256", "168"}},
      {&kGemma3, "/text_config/sliding_window_pattern", 2, {"sliding_window_pattern", "6", "2"}},
      {&kGemma3, "/text_config/final_logit_softcapping", 30.0, {"final_logit_softcapping", "30.0"}},
      {&kGemma3, "/text_config/layer_types", {"full_attention"}, {"layer_types"}},
      {&kPhi35, "/rope_scaling/short_mscale", 1.1, {"short_mscale", "1.1"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.pointer);
    json config = *c.base;
    config[json::json_pointer(c.pointer)] = c.value;
    const auto outcome = read(config);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), ErrorCode::kUnsupported) << outcome.error().message();
    for (const std::string_view part : c.parts) {
      EXPECT_NE(outcome.error().message().find(part), std::string::npos) << outcome.error().message();
    }
  }
}

TEST(HuggingFaceConfig, ValuesOfAnotherKind_AreMalformed) {
  const std::pair<const char*, json> cases[] = {{"/hidden_size", -1},
                                                {"/hidden_size", 1.5},
                                                {"/hidden_size", "2048"},
                                                {"/hidden_size", nullptr},
                                                {"/vocab_size", 4294967296},
                                                {"/num_hidden_layers", {16}},
                                                {"/rms_norm_eps", "small"},
                                                {"/rope_scaling", "llama3"},
                                                {"/rope_scaling/factor", "32"},
                                                {"/tie_word_embeddings", 1},
                                                {"/architectures", "LlamaForCausalLM"},
                                                {"/architectures", {1}},
                                                {"/rope_scaling/rope_type", 3},
                                                {"/head_dim", json::object()}};
  for (const auto& [pointer, value] : cases) {
    SCOPED_TRACE(pointer + value.dump());
    json config = kLlama32;
    config[json::json_pointer(pointer)] = value;
    const auto outcome = read(config);
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code(), ErrorCode::kMalformed) << outcome.error().message();
    EXPECT_NE(outcome.error().message().find("config.json"), std::string::npos);
  }
  json config = kPhi35;
  config["rope_scaling"]["short_factor"] = {1.0, 2.0};
  EXPECT_NE(read(config).error().message().find("expected 48 numbers, found 2"), std::string::npos);
  EXPECT_FALSE(HuggingFaceConfig::of(json::array(), "config.json"));
}

TEST(HuggingFaceConfig, KeysThatSayNothing_MayBeUnknown) {
  json config = kLlama32;
  config["some_new_option"] = false;
  config["another"] = nullptr;
  config["_private"] = 3;
  EXPECT_TRUE(read(config));
}

}  // namespace
}  // namespace hearth::models
