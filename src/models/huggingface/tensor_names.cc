#include "models/huggingface/tensor_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::models {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array kModules{
    Pair{"self_attn.q_proj", "attn_q"},
    Pair{"self_attn.k_proj", "attn_k"},
    Pair{"self_attn.v_proj", "attn_v"},
    Pair{"self_attn.o_proj", "attn_output"},
    Pair{"self_attn.q_norm", "attn_q_norm"},
    Pair{"self_attn.k_norm", "attn_k_norm"},
    Pair{"self_attn.qkv_proj", "attn_qkv"},
    Pair{"mlp.gate_proj", "ffn_gate"},
    Pair{"mlp.up_proj", "ffn_up"},
    Pair{"mlp.down_proj", "ffn_down"},
    Pair{"mlp.gate_up_proj", "ffn_up"},
    Pair{"input_layernorm", "attn_norm"},
    Pair{"pre_feedforward_layernorm", "ffn_norm"},
    Pair{"post_feedforward_layernorm", "post_ffw_norm"},
};

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// Nested models have been written in three ways.
std::string_view without_nesting(std::string_view name, const HuggingFaceFamily& family) {
  if (!family.nested) return name;
  for (const std::string_view prefix : {"language_model.", "model.language_model."}) {
    if (take_prefix(name, prefix)) break;
  }
  return name;
}

std::optional<std::string_view> layer_module(std::string_view module, const HuggingFaceFamily& family) {
  if (module == "post_attention_layernorm") {
    return family.architecture == "gemma3" ? "post_attention_norm" : "ffn_norm";
  }
  const auto at = std::ranges::find(kModules, module, &Pair::first);
  if (at == kModules.end()) return std::nullopt;
  return at->second;
}

std::optional<std::string> gguf_module(std::string_view module, const HuggingFaceFamily& family) {
  if (module == "lm_head") return "output";
  if (!take_prefix(module, "model.") && !family.nested) return std::nullopt;
  if (module == "embed_tokens") return "token_embd";
  if (module == "norm") return "output_norm";
  if (!take_prefix(module, "layers.")) return std::nullopt;
  const size_t dot = module.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot > 6) return std::nullopt;
  const std::string_view layer = module.substr(0, dot);
  const bool is_number = layer.find_first_not_of("0123456789") == std::string_view::npos;
  if (!is_number || (layer.size() > 1 && layer[0] == '0')) return std::nullopt;
  const auto name = layer_module(module.substr(dot + 1), family);
  if (!name) return std::nullopt;
  return fmt::format("blk.{}.{}", layer, *name);
}

}  // namespace

std::optional<TensorName> gguf_name(std::string_view name, const HuggingFaceFamily& family) {
  name = without_nesting(name, family);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto module = gguf_module(name.substr(0, dot), family);
  if (!module) return std::nullopt;
  return TensorName{std::move(*module), std::string(name.substr(dot + 1))};
}

bool is_beside_the_text_model(std::string_view name, const HuggingFaceFamily& family) {
  if (name.ends_with(".rotary_emb.inv_freq")) return true;
  if (!family.nested) return false;
  constexpr std::array<std::string_view, 4> kPrefixes{"vision_tower.", "multi_modal_projector.",
                                                      "model.vision_tower.", "model.multi_modal_projector."};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace hearth::models
