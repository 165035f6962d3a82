// The llama family: Llama 1 to 3, Mistral, Mixtral, SmolLM2, TinyLlama, the R1 distillates of Llama, and
// whatever else converts to GGUF's "llama". Pre-norm residual layers of grouped-query attention and a gated
// feed-forward, dense or a mixture of experts. Source: arXiv:2302.13971, arXiv:2401.04088.
#include <algorithm>
#include <variant>

#include "models/blocks/attention.h"
#include "models/blocks/mlp.h"
#include "models/blocks/moe.h"
#include "models/blocks/norm.h"
#include "models/blocks/rope.h"
#include "models/config_reader.h"
#include "models/registry.h"
#include "models/weights.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

struct LlamaConfig {
  int64_t n_layers = 0;
  int64_t width = 0;
  int64_t ffn_width = 0;
  int64_t vocabulary_size = 0;
  int64_t context_tokens = 0;
  int64_t n_experts = 0;  // 0: a dense feed-forward
  int64_t n_experts_used = 0;
  float norm_epsilon = 0;
  AttentionConfig attention;
  RopeConfig rope;

  MoeConfig moe() const { return {width, ffn_width, n_experts, n_experts_used, {.renormalize = true}}; }
};

Result<LlamaConfig> read_config(const gguf::File& file) {
  const ConfigReader reader(file);
  LlamaConfig c;
  HEARTH_ASSIGN(c.n_layers, reader.count("block_count"));
  HEARTH_ASSIGN(c.width, reader.count("embedding_length"));
  HEARTH_ASSIGN(c.ffn_width, reader.count("feed_forward_length"));
  HEARTH_ASSIGN(c.context_tokens, reader.count("context_length"));
  HEARTH_ASSIGN(c.vocabulary_size, reader.vocabulary_size());
  HEARTH_ASSIGN(c.norm_epsilon, reader.epsilon("attention.layer_norm_rms_epsilon"));
  HEARTH_ASSIGN(c.attention, reader.attention(c.width));
  HEARTH_ASSIGN(c.rope,
                read_rope_config(file, reader.architecture(), c.attention.head_dim, c.context_tokens));
  HEARTH_ASSIGN(c.n_experts, reader.count_or("expert_count", 0));
  if (c.n_experts > 0) {
    HEARTH_ASSIGN(c.n_experts_used, reader.count("expert_used_count"));
    if (c.n_experts_used > c.n_experts) {
      return reader.error("expert_used_count", fmt::format("at most expert_count = {}", c.n_experts),
                          c.n_experts_used);
    }
  }
  return c;
}

struct LlamaLayer {
  RmsNorm attention_norm;
  Attention attention;
  RmsNorm mlp_norm;
  std::variant<GatedMlp, MoeMlp> mlp;

  static Result<LlamaLayer> load(WeightReader& weights, const std::string& prefix, const LlamaConfig& c,
                                 const Rope& rope) {
    LlamaLayer layer;
    HEARTH_ASSIGN(const Tensor attention_norm, weights.vector(prefix + ".attn_norm.weight", c.width));
    HEARTH_ASSIGN(const Tensor mlp_norm, weights.vector(prefix + ".ffn_norm.weight", c.width));
    layer.attention_norm = RmsNorm(attention_norm, c.norm_epsilon);
    layer.mlp_norm = RmsNorm(mlp_norm, c.norm_epsilon);
    HEARTH_ASSIGN(layer.attention, Attention::load(weights, prefix, c.attention, rope));
    if (c.n_experts == 0) {
      HEARTH_ASSIGN(layer.mlp, GatedMlp::load(weights, prefix, c.width, c.ffn_width));
    } else {
      HEARTH_ASSIGN(layer.mlp, MoeMlp::load(weights, prefix, c.moe()));
    }
    return layer;
  }

  // residual [n, width], updated in place; scratch [n, width].
  void apply(const StepContext& step, const tensor::PagedKv& cache, const Tensor& residual,
             const Tensor& normed, const Tensor& scratch) const {
    attention_norm.apply(step, residual, normed);
    attention.apply(step, cache, normed, scratch);
    step.backend.add(residual, scratch);
    mlp_norm.apply(step, residual, normed);
    std::visit([&](const auto& block) { block.apply(step, normed, scratch); }, mlp);
    step.backend.add(residual, scratch);
  }
};

class Llama : public Model {
 public:
  static Result<std::unique_ptr<Model>> load(const gguf::File& file, tensor::Backend& backend) {
    HEARTH_ASSIGN(const LlamaConfig config, read_config(file));
    WeightReader weights(file, backend);
    std::vector<float> frequency_factors;
    if (weights.has("rope_freqs.weight")) {
      HEARTH_ASSIGN(frequency_factors, read_frequency_factors(weights, config.rope));
    }
    auto model = std::unique_ptr<Llama>(new Llama(backend, config, frequency_factors));
    HEARTH_TRY(model->load_weights(weights));
    HEARTH_TRY(weights.check_all_used());
    model->describe(file, weights);
    return std::unique_ptr<Model>(std::move(model));
  }

  const ModelInfo& info() const noexcept override { return info_; }

  size_t workspace_bytes(int64_t max_rows, int64_t max_output_rows) const override {
    const size_t mlp = config_.n_experts == 0 ? GatedMlp::workspace_bytes(config_.ffn_width, max_rows)
                                              : MoeMlp::workspace_bytes(config_.moe(), max_rows);
    const size_t layer = std::max(Attention::workspace_bytes(config_.attention, max_rows), mlp);
    return 3 * Workspace::bytes_for({max_rows, config_.width}) + layer +
           Workspace::bytes_for({max_output_rows, config_.width}) +
           Workspace::bytes_for({max_output_rows, config_.vocabulary_size});
  }

  Tensor forward(const StepInput& input, const KvCache& cache, Workspace& workspace) override {
    const StepContext step{backend_, workspace, input};
    const int64_t n = step.n_rows();
    const auto n_outputs = static_cast<int64_t>(input.output_rows.size());
    const Tensor logits = workspace.take({n_outputs, config_.vocabulary_size});
    const Workspace::Scope scope(workspace);
    const Tensor residual = workspace.take({n, config_.width});
    const Tensor normed = workspace.take({n, config_.width});
    const Tensor scratch = workspace.take({n, config_.width});

    backend_.embed(embedding_, input.tokens, residual);
    for (size_t i = 0; i < layers_.size(); ++i)
      layers_[i].apply(step, cache.layer(i), residual, normed, scratch);

    const Tensor last = workspace.take({n_outputs, config_.width});
    backend_.take_rows(residual, input.output_rows, last);
    output_norm_.apply(step, last, last);
    backend_.matmul(last, output_, logits);
    return logits;
  }

 private:
  Llama(tensor::Backend& backend, const LlamaConfig& config, std::span<const float> frequency_factors)
      : backend_(backend),
        config_(config),
        rope_(config.rope, tensor::RopeStyle::kInterleaved, frequency_factors) {}

  static Result<std::vector<float>> read_frequency_factors(WeightReader& weights, const RopeConfig& rope) {
    const std::string name = "rope_freqs.weight";
    HEARTH_ASSIGN(std::vector<float> factors, weights.host_vector(name, rope.n_rotated / 2));
    for (const float factor : factors) {
      if (!(factor > 0)) {
        return make_error(ErrorCode::kMalformed, "tensor {}: expected positive factors, found {}", name,
                          factor);
      }
    }
    return factors;
  }

  Result<void> load_weights(WeightReader& weights) {
    const tensor::Shape table{config_.vocabulary_size, config_.width};
    HEARTH_ASSIGN(embedding_, weights.matrix("token_embd.weight", table));
    embedding_bytes_ = weights.bytes_read();
    for (int64_t i = 0; i < config_.n_layers; ++i) {
      HEARTH_ASSIGN(const LlamaLayer layer,
                    LlamaLayer::load(weights, fmt::format("blk.{}", i), config_, rope_));
      layers_.push_back(layer);
    }
    HEARTH_ASSIGN(const Tensor norm, weights.vector("output_norm.weight", config_.width));
    output_norm_ = RmsNorm(norm, config_.norm_epsilon);
    tied_ = !weights.has("output.weight");
    HEARTH_ASSIGN(output_, weights.matrix(tied_ ? "token_embd.weight" : "output.weight", table));
    return {};
  }

  void describe(const gguf::File& file, const WeightReader& weights) {
    info_.architecture = "llama";
    info_.name = std::string(file.string_or("general.name", "").value_or(""));
    info_.context_tokens = config_.context_tokens;
    info_.vocabulary_size = config_.vocabulary_size;
    info_.width = config_.width;
    for (const gguf::TensorInfo& t : file.tensors())
      info_.n_parameters += static_cast<uint64_t>(t.shape.n_elements());
    info_.weight_bytes = weights.bytes_read();
    info_.step_weight_bytes = info_.weight_bytes - idle_bytes(file);
    info_.kv_layers.assign(layers_.size(), config_.attention.kv_shape());
  }

  // Weights that a step of one token does not read: the embedding table but for a row, and the experts not
  // chosen.
  uint64_t idle_bytes(const gguf::File& file) const {
    uint64_t idle = tied_ ? 0 : embedding_bytes_;
    if (config_.n_experts == 0) return idle;
    for (const gguf::TensorInfo& t : file.tensors()) {
      if (t.shape.rank() != 3) continue;
      const auto n_experts = static_cast<uint64_t>(config_.n_experts);
      idle += t.size_bytes / n_experts * (n_experts - static_cast<uint64_t>(config_.n_experts_used));
    }
    return idle;
  }

  tensor::Backend& backend_;
  const LlamaConfig config_;
  const Rope rope_;
  ModelInfo info_;
  uint64_t embedding_bytes_ = 0;
  bool tied_ = false;
  Tensor embedding_;
  std::vector<LlamaLayer> layers_;
  RmsNorm output_norm_;
  Tensor output_;
};

}  // namespace

Result<std::unique_ptr<Model>> load_llama(const gguf::File& file, tensor::Backend& backend) {
  return Llama::load(file, backend);
}

}  // namespace hearth::models
