// Gemma 2 and 3: norms before and after each block, layers over a window between layers over everything,
// gated GELU, scaled embeddings. Gemma 2 caps scores and logits; Gemma 3 normalises queries and keys instead,
// and turns them faster in its windowed layers. Source: arXiv:2408.00118, arXiv:2503.19786.
#include <cmath>

#include "models/registry.h"
#include "models/residual_transformer.h"

namespace hearth::models {
namespace {

// What both have.
struct Gemma {
  TransformerConfig config;
  ResidualLayerConfig layer;
  int64_t window = 0;
};

// The 27B models scale scores by the width of a head's share of the residual, and GGUF has no key for it:
// they are known by their depth.
Result<Gemma> read_gemma(const DescriptionSource& source, int64_t n_layers_of_27b) {
  const ConfigReader reader(source.file);
  Gemma g;
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(g.config, read_transformer_config(reader, norm,
                                                  {"attention.sliding_window", "attn_logit_softcapping",
                                                   "final_logit_softcapping"}));
  g.config.embedding_scale = std::sqrt(static_cast<float>(g.config.width));
  HEARTH_ASSIGN(g.config.logit_soft_cap, reader.factor_or("final_logit_softcapping", 0.0F));
  HEARTH_ASSIGN(g.window, reader.count("attention.sliding_window"));

  HEARTH_ASSIGN(g.layer, read_residual_layer_config(reader, g.config));
  g.layer.norm_placement = NormPlacement::kBoth;
  std::get<MlpConfig>(g.layer.mlp).activation = tensor::Activation::kGeluTanh;
  HEARTH_ASSIGN(g.layer.attention.soft_cap, reader.factor_or("attn_logit_softcapping", 0.0F));
  if (g.config.n_layers == n_layers_of_27b) {
    const auto share = static_cast<float>(g.config.width) / static_cast<float>(g.layer.attention.n_heads);
    g.layer.attention.scale = 1.0F / std::sqrt(share);
  }
  return g;
}

}  // namespace

Result<ResidualTransformerConfig> read_gemma2(const DescriptionSource& source) {
  HEARTH_ASSIGN(Gemma g, read_gemma(source, /*n_layers_of_27b=*/46));
  HEARTH_TRY(read_rope(source, g.config, tensor::RopeStyle::kHalves, g.layer));
  return ResidualTransformerConfig{g.config, [=](int64_t i) {
                                     ResidualLayerConfig own = g.layer;
                                     own.attention.window = i % 2 == 0 ? g.window : 0;
                                     return own;
                                   }};
}

Result<ResidualTransformerConfig> read_gemma3(const DescriptionSource& source) {
  HEARTH_ASSIGN(Gemma g, read_gemma(source, /*n_layers_of_27b=*/62));
  const ConfigReader reader(source.file);
  g.layer.attention.qk_norm = QkNorm::kPerHead;
  g.layer.attention.norm = g.config.norm;
  HEARTH_TRY(read_rope(source, g.config, tensor::RopeStyle::kHalves, g.layer));
  // Windows need no stretching for long contexts.
  RopeConfig windowed;
  windowed.n_rotated = g.layer.attention.rope->args().n_rotated;
  HEARTH_ASSIGN(const float base, reader.factor_or("rope.freq_base_swa", 10000.0F));
  windowed.frequency_base = static_cast<double>(base);
  const auto windowed_rope =
      std::make_shared<const Rope>(windowed, tensor::RopeStyle::kHalves, std::span<const float>());
  return ResidualTransformerConfig{g.config, [=](int64_t i) {
                                     ResidualLayerConfig own = g.layer;
                                     if ((i + 1) % 6 != 0) {
                                       own.attention.window = g.window;
                                       own.attention.rope = windowed_rope;
                                     }
                                     return own;
                                   }};
}

}  // namespace hearth::models
