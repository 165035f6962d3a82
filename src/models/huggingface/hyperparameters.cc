#include "models/huggingface/hyperparameters.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/excerpt.h"

namespace hearth::models {
namespace {

constexpr std::array kHuggingFaceFamilies{
    HuggingFaceFamily{.class_name = "LlamaForCausalLM", .architecture = "llama"},
    HuggingFaceFamily{.class_name = "MistralForCausalLM", .architecture = "llama"},
    HuggingFaceFamily{.class_name = "Qwen2ForCausalLM", .architecture = "qwen2"},
    HuggingFaceFamily{.class_name = "Qwen3ForCausalLM", .architecture = "qwen3"},
    HuggingFaceFamily{.class_name = "Phi3ForCausalLM", .architecture = "phi3"},
    HuggingFaceFamily{.class_name = "Gemma3ForCausalLM",
                      .architecture = "gemma3",
                      .norms_add_one = true,
                      .tied_by_default = true},
    HuggingFaceFamily{.class_name = "Gemma3ForConditionalGeneration",
                      .architecture = "gemma3",
                      .norms_add_one = true,
                      .nested = true,
                      .tied_by_default = true},
};

// What a family takes for granted where config.json is silent: the defaults of its class in transformers.
// 0: the key must be there.
struct Defaults {
  uint32_t heads = 0, kv_heads = 0, head_dim = 0, vocabulary_size = 0, context_tokens = 0;
  double epsilon = 0.0, rope_base = 10000.0;
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
};

Defaults defaults_of(const HuggingFaceFamily& family) {
  if (family.architecture != "gemma3") return {};
  return {.heads = 8,
          .kv_heads = 4,
          .head_dim = 256,
          .vocabulary_size = 262'208,
          .context_tokens = 131'072,
          .epsilon = 1e-6,
          .rope_base = 1e6,
          .activation_key = "hidden_activation",
          .activation = "gelu_pytorch_tanh"};
}

class Reader {
 public:
  Reader(const HuggingFaceConfig& config, const HuggingFaceFamily& family, OwnedMetadata& metadata)
      : config_(config), family_(family), defaults_(defaults_of(family)), metadata_(metadata) {}

  Result<Hyperparameters> read() {
    HEARTH_TRY(read_shape());
    HEARTH_TRY(read_options());
    const bool is_gemma3 = family_.architecture == "gemma3";
    HEARTH_TRY(is_gemma3 ? read_gemma3() : read_window());
    HEARTH_TRY(read_rope());
    add("context_length", context_tokens_);
    HEARTH_ASSIGN(result_.tied, config_.flag("tie_word_embeddings", family_.tied_by_default));
    ignore_what_changes_nothing();
    HEARTH_TRY(config_.check_all_known());
    return std::move(result_);
  }

 private:
  template <typename T>
  void add(std::string_view name, T value) {
    metadata_.add(fmt::format("{}.{}", family_.architecture, name), value);
  }
  Result<uint32_t> count(std::string_view key, uint32_t fallback) const {
    return fallback > 0 ? config_.count(key, fallback) : config_.required_count(key);
  }

  Result<void> read_shape() {
    HEARTH_ASSIGN(const uint32_t width, config_.required_count("hidden_size"));
    HEARTH_ASSIGN(const uint32_t layers, config_.required_count("num_hidden_layers"));
    HEARTH_ASSIGN(const uint32_t ffn_width, config_.required_count("intermediate_size"));
    HEARTH_ASSIGN(heads_, count("num_attention_heads", defaults_.heads));
    HEARTH_ASSIGN(const uint32_t kv_heads,
                  config_.count("num_key_value_heads", defaults_.kv_heads > 0 ? defaults_.kv_heads : heads_));
    if (heads_ == 0) return config_.unsupported("num_attention_heads", "at least 1");
    const uint32_t head_dim = defaults_.head_dim > 0 ? defaults_.head_dim : width / heads_;
    HEARTH_ASSIGN(head_dim_, config_.count("head_dim", head_dim));
    HEARTH_ASSIGN(result_.vocabulary_size, count("vocab_size", defaults_.vocabulary_size));
    HEARTH_ASSIGN(context_tokens_, count("max_position_embeddings", defaults_.context_tokens));
    HEARTH_ASSIGN(const double epsilon, defaults_.epsilon > 0
                                            ? config_.number("rms_norm_eps", defaults_.epsilon)
                                            : config_.required_number("rms_norm_eps"));
    width_ = width;
    layers_ = layers;
    add("block_count", layers);
    add("embedding_length", width);
    add("feed_forward_length", ffn_width);
    add("attention.head_count", heads_);
    add("attention.head_count_kv", kv_heads);
    add("attention.key_length", head_dim_);
    add("attention.value_length", head_dim_);
    add("attention.layer_norm_rms_epsilon", epsilon);
    add("vocab_size", result_.vocabulary_size);
    return {};
  }

  Result<void> read_options() {
    HEARTH_TRY(config_.expect(defaults_.activation_key, defaults_.activation));
    // Qwen 2 has biases on queries, keys and values, without saying so; no other family here has any.
    HEARTH_TRY(config_.expect("attention_bias", false));
    HEARTH_TRY(config_.expect("mlp_bias", false));
    HEARTH_TRY(config_.expect("attn_logit_softcapping", nullptr));
    HEARTH_TRY(config_.expect("final_logit_softcapping", nullptr));
    HEARTH_TRY(config_.expect("use_bidirectional_attention", false));
    return config_.expect("rope_interleaved", false);
  }

  // Attention over a window is the same as over everything as long as the window holds everything: the
  // context ends with it.
  Result<void> read_window() {
    HEARTH_ASSIGN(const bool is_used, config_.flag("use_sliding_window", family_.class_name[0] != 'Q'));
    HEARTH_ASSIGN(const std::optional<uint32_t> window, config_.count("sliding_window"));
    config_.ignore({"max_window_layers"});
    if (is_used && window && *window > 0) window_ = *window;
    HEARTH_ASSIGN(const std::vector<std::string> types, config_.texts("layer_types"));
    const bool all_full = std::ranges::all_of(types, [](const auto& t) { return t == "full_attention"; });
    if (!all_full && window_ == 0) return config_.unsupported("layer_types", "full_attention everywhere");
    return {};
  }

  Result<void> read_gemma3() {
    HEARTH_ASSIGN(const uint32_t window, config_.count("sliding_window", 4096));
    add("attention.sliding_window", window);
    HEARTH_ASSIGN(const double local_base, config_.number("rope_local_base_freq", 10000.0));
    add("rope.freq_base_swa", local_base);
    HEARTH_TRY(config_.expect("sliding_window_pattern", 6));
    HEARTH_TRY(config_.expect("_sliding_window_pattern", 6));
    HEARTH_ASSIGN(const std::vector<std::string> types, config_.texts("layer_types"));
    for (size_t i = 0; i < types.size(); ++i) {
      if (types[i] == ((i + 1) % 6 == 0 ? "full_attention" : "sliding_attention")) continue;
      return config_.unsupported("layer_types", "five sliding_attention before each full_attention");
    }
    // What the family makes of the depth: the 27B models' scale differs.
    const uint32_t scalar = layers_ == 62 ? width_ / heads_ : head_dim_;
    HEARTH_ASSIGN(const double found, config_.number("query_pre_attn_scalar", 256.0));
    if (found == scalar) return {};
    return config_.unsupported("query_pre_attn_scalar", fmt::format("{}", scalar));
  }

  Result<void> read_rope() {
    HEARTH_ASSIGN(const double share, config_.number("partial_rotary_factor", 1.0));
    if (!(share > 0 && share <= 1))
      return config_.unsupported("partial_rotary_factor", "more than 0, at most 1");
    if (share != 1 && family_.architecture != "phi3")
      return config_.unsupported("partial_rotary_factor", "1");
    RopeInput input;
    input.architecture = family_.architecture;
    input.n_rotated = static_cast<uint32_t>(head_dim_ * share);
    input.context_tokens = context_tokens_;
    HEARTH_ASSIGN(input.original_context_tokens, config_.count("original_max_position_embeddings", 0));
    input.default_base = defaults_.rope_base;
    input.two_tables = family_.architecture == "phi3";
    HEARTH_ASSIGN(result_.rope, read_rope_scaling(config_, input, metadata_));
    context_tokens_ = result_.rope.context_tokens;
    if (window_ > 0) context_tokens_ = std::min(context_tokens_, window_);
    // Hugging Face pairs the two halves of a head everywhere; GGUF's llama does not.
    add("rope.pairs", std::string_view("halves"));
    return {};
  }

  // Training, storage and generation.
  void ignore_what_changes_nothing() const {
    config_.ignore({"architectures",
                    "model_type",
                    "auto_map",
                    "torch_dtype",
                    "dtype",
                    "use_cache",
                    "initializer_range",
                    "attention_dropout",
                    "resid_pdrop",
                    "embd_pdrop",
                    "hidden_dropout",
                    "pretraining_tp",
                    "bos_token_id",
                    "eos_token_id",
                    "pad_token_id",
                    "unk_token_id",
                    "sep_token_id",
                    "transformers_version",
                    "quantization_config",
                    "cache_implementation",
                    "transformers.js_config",
                    "is_llama_config",
                    "unsloth_version",
                    "unsloth_fixed",
                    "max_length",
                    "text_config",
                    "id2label",
                    "label2id",
                    "problem_type",
                    "torchscript",
                    "return_dict",
                    "output_attentions",
                    "output_hidden_states",
                    "chunk_size_feed_forward",
                    "temperature",
                    "top_k",
                    "top_p",
                    "min_length",
                    "num_beams",
                    "repetition_penalty",
                    "length_penalty",
                    "diversity_penalty",
                    "typical_p",
                    "do_sample",
                    "num_return_sequences",
                    "num_beam_groups",
                    "encoder_no_repeat_ngram_size",
                    "no_repeat_ngram_size",
                    "early_stopping",
                    "tokenizer_class",
                    "name_or_path",
                    "use_flash_attn",
                    "attn_implementation"});
  }

  const HuggingFaceConfig& config_;
  const HuggingFaceFamily& family_;
  const Defaults defaults_;
  OwnedMetadata& metadata_;
  Hyperparameters result_;
  uint32_t width_ = 0, layers_ = 0, heads_ = 0, head_dim_ = 0, context_tokens_ = 0;
  uint32_t window_ = 0;  // 0: none
};

}  // namespace

std::span<const HuggingFaceFamily> huggingface_families() noexcept {
  return kHuggingFaceFamilies;
}

Result<const HuggingFaceFamily*> find_huggingface_family(const HuggingFaceConfig& config) {
  HEARTH_ASSIGN(const std::vector<std::string> names, config.texts("architectures"));
  for (const HuggingFaceFamily& family : kHuggingFaceFamilies) {
    if (names.size() == 1 && names.front() == family.class_name) return &family;
  }
  std::vector<std::string_view> known;
  known.reserve(std::size(kHuggingFaceFamilies));
  for (const HuggingFaceFamily& family : kHuggingFaceFamilies) known.push_back(family.class_name);
  const std::string found =
      names.empty() ? "none" : quoted_excerpt(fmt::format("{}", fmt::join(names, ", ")));
  return make_error(ErrorCode::kUnsupported, "config.json: architectures: expected one of {}, found {}",
                    fmt::join(known, ", "), found);
}

Result<Hyperparameters> read_hyperparameters(const HuggingFaceConfig& config, const HuggingFaceFamily& family,
                                             OwnedMetadata& metadata) {
  return Reader(config, family, metadata).read();
}

}  // namespace hearth::models
