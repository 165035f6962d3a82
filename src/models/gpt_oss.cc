// gpt-oss: attention with sinks and biases, every other layer over a window, and a mixture of experts with
// biases and a clamped gate. Source: OpenAI's reference implementation (arXiv:2508.10925).
#include <algorithm>

#include "models/blocks/attention.h"
#include "models/blocks/moe.h"
#include "models/decoder.h"
#include "models/registry.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

// Fixed by the architecture; GGUF has no key for it.
constexpr float kSwigluLimit = 7.0F;

struct GptOssConfig {
  DecoderConfig decoder;
  AttentionConfig attention;
  int64_t window = 0;
  MoeConfig moe;
  RopeConfig rope;
};

Result<GptOssConfig> read_config(const gguf::File& file) {
  const ConfigReader reader(file);
  GptOssConfig c;
  HEARTH_ASSIGN(c.decoder, read_decoder_config(reader));
  HEARTH_ASSIGN(c.attention, reader.attention(c.decoder.width));
  c.attention.has_biases = true;
  c.attention.has_sinks = true;
  HEARTH_ASSIGN(c.window, reader.count("attention.sliding_window"));
  HEARTH_ASSIGN(
      c.rope, read_rope_config(file, reader.architecture(), c.attention.head_dim, c.decoder.context_tokens));
  if (c.decoder.n_experts == 0) return reader.error("expert_count", "at least 1", 0);
  c.moe.width = c.decoder.width;
  c.moe.n_experts = c.decoder.n_experts;
  c.moe.n_used = c.decoder.n_experts_used;
  c.moe.has_biases = true;
  c.moe.swiglu_limit = kSwigluLimit;
  HEARTH_ASSIGN(c.moe.expert_ffn_width, reader.count("expert_feed_forward_length"));
  return c;
}

class GptOssLayer final : public DecoderLayer {
 public:
  static Result<std::unique_ptr<DecoderLayer>> load(WeightReader& weights, const GptOssConfig& c,
                                                    std::shared_ptr<const Rope> rope, int64_t index) {
    auto layer = std::make_unique<GptOssLayer>();
    const std::string prefix = fmt::format("blk.{}", index);
    layer->index_ = static_cast<size_t>(index);
    layer->attention_config_ = c.attention;
    layer->attention_config_.window = index % 2 == 0 ? c.window : 0;
    layer->moe_config_ = c.moe;
    const int64_t width = c.decoder.width;
    HEARTH_ASSIGN(const Tensor attention_norm, weights.vector(prefix + ".attn_norm.weight", width));
    HEARTH_ASSIGN(const Tensor mlp_norm, weights.vector(prefix + ".post_attention_norm.weight", width));
    layer->attention_norm_ = RmsNorm(attention_norm, c.decoder.norm_epsilon);
    layer->mlp_norm_ = RmsNorm(mlp_norm, c.decoder.norm_epsilon);
    HEARTH_ASSIGN(layer->attention_, Attention::load(weights, prefix, layer->attention_config_, *rope));
    HEARTH_ASSIGN(layer->moe_, MoeMlp::load(weights, prefix, c.moe));
    layer->rope_ = std::move(rope);
    return std::unique_ptr<DecoderLayer>(std::move(layer));
  }

  size_t workspace_bytes(int64_t n_rows) const override {
    return 2 * Workspace::bytes_for({n_rows, moe_config_.width}) +
           std::max(Attention::workspace_bytes(attention_config_, n_rows),
                    MoeMlp::workspace_bytes(moe_config_, n_rows));
  }

  void apply(const StepContext& step, const KvCache& cache, const Tensor& residual) const override {
    const Workspace::Scope scope(step.workspace);
    const Tensor normed = step.workspace.take(residual.shape);
    const Tensor update = step.workspace.take(residual.shape);
    attention_norm_.apply(step, residual, normed);
    attention_.apply(step, cache.layer(index_), normed, update);
    step.backend.add(residual, update);
    mlp_norm_.apply(step, residual, normed);
    moe_.apply(step, normed, update);
    step.backend.add(residual, update);
  }

  KvLayerShape kv_shape() const override { return attention_config_.kv_shape(); }

 private:
  size_t index_ = 0;
  AttentionConfig attention_config_;
  MoeConfig moe_config_;
  RmsNorm attention_norm_;
  Attention attention_;
  RmsNorm mlp_norm_;
  MoeMlp moe_;
  std::shared_ptr<const Rope> rope_;
};

}  // namespace

Result<std::unique_ptr<Model>> load_gpt_oss(const gguf::File& file, tensor::Backend& backend) {
  HEARTH_ASSIGN(const GptOssConfig config, read_config(file));
  const auto rope =
      std::make_shared<const Rope>(config.rope, tensor::RopeStyle::kHalves, std::span<const float>());
  return Decoder::load(file, backend, config.decoder, [&](WeightReader& weights, int64_t i) {
    return GptOssLayer::load(weights, config, rope, i);
  });
}

}  // namespace hearth::models
