// Qwen 3.5: of every few layers one attends over everything, with a gate on its output; the others are gated
// delta nets, whose state is of fixed size. Dense, or a mixture of experts with a gated shared expert.
// Source: arXiv:2412.06464 and the reference implementation in Transformers.
#include <algorithm>
#include <variant>

#include "models/blocks/attention.h"
#include "models/blocks/gated_delta_net.h"
#include "models/blocks/mlp.h"
#include "models/blocks/moe.h"
#include "models/decoder.h"
#include "models/registry.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

struct Qwen35Config {
  DecoderConfig decoder;
  AttentionConfig attention;
  DeltaNetConfig delta_net;
  RopeConfig rope;
  int64_t attention_interval = 0;
  int64_t ffn_width = 0;  // of dense layers
  MoeConfig moe;

  bool attends(int64_t layer) const { return (layer + 1) % attention_interval == 0; }
  bool is_dense() const { return decoder.n_experts == 0; }
};

Result<DeltaNetConfig> read_delta_net(const ConfigReader& reader, const DecoderConfig& decoder) {
  DeltaNetConfig c;
  c.width = decoder.width;
  c.norm_epsilon = decoder.norm_epsilon;
  HEARTH_ASSIGN(c.kernel, reader.count("ssm.conv_kernel"));
  HEARTH_ASSIGN(c.key_dim, reader.count("ssm.state_size"));
  HEARTH_ASSIGN(c.n_key_heads, reader.count("ssm.group_count"));
  HEARTH_ASSIGN(c.n_heads, reader.count("ssm.time_step_rank"));
  HEARTH_ASSIGN(const int64_t inner, reader.count("ssm.inner_size"));
  if (c.kernel < 2 || c.kernel > 1024) return reader.error("ssm.conv_kernel", "2 to 1024", c.kernel);
  if (c.n_heads % c.n_key_heads != 0) {
    return reader.error("ssm.group_count", fmt::format("a divisor of time_step_rank = {}", c.n_heads),
                        c.n_key_heads);
  }
  if (inner % c.n_heads != 0) {
    return reader.error("ssm.inner_size", fmt::format("a multiple of time_step_rank = {}", c.n_heads), inner);
  }
  c.value_dim = inner / c.n_heads;
  constexpr int64_t kMaxWidth = int64_t{1} << 24;  // so that no product of two overflows
  if (inner > kMaxWidth) return reader.error("ssm.inner_size", fmt::format("at most {}", kMaxWidth), inner);
  if (c.key_dim > kMaxWidth / c.n_heads)
    return reader.error("ssm.state_size", fmt::format("at most {}", kMaxWidth / c.n_heads), c.key_dim);
  return c;
}

Result<MoeConfig> read_moe(const ConfigReader& reader, const DecoderConfig& decoder) {
  MoeConfig c;
  c.width = decoder.width;
  c.n_experts = decoder.n_experts;
  c.n_used = decoder.n_experts_used;
  c.has_shared_gate = true;
  HEARTH_ASSIGN(c.expert_ffn_width, reader.count("expert_feed_forward_length"));
  HEARTH_ASSIGN(c.shared_ffn_width, reader.count("expert_shared_feed_forward_length"));
  return c;
}

Result<Qwen35Config> read_config(const gguf::File& file) {
  const ConfigReader reader(file);
  Qwen35Config c;
  HEARTH_ASSIGN(c.decoder, read_decoder_config(reader));
  HEARTH_ASSIGN(c.attention, reader.attention(c.decoder.width));
  if (c.attention.v_head_dim != c.attention.head_dim) {
    return reader.error("attention.value_length", fmt::format("key_length = {}", c.attention.head_dim),
                        c.attention.v_head_dim);
  }
  c.attention.has_output_gate = true;
  c.attention.qk_norm_epsilon = c.decoder.norm_epsilon;
  // The sections of rope.dimension_sections turn by the same positions in text.
  HEARTH_ASSIGN(
      c.rope, read_rope_config(file, reader.architecture(), c.attention.head_dim, c.decoder.context_tokens));
  HEARTH_ASSIGN(c.attention_interval, reader.count("full_attention_interval"));
  HEARTH_ASSIGN(c.delta_net, read_delta_net(reader, c.decoder));
  if (c.is_dense()) {
    HEARTH_ASSIGN(c.ffn_width, reader.count("feed_forward_length"));
  } else {
    HEARTH_ASSIGN(c.moe, read_moe(reader, c.decoder));
  }
  return c;
}

class Qwen35Layer final : public DecoderLayer {
 public:
  static Result<std::unique_ptr<DecoderLayer>> load(WeightReader& weights,
                                                    std::shared_ptr<const Qwen35Config> config,
                                                    std::shared_ptr<const Rope> rope, int64_t index) {
    auto layer = std::make_unique<Qwen35Layer>();
    const Qwen35Config& c = *config;
    const std::string prefix = fmt::format("blk.{}", index);
    layer->index_ = static_cast<size_t>(index);
    HEARTH_ASSIGN(const Tensor mixer_norm, weights.vector(prefix + ".attn_norm.weight", c.decoder.width));
    HEARTH_ASSIGN(const Tensor mlp_norm,
                  weights.vector(prefix + ".post_attention_norm.weight", c.decoder.width));
    layer->mixer_norm_ = RmsNorm(mixer_norm, c.decoder.norm_epsilon);
    layer->mlp_norm_ = RmsNorm(mlp_norm, c.decoder.norm_epsilon);
    if (c.attends(index)) {
      HEARTH_ASSIGN(layer->mixer_, Attention::load(weights, prefix, c.attention, *rope));
    } else {
      HEARTH_ASSIGN(layer->mixer_, GatedDeltaNet::load(weights, prefix, c.delta_net));
    }
    if (c.is_dense()) {
      HEARTH_ASSIGN(layer->mlp_, GatedMlp::load(weights, prefix, c.decoder.width, c.ffn_width));
    } else {
      HEARTH_ASSIGN(layer->mlp_, MoeMlp::load(weights, prefix, c.moe));
    }
    layer->config_ = std::move(config);
    layer->rope_ = std::move(rope);
    return std::unique_ptr<DecoderLayer>(std::move(layer));
  }

  size_t workspace_bytes(int64_t n_rows) const override {
    const size_t mixer = attends() ? Attention::workspace_bytes(config_->attention, n_rows)
                                   : GatedDeltaNet::workspace_bytes(config_->delta_net, n_rows);
    const size_t mlp = config_->is_dense() ? GatedMlp::workspace_bytes(config_->ffn_width, n_rows)
                                           : MoeMlp::workspace_bytes(config_->moe, n_rows);
    return 2 * Workspace::bytes_for({n_rows, config_->decoder.width}) + std::max(mixer, mlp);
  }

  void apply(const StepContext& step, const KvCache& cache, const Tensor& residual) const override {
    const Workspace::Scope scope(step.workspace);
    const Tensor normed = step.workspace.take(residual.shape);
    const Tensor update = step.workspace.take(residual.shape);
    mixer_norm_.apply(step, residual, normed);
    if (attends()) {
      std::get<Attention>(mixer_).apply(step, cache.layer(index_), normed, update);
    } else {
      std::get<GatedDeltaNet>(mixer_).apply(step, cache.state(index_), normed, update);
    }
    step.backend.add(residual, update);
    mlp_norm_.apply(step, residual, normed);
    std::visit([&](const auto& block) { block.apply(step, normed, update); }, mlp_);
    step.backend.add(residual, update);
  }

  KvLayerShape kv_shape() const override {
    return attends() ? config_->attention.kv_shape() : KvLayerShape{};
  }
  RecurrentLayerShape recurrent_shape() const override {
    return attends() ? RecurrentLayerShape{} : config_->delta_net.recurrent_shape();
  }

 private:
  bool attends() const { return config_->attends(static_cast<int64_t>(index_)); }

  size_t index_ = 0;
  std::shared_ptr<const Qwen35Config> config_;
  std::shared_ptr<const Rope> rope_;
  RmsNorm mixer_norm_;
  std::variant<Attention, GatedDeltaNet> mixer_;
  RmsNorm mlp_norm_;
  std::variant<GatedMlp, MoeMlp> mlp_;
};

}  // namespace

Result<std::unique_ptr<Model>> load_qwen35(const gguf::File& file, tensor::Backend& backend) {
  HEARTH_ASSIGN(Qwen35Config config, read_config(file));
  const auto shared = std::make_shared<const Qwen35Config>(config);
  const auto rope =
      std::make_shared<const Rope>(config.rope, tensor::RopeStyle::kHalves, std::span<const float>());
  return Decoder::load(file, backend, config.decoder, [&](WeightReader& weights, int64_t i) {
    return Qwen35Layer::load(weights, shared, rope, i);
  });
}

}  // namespace hearth::models
