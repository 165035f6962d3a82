// Gemma 2 and 3: norms before and after each block, layers over a window between layers over everything,
// gated GELU, scaled embeddings. Gemma 2 caps scores and logits; Gemma 3 normalises queries and keys instead,
// and turns them faster in its windowed layers. Source: arXiv:2408.00118, arXiv:2503.19786.
#include <algorithm>
#include <cmath>

#include "models/blocks/attention.h"
#include "models/blocks/mlp.h"
#include "models/decoder.h"
#include "models/registry.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

struct GemmaConfig {
  DecoderConfig decoder;
  int64_t ffn_width = 0;
  AttentionConfig attention;
  int64_t window = 0;
  int64_t period = 0;  // of as many layers the last one has no window
  RopeConfig rope;
  RopeConfig windowed_rope;

  bool is_windowed(int64_t layer) const { return (layer + 1) % period != 0; }
};

Result<GemmaConfig> read_config(const gguf::File& file, int64_t period) {
  const ConfigReader reader(file);
  GemmaConfig c;
  c.period = period;
  HEARTH_ASSIGN(c.decoder, read_decoder_config(reader));
  c.decoder.embedding_scale = std::sqrt(static_cast<float>(c.decoder.width));
  HEARTH_ASSIGN(c.decoder.logit_soft_cap, reader.positive_or("final_logit_softcapping", 0.0F));
  HEARTH_ASSIGN(c.ffn_width, reader.count("feed_forward_length"));
  HEARTH_ASSIGN(c.attention, reader.attention(c.decoder.width));
  HEARTH_ASSIGN(c.window, reader.count("attention.sliding_window"));
  HEARTH_ASSIGN(
      c.rope, read_rope_config(file, reader.architecture(), c.attention.head_dim, c.decoder.context_tokens));
  c.windowed_rope = c.rope;
  return c;
}

// The 27B models scale scores by the width of a head's share of the residual, and GGUF has no key for it:
// they are known by their depth.
void set_scale_of_27b(GemmaConfig& c, int64_t n_layers_of_27b) {
  if (c.decoder.n_layers != n_layers_of_27b) return;
  c.attention.scale = 1.0F / std::sqrt(static_cast<float>(c.decoder.width / c.attention.n_heads));
}

Result<GemmaConfig> read_gemma2_config(const gguf::File& file) {
  HEARTH_ASSIGN(GemmaConfig c, read_config(file, /*period=*/2));
  const ConfigReader reader(file);
  HEARTH_ASSIGN(c.attention.soft_cap, reader.positive_or("attn_logit_softcapping", 50.0F));
  set_scale_of_27b(c, 46);
  return c;
}

Result<GemmaConfig> read_gemma3_config(const gguf::File& file) {
  HEARTH_ASSIGN(GemmaConfig c, read_config(file, /*period=*/6));
  const ConfigReader reader(file);
  c.attention.qk_norm_epsilon = c.decoder.norm_epsilon;
  HEARTH_ASSIGN(const float base, reader.positive_or("rope.freq_base_swa", 10000.0F));
  c.windowed_rope.frequency_base = static_cast<double>(base);
  c.windowed_rope.scaling = RopeScaling::kNone;
  set_scale_of_27b(c, 62);
  return c;
}

struct GemmaRopes {
  explicit GemmaRopes(const GemmaConfig& c)
      : whole(c.rope, tensor::RopeStyle::kHalves, {}),
        windowed(c.windowed_rope, tensor::RopeStyle::kHalves, {}) {}
  Rope whole;
  Rope windowed;
};

class GemmaLayer final : public DecoderLayer {
 public:
  static Result<std::unique_ptr<DecoderLayer>> load(WeightReader& weights, const GemmaConfig& c,
                                                    std::shared_ptr<const GemmaRopes> ropes, int64_t index) {
    auto layer = std::make_unique<GemmaLayer>();
    const std::string prefix = fmt::format("blk.{}", index);
    layer->index_ = static_cast<size_t>(index);
    layer->ffn_width_ = c.ffn_width;
    layer->attention_config_ = c.attention;
    if (c.is_windowed(index)) layer->attention_config_.window = c.window;
    const auto norm = [&](const char* name) -> Result<RmsNorm> {
      HEARTH_ASSIGN(const Tensor weight, weights.vector(prefix + name, c.decoder.width));
      return RmsNorm(weight, c.decoder.norm_epsilon);
    };
    HEARTH_ASSIGN(layer->attention_norm_, norm(".attn_norm.weight"));
    HEARTH_ASSIGN(layer->attention_post_norm_, norm(".post_attention_norm.weight"));
    HEARTH_ASSIGN(layer->mlp_norm_, norm(".ffn_norm.weight"));
    HEARTH_ASSIGN(layer->mlp_post_norm_, norm(".post_ffw_norm.weight"));
    const Rope& rope = c.is_windowed(index) ? ropes->windowed : ropes->whole;
    HEARTH_ASSIGN(layer->attention_, Attention::load(weights, prefix, layer->attention_config_, rope));
    HEARTH_ASSIGN(layer->mlp_, GatedMlp::load(weights, prefix, c.decoder.width, c.ffn_width,
                                              tensor::Activation::kGeluTanh));
    layer->ropes_ = std::move(ropes);
    return std::unique_ptr<DecoderLayer>(std::move(layer));
  }

  size_t workspace_bytes(int64_t n_rows) const override {
    return 2 * Workspace::bytes_for({n_rows, attention_config_.width}) +
           std::max(Attention::workspace_bytes(attention_config_, n_rows),
                    GatedMlp::workspace_bytes(ffn_width_, n_rows));
  }

  void apply(const StepContext& step, const KvCache& cache, const Tensor& residual) const override {
    const Workspace::Scope scope(step.workspace);
    const Tensor normed = step.workspace.take(residual.shape);
    const Tensor update = step.workspace.take(residual.shape);
    attention_norm_.apply(step, residual, normed);
    attention_.apply(step, cache.layer(index_), normed, update);
    attention_post_norm_.apply(step, update, update);
    step.backend.add(residual, update);
    mlp_norm_.apply(step, residual, normed);
    mlp_.apply(step, normed, update);
    mlp_post_norm_.apply(step, update, update);
    step.backend.add(residual, update);
  }

  KvLayerShape kv_shape() const override { return attention_config_.kv_shape(); }

 private:
  size_t index_ = 0;
  int64_t ffn_width_ = 0;
  AttentionConfig attention_config_;
  RmsNorm attention_norm_;
  Attention attention_;
  RmsNorm attention_post_norm_;
  RmsNorm mlp_norm_;
  GatedMlp mlp_;
  RmsNorm mlp_post_norm_;
  std::shared_ptr<const GemmaRopes> ropes_;
};

Result<std::unique_ptr<Model>> load_gemma(const gguf::File& file, tensor::Backend& backend,
                                          const GemmaConfig& config) {
  const auto ropes = std::make_shared<const GemmaRopes>(config);
  return Decoder::load(file, backend, config.decoder, [&](WeightReader& weights, int64_t i) {
    return GemmaLayer::load(weights, config, ropes, i);
  });
}

}  // namespace

Result<std::unique_ptr<Model>> load_gemma2(const gguf::File& file, tensor::Backend& backend) {
  HEARTH_ASSIGN(const GemmaConfig config, read_gemma2_config(file));
  return load_gemma(file, backend, config);
}

Result<std::unique_ptr<Model>> load_gemma3(const gguf::File& file, tensor::Backend& backend) {
  HEARTH_ASSIGN(const GemmaConfig config, read_gemma3_config(file));
  return load_gemma(file, backend, config);
}

}  // namespace hearth::models
