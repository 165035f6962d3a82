// Gemma 4, text: layers over a window between layers over everything, which have heads of another size and
// turn more slowly; the last layers read keys and values of earlier ones; each layer may have embeddings of
// its own, and experts beside its feed-forward. Source: the reference implementation in Transformers.
#include <algorithm>
#include <cmath>

#include "models/blocks/attention.h"
#include "models/blocks/linear.h"
#include "models/blocks/mlp.h"
#include "models/blocks/moe.h"
#include "models/blocks/norm.h"
#include "models/blocks/residual_layer.h"
#include "models/blocks/rope.h"
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/transformer.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

struct Gemma4LayerConfig {
  AttentionConfig attention;
  MlpConfig mlp;
  std::optional<MoeConfig> experts;
  NormConfig norm;
  int64_t input_width = 0;  // of the layer's own embeddings; 0: none
  int64_t index = 0;
};

// What is added to the stream of the layer's own embeddings, gated by the stream.
class LayerInputGate {
 public:
  static Result<LayerInputGate> load(WeightReader& weights, const std::string& prefix,
                                     const Gemma4LayerConfig& c) {
    LayerInputGate block;
    block.width_ = c.input_width;
    block.first_column_ = c.index * c.input_width;
    const int64_t width = c.attention.width;
    HEARTH_ASSIGN(block.gate_, Linear::load(weights, prefix + ".inp_gate", c.input_width, width));
    HEARTH_ASSIGN(block.projection_, Linear::load(weights, prefix + ".proj", width, c.input_width));
    HEARTH_ASSIGN(block.norm_, Norm::load(weights, prefix + ".post_norm", width, c.norm));
    return block;
  }

  size_t workspace_bytes(int64_t n_rows) const { return 2 * Workspace::bytes_for({n_rows, width_}); }

  void apply(const StepContext& step, const ResidualStream& stream) const {
    const Workspace::Scope scope(step.workspace);
    const Tensor gate = step.workspace.take({step.n_rows(), width_});
    const Tensor own = step.workspace.take({step.n_rows(), width_});
    step.backend.copy_columns(stream.layer_inputs, first_column_, own, 0, width_);
    gate_.apply(step, stream.residual, gate);
    step.backend.activate_gate(tensor::Activation::kGeluTanh, gate, own);
    projection_.apply(step, gate, stream.branch);
    norm_.apply(step, stream.branch, stream.branch);
    step.backend.add(stream.residual, stream.branch);
  }

 private:
  int64_t width_ = 0;
  int64_t first_column_ = 0;
  Linear gate_, projection_;
  Norm norm_;
};

// Experts beside the dense feed-forward, with norms of their own. Their router looks at the stream itself,
// normalised and scaled.
class ExpertBranch {
 public:
  static Result<ExpertBranch> load(WeightReader& weights, const std::string& prefix, const MoeConfig& c,
                                   const NormConfig& norm) {
    ExpertBranch block;
    block.width_ = c.width;
    block.router_epsilon_ = norm.epsilon;
    HEARTH_ASSIGN(block.router_scale_, weights.vector(prefix + ".ffn_gate_inp.scale", c.width));
    HEARTH_ASSIGN(block.after_dense_, Norm::load(weights, prefix + ".post_ffw_norm_1", c.width, norm));
    HEARTH_ASSIGN(block.before_, Norm::load(weights, prefix + ".pre_ffw_norm_2", c.width, norm));
    HEARTH_ASSIGN(block.after_, Norm::load(weights, prefix + ".post_ffw_norm_2", c.width, norm));
    HEARTH_ASSIGN(block.experts_, MoeMlp::load(weights, prefix, c));
    return block;
  }

  size_t workspace_bytes(int64_t n_rows) const {
    return 2 * Workspace::bytes_for({n_rows, width_}) + experts_.workspace_bytes(n_rows);
  }

  // stream.branch holds the dense feed-forward's answer, to which the experts' is added.
  void apply(const StepContext& step, const ResidualStream& stream) const {
    const Workspace::Scope scope(step.workspace);
    const Tensor routed = step.workspace.take(stream.residual.shape);
    const Tensor answer = step.workspace.take(stream.residual.shape);
    after_dense_.apply(step, stream.branch, stream.branch);
    before_.apply(step, stream.residual, stream.normed);
    step.backend.rms_norm(stream.residual, router_scale_, router_epsilon_, routed);
    step.backend.scale(routed, 1.0F / std::sqrt(static_cast<float>(width_)));
    experts_.apply_routed(step, stream.normed, routed, answer);
    after_.apply(step, answer, answer);
    step.backend.add(stream.branch, answer);
  }

 private:
  int64_t width_ = 0;
  float router_epsilon_ = 0;
  Tensor router_scale_;
  Norm after_dense_, before_, after_;
  MoeMlp experts_;
};

class Gemma4Layer : public Layer {
 public:
  static Result<std::unique_ptr<Layer>> load(WeightReader& weights, const std::string& prefix,
                                             const Gemma4LayerConfig& c) {
    auto layer = std::make_unique<Gemma4Layer>();
    const auto norm = [&](const char* name) {
      return Norm::load(weights, prefix + name, c.attention.width, c.norm);
    };
    HEARTH_ASSIGN(layer->before_attention_, norm(".attn_norm"));
    HEARTH_ASSIGN(layer->attention_, Attention::load(weights, prefix, c.attention));
    HEARTH_ASSIGN(layer->after_attention_, norm(".post_attention_norm"));
    HEARTH_ASSIGN(layer->before_mlp_, norm(".ffn_norm"));
    HEARTH_ASSIGN(layer->mlp_, Mlp::load(weights, prefix, c.mlp));
    HEARTH_ASSIGN(layer->after_mlp_, norm(".post_ffw_norm"));
    if (c.experts) {
      HEARTH_ASSIGN(layer->experts_, ExpertBranch::load(weights, prefix, *c.experts, c.norm));
    }
    if (c.input_width > 0) {
      HEARTH_ASSIGN(layer->input_gate_, LayerInputGate::load(weights, prefix, c));
    }
    const std::string scale = prefix + ".layer_output_scale.weight";
    if (weights.has(scale)) {
      HEARTH_ASSIGN(const std::vector<float> value, weights.host_vector(scale, 1));
      layer->output_scale_ = value.front();
    }
    return std::unique_ptr<Layer>(std::move(layer));
  }

  KvLayerShape kv_shape() const noexcept override { return attention_.kv_shape(); }

  size_t workspace_bytes(int64_t n_rows) const override {
    return std::max({attention_.workspace_bytes(n_rows), mlp_.workspace_bytes(n_rows),
                     experts_ ? experts_->workspace_bytes(n_rows) : 0,
                     input_gate_ ? input_gate_->workspace_bytes(n_rows) : 0});
  }

  void apply(const StepContext& step, const LayerCache& cache, const ResidualStream& stream) const override {
    before_attention_.apply(step, stream.residual, stream.normed);
    attention_.apply(step, cache.kv, stream.normed, stream.branch);
    after_attention_.apply(step, stream.branch, stream.branch);
    step.backend.add(stream.residual, stream.branch);

    before_mlp_.apply(step, stream.residual, stream.normed);
    mlp_.apply(step, stream.normed, stream.branch);
    if (experts_) experts_->apply(step, stream);
    after_mlp_.apply(step, stream.branch, stream.branch);
    step.backend.add(stream.residual, stream.branch);

    if (input_gate_) input_gate_->apply(step, stream);
    if (output_scale_ != 1.0F) step.backend.scale(stream.residual, output_scale_);
  }

 private:
  Norm before_attention_, after_attention_, before_mlp_, after_mlp_;
  Attention attention_;
  Mlp mlp_;
  std::optional<ExpertBranch> experts_;
  std::optional<LayerInputGate> input_gate_;
  float output_scale_ = 1.0F;
};

// Heads of the layers over everything (suffix "") or over the window ("_swa").
Result<AttentionConfig> read_attention(const ConfigReader& reader, const TransformerConfig& config,
                                       const std::string& suffix) {
  AttentionConfig a;
  a.width = config.width;
  HEARTH_ASSIGN(a.n_heads, reader.count("attention.head_count"));
  const std::string k_key = "attention.key_length" + suffix;
  const std::string v_key = "attention.value_length" + suffix;
  HEARTH_ASSIGN(a.head_dim, reader.count(k_key));
  HEARTH_ASSIGN(a.v_head_dim, reader.count(v_key));
  const int64_t longest = ConfigReader::kMaxCount / a.n_heads;
  if (a.head_dim > longest) return reader.error(k_key, fmt::format("1 to {}", longest), a.head_dim);
  if (a.v_head_dim != a.head_dim) {
    return reader.error(v_key, fmt::format("key_length{} = {}", suffix, a.head_dim), a.v_head_dim);
  }
  a.scale = 1.0F;  // queries and keys are normalised
  a.qk_norm = QkNorm::kPerHead;
  a.normalise_values = true;
  a.norm = config.norm;
  return a;
}

// The layers over a window turn by a base of their own, without the factors of the others.
Result<std::shared_ptr<const Rope>> read_windowed_rope(const ConfigReader& reader, int64_t head_dim) {
  RopeConfig rope;
  const std::string_view key = "rope.dimension_count_swa";
  HEARTH_ASSIGN(rope.n_rotated, reader.count_or(key, head_dim));
  if (rope.n_rotated == 0 || rope.n_rotated % 2 != 0 || rope.n_rotated > head_dim) {
    return reader.error(key, fmt::format("an even number from 2 to {}", head_dim), rope.n_rotated);
  }
  HEARTH_ASSIGN(const float base, reader.factor_or("rope.freq_base_swa", 10000.0F));
  rope.frequency_base = static_cast<double>(base);
  return std::make_shared<const Rope>(rope, tensor::RopeStyle::kHalves, std::span<const float>());
}

// What differs between the layers of a file.
class LayerPlan {
 public:
  static Result<LayerPlan> read(const ModelSource& source, const ConfigReader& reader,
                                const TransformerConfig& config, WeightReader& weights);

  Result<Gemma4LayerConfig> layer(int64_t i) const;

 private:
  explicit LayerPlan(const ConfigReader& reader) : reader_(reader) {}

  bool is_windowed(int64_t i) const { return windowed_layers_[static_cast<size_t>(i)]; }
  // The last layer of the same kind that has keys and values.
  std::optional<size_t> source_of(int64_t i) const {
    for (int64_t j = n_layers_with_kv_; j-- > 0;) {
      if (is_windowed(j) == is_windowed(i)) return static_cast<size_t>(j);
    }
    return std::nullopt;
  }

  const ConfigReader& reader_;
  Gemma4LayerConfig common_;
  AttentionConfig full_, windowed_;
  std::vector<bool> windowed_layers_;
  int64_t n_layers_with_kv_ = 0;
  LayerCounts n_kv_heads_{{}};
  LayerCounts ffn_widths_{{}};
};

Result<LayerPlan> LayerPlan::read(const ModelSource& source, const ConfigReader& reader,
                                  const TransformerConfig& config, WeightReader& weights) {
  LayerPlan plan(reader);
  plan.common_.norm = config.norm;
  plan.common_.input_width = config.layer_input_width;
  plan.common_.mlp.width = config.width;
  plan.common_.mlp.activation = tensor::Activation::kGeluTanh;
  if (config.n_experts > 0) {
    HEARTH_ASSIGN(MoeConfig moe, read_moe_config(reader, config, "expert_feed_forward_length"));
    moe.activation = tensor::Activation::kGeluTanh;
    moe.has_expert_scale = true;
    plan.common_.experts = moe;
  }
  HEARTH_ASSIGN(plan.windowed_layers_,
                reader.layer_flags("attention.sliding_window_pattern", config.n_layers));
  HEARTH_ASSIGN(plan.n_kv_heads_, reader.layer_counts("attention.head_count_kv", config.n_layers));
  HEARTH_ASSIGN(plan.ffn_widths_, reader.layer_counts("feed_forward_length", config.n_layers));
  const std::string_view shared_key = "attention.shared_kv_layers";
  HEARTH_ASSIGN(const int64_t n_shared, reader.count_or(shared_key, 0));
  if (n_shared >= config.n_layers) {
    return reader.error(shared_key, fmt::format("less than block_count = {}", config.n_layers), n_shared);
  }
  plan.n_layers_with_kv_ = config.n_layers - n_shared;

  HEARTH_ASSIGN(plan.full_, read_attention(reader, config, ""));
  HEARTH_ASSIGN(plan.windowed_, read_attention(reader, config, "_swa"));
  HEARTH_ASSIGN(plan.windowed_.window, reader.count("attention.sliding_window"));
  HEARTH_ASSIGN(plan.windowed_.rope, read_windowed_rope(reader, plan.windowed_.head_dim));
  HEARTH_ASSIGN(const RopeConfig rope, read_rope_config(source.file, reader.architecture(),
                                                        plan.full_.head_dim, config.context_tokens));
  HEARTH_ASSIGN(plan.full_.rope, read_rope(weights, rope, tensor::RopeStyle::kHalves));
  return plan;
}

Result<Gemma4LayerConfig> LayerPlan::layer(int64_t i) const {
  Gemma4LayerConfig c = common_;
  c.index = i;
  c.mlp.ffn_width = ffn_widths_[i];
  c.attention = is_windowed(i) ? windowed_ : full_;
  c.attention.n_kv_heads = n_kv_heads_[i];
  if (c.attention.n_heads % c.attention.n_kv_heads != 0) {
    return reader_.error("attention.head_count_kv",
                         fmt::format("a divisor of head_count = {}", c.attention.n_heads),
                         c.attention.n_kv_heads);
  }
  if (i < n_layers_with_kv_) return c;
  c.attention.kv_of_layer = source_of(i);
  if (!c.attention.kv_of_layer) {
    return reader_.error("attention.shared_kv_layers", "an earlier layer of the same kind for each of them",
                         static_cast<int64_t>(windowed_layers_.size()) - n_layers_with_kv_);
  }
  c.attention.n_kv_heads = n_kv_heads_[static_cast<int64_t>(*c.attention.kv_of_layer)];
  return c;
}

// What only the file's tensors tell.
void look_at_tensors(WeightReader& weights, const std::string& prefix, Gemma4LayerConfig& c) {
  const auto name = [&](const char* part) { return prefix + part; };
  AttentionConfig& attention = c.attention;
  if (!attention.has_kv()) {
    // Checkpoints have them, and nobody has a use for them.
    for (const char* part : {".attn_k.weight", ".attn_v.weight", ".attn_k_norm.weight"})
      weights.ignore(name(part));
  } else if (attention.window == 0 && !weights.has(name(".attn_v.weight"))) {
    attention.keys_are_values = true;
  }
  if (c.experts) c.experts->fused_gate_up = !weights.has(name(".ffn_gate_exps.weight"));
}

}  // namespace

Result<std::unique_ptr<Model>> load_gemma4(const ModelSource& source) {
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kRms));
  HEARTH_ASSIGN(TransformerConfig config,
                read_transformer_config(reader, norm,
                                        {"attention.sliding_window", "attention.shared_kv_layers",
                                         "embedding_length_per_layer_input", "final_logit_softcapping"}));
  config.embedding_scale = std::sqrt(static_cast<float>(config.width));
  HEARTH_ASSIGN(config.logit_soft_cap, reader.factor_or("final_logit_softcapping", 0.0F));
  HEARTH_ASSIGN(config.layer_input_width, reader.count_or("embedding_length_per_layer_input", 0));

  WeightReader weights(source.file, source.backend);
  HEARTH_ASSIGN(const LayerPlan plan, LayerPlan::read(source, reader, config, weights));
  return load_transformer(source, weights, config,
                          [&](const std::string& prefix, int64_t i) -> Result<std::unique_ptr<Layer>> {
                            HEARTH_ASSIGN(Gemma4LayerConfig layer, plan.layer(i));
                            look_at_tensors(weights, prefix, layer);
                            return Gemma4Layer::load(weights, prefix, layer);
                          });
}

}  // namespace hearth::models
