#include "models/transformer.h"

#include <algorithm>
#include <array>

#include "models/blocks/layer_inputs.h"
#include "models/blocks/linear.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

class Transformer : public Model {
 public:
  Transformer(tensor::Backend& backend, const TransformerConfig& config)
      : backend_(backend), config_(config) {}

  Result<void> load(WeightReader& weights, const LoadLayer& load_layer);
  void describe(const Checkpoint& file, const WeightReader& weights);

  const ModelInfo& info() const noexcept override { return info_; }

  size_t workspace_bytes(int64_t max_rows, int64_t max_output_rows) const override {
    size_t layer = 0;
    for (const auto& l : layers_) layer = std::max(layer, l->workspace_bytes(max_rows));
    const size_t inputs = layer_inputs_ ? Workspace::bytes_for({max_rows, layer_inputs_->width()}) +
                                              layer_inputs_->workspace_bytes(max_rows)
                                        : 0;
    return inputs + 3 * Workspace::bytes_for({max_rows, config_.width}) + layer +
           Workspace::bytes_for({max_output_rows, config_.width}) +
           Workspace::bytes_for({max_rows, config_.width}) +
           Workspace::bytes_for({max_output_rows, config_.vocabulary_size}) +
           adapter_workspace_bytes(largest_adaptable_, max_rows);
  }

  StepOutput forward(const StepInput& input, const KvCache& cache, Workspace& workspace) override {
    const auto step_of = [&](size_t kv_group) {
      return StepContext{backend_, workspace, input, input.sequences_by_group[kv_group]};
    };
    const StepContext step = step_of(0);
    const int64_t n = step.n_rows();
    const auto n_outputs = static_cast<int64_t>(input.output_rows.size());
    const auto n_hidden = static_cast<int64_t>(input.hidden_rows.size());
    const Tensor logits = workspace.take({n_outputs, config_.vocabulary_size});
    const Tensor hidden = n_hidden == 0 ? Tensor{} : workspace.take({n_hidden, config_.width});
    const Workspace::Scope scope(workspace);
    const ResidualStream stream{workspace.take({n, config_.width}), workspace.take({n, config_.width}),
                                workspace.take({n, config_.width}),
                                layer_inputs_ ? workspace.take({n, layer_inputs_->width()}) : Tensor{}};

    embed(step, stream);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const LayerCache& layer_cache = cache.layer(i);
      layers_[i]->apply(step_of(layer_cache.kv_group), layer_cache, stream);
    }

    if (n_hidden > 0) {
      backend_.take_rows(stream.residual, input.hidden_rows, hidden);
      output_norm_.apply(step, hidden, hidden);
    }
    const Tensor last = workspace.take({n_outputs, config_.width});
    backend_.take_rows(stream.residual, input.output_rows, last);
    output_norm_.apply(step, last, last);
    backend_.matmul(last, output_, logits);
    if (config_.logit_scale != 1.0F) backend_.scale(logits, config_.logit_scale);
    if (config_.logit_soft_cap > 0) backend_.soft_cap(logits, config_.logit_soft_cap);
    return {logits, hidden};
  }

 private:
  void embed(const StepContext& step, const ResidualStream& stream) const {
    backend_.embed(embedding_, step.input.tokens, stream.residual);
    if (config_.embedding_scale != 1.0F) backend_.scale(stream.residual, config_.embedding_scale);
    if (config_.learned_positions) {
      backend_.embed(positions_, step.input.positions, stream.branch);
      backend_.add(stream.residual, stream.branch);
    }
    if (layer_inputs_) layer_inputs_->apply(step, stream.residual, stream.layer_inputs);
  }

  uint64_t idle_bytes(const Checkpoint& file) const;

  tensor::Backend& backend_;
  const TransformerConfig config_;
  ModelInfo info_;
  int64_t largest_adaptable_ = 0;
  uint64_t table_bytes_ = 0;  // of the tables of which a step of one token reads a row
  Tensor embedding_, positions_;
  std::optional<LayerInputs> layer_inputs_;
  std::vector<std::unique_ptr<Layer>> layers_;
  Norm output_norm_;
  Tensor output_;
};

LayerInputsConfig layer_inputs_config(const TransformerConfig& c) {
  return {c.width, c.vocabulary_size, c.n_layers, c.layer_input_width, c.norm};
}

Result<void> Transformer::load(WeightReader& weights, const LoadLayer& load_layer) {
  const std::string embedding = "token_embd.weight";
  const tensor::Shape table{config_.vocabulary_size, config_.width};
  const bool tied = !weights.has("output.weight");
  const uint64_t bytes_before = weights.bytes_read();
  HEARTH_ASSIGN(embedding_, weights.matrix(embedding, table));
  if (!tied) table_bytes_ = weights.bytes_read() - bytes_before;
  if (config_.learned_positions) {
    const tensor::Shape shape{config_.context_tokens, config_.width};
    HEARTH_ASSIGN(positions_, weights.matrix("position_embd.weight", shape));
    table_bytes_ += positions_.size_bytes();
  }
  if (config_.layer_input_width > 0) {
    HEARTH_ASSIGN(layer_inputs_, LayerInputs::load(weights, layer_inputs_config(config_)));
    table_bytes_ += layer_inputs_->table_bytes();
  }
  for (int64_t i = 0; i < config_.n_layers; ++i) {
    HEARTH_ASSIGN(std::unique_ptr<Layer> layer, load_layer(fmt::format("blk.{}", i), i));
    layers_.push_back(std::move(layer));
  }
  HEARTH_ASSIGN(output_norm_, Norm::load(weights, "output_norm", config_.width, config_.norm));
  HEARTH_ASSIGN(output_, weights.matrix(tied ? embedding : "output.weight", table));
  return weights.check_all_used();
}

void Transformer::describe(const Checkpoint& file, const WeightReader& weights) {
  info_.architecture = std::string(file.string_or("general.architecture", "").value_or(""));
  info_.name = std::string(file.string_or("general.name", "").value_or(""));
  info_.context_tokens = config_.context_tokens;
  info_.vocabulary_size = config_.vocabulary_size;
  info_.width = config_.width;
  for (const gguf::TensorInfo& t : file.tensors())
    info_.n_parameters += static_cast<uint64_t>(t.shape.n_elements());
  info_.weight_bytes = weights.bytes_read();
  info_.step_weight_bytes = info_.weight_bytes - idle_bytes(file);
  info_.adaptable = weights.adaptable();
  largest_adaptable_ = weights.largest_adaptable();
  bool is_recurrent = false;
  for (const auto& layer : layers_) {
    info_.kv_layers.push_back(layer->kv_shape());
    info_.recurrent_layers.push_back(layer->recurrent_shape());
    is_recurrent |= info_.recurrent_layers.back().n_past > 0;
  }
  if (!is_recurrent) info_.recurrent_layers.clear();
}

// Weights that a step of one token does not read: tables but for a row, and the experts not chosen.
uint64_t Transformer::idle_bytes(const Checkpoint& file) const {
  uint64_t idle = table_bytes_;
  if (config_.n_experts == 0) return idle;
  for (const gguf::TensorInfo& t : file.tensors()) {
    if (t.name.find("_exps.") == std::string_view::npos || t.shape.rank() != 3) continue;
    const auto n_experts = static_cast<uint64_t>(config_.n_experts);
    idle += t.size_bytes / n_experts * (n_experts - static_cast<uint64_t>(config_.n_experts_used));
  }
  return idle;
}

// Keys that change what is computed, of which each is known to some architectures. A number that is 0 and a
// flag that is false say that the architecture's option is not used.
constexpr std::array<std::string_view, 18> kParticularKeys{"embedding_scale",
                                                           "residual_scale",
                                                           "logit_scale",
                                                           "attention.scale",
                                                           "attention.clamp_kqv",
                                                           "attention.max_alibi_bias",
                                                           "attn_logit_softcapping",
                                                           "final_logit_softcapping",
                                                           "expert_weights_scale",
                                                           "expert_shared_count",
                                                           "leading_dense_block_count",
                                                           "use_parallel_residual",
                                                           "rope.dimension_sections",
                                                           "rope.scaling.yarn_log_multiplier",
                                                           "attention.shared_kv_layers",
                                                           "attention.temperature_length",
                                                           "attention.temperature_scale",
                                                           "embedding_length_per_layer_input"};

bool contains(std::initializer_list<std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// A window as long as the context hides nothing.
Result<void> check_no_window(const ConfigReader& reader, int64_t context_tokens,
                             std::initializer_list<std::string_view> understood) {
  const std::string_view key = "attention.sliding_window";
  if (contains(understood, key)) return {};
  HEARTH_ASSIGN(const int64_t window, reader.count_or(key, 0));
  if (window >= context_tokens) return {};
  return reader.refuse_if_set(key);
}

// A model that was trained to see what follows, too, answers with nonsense where it does not.
Result<void> check_causal(const ConfigReader& reader, std::initializer_list<std::string_view> understood) {
  const std::string_view key = "attention.causal";
  if (contains(understood, key) || !reader.has(key)) return {};
  HEARTH_ASSIGN(const bool is_causal, reader.flag(key));
  if (is_causal) return {};
  return Error(ErrorCode::kUnsupported,
               reader.error(key, "true: this architecture sees what came before", 0).message());
}

Result<void> check_no_particular_keys(const ConfigReader& reader,
                                      std::initializer_list<std::string_view> understood) {
  for (const std::string_view key : kParticularKeys) {
    if (contains(understood, key)) continue;
    HEARTH_TRY(reader.refuse_if_set(key));
  }
  return {};
}

}  // namespace

Result<TransformerConfig> read_transformer_config(const ConfigReader& reader, const NormConfig& norm,
                                                  std::initializer_list<std::string_view> understood) {
  HEARTH_TRY(check_no_particular_keys(reader, understood));
  HEARTH_TRY(check_causal(reader, understood));
  TransformerConfig c;
  c.norm = norm;
  HEARTH_ASSIGN(c.n_layers, reader.count("block_count"));
  HEARTH_ASSIGN(c.width, reader.count("embedding_length"));
  HEARTH_ASSIGN(c.context_tokens, reader.count("context_length"));
  HEARTH_ASSIGN(c.vocabulary_size, reader.vocabulary_size());
  HEARTH_TRY(check_no_window(reader, c.context_tokens, understood));
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

Result<std::unique_ptr<Model>> load_transformer(const ModelSource& source, WeightReader& weights,
                                                const TransformerConfig& config,
                                                const LoadLayer& load_layer) {
  auto model = std::make_unique<Transformer>(source.backend, config);
  HEARTH_TRY(model->load(weights, load_layer));
  model->describe(source.file, weights);
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace hearth::models
