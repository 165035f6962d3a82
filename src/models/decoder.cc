#include "models/decoder.h"

#include <algorithm>

namespace hearth::models {

using tensor::Tensor;

Result<DecoderConfig> read_decoder_config(const ConfigReader& reader) {
  DecoderConfig c;
  HEARTH_ASSIGN(c.n_layers, reader.count("block_count"));
  HEARTH_ASSIGN(c.width, reader.count("embedding_length"));
  HEARTH_ASSIGN(c.context_tokens, reader.count("context_length"));
  HEARTH_ASSIGN(c.vocabulary_size, reader.vocabulary_size());
  HEARTH_ASSIGN(c.norm_epsilon, reader.epsilon("attention.layer_norm_rms_epsilon"));
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

Result<std::unique_ptr<Model>> Decoder::load(const gguf::File& file, tensor::Backend& backend,
                                             const DecoderConfig& config, const LoadLayer& load_layer,
                                             std::initializer_list<std::string_view> ignored) {
  WeightReader weights(file, backend);
  auto model = std::unique_ptr<Decoder>(new Decoder(backend, config));
  HEARTH_TRY(model->load_weights(weights, load_layer));
  HEARTH_TRY(weights.check_all_used(ignored));
  model->describe(file, weights);
  return std::unique_ptr<Model>(std::move(model));
}

Result<void> Decoder::load_weights(WeightReader& weights, const LoadLayer& load_layer) {
  const tensor::Shape table{config_.vocabulary_size, config_.width};
  HEARTH_ASSIGN(embedding_, weights.matrix("token_embd.weight", table));
  embedding_bytes_ = weights.bytes_read();
  for (int64_t i = 0; i < config_.n_layers; ++i) {
    HEARTH_ASSIGN(auto layer, load_layer(weights, i));
    layers_.push_back(std::move(layer));
  }
  HEARTH_ASSIGN(const Tensor norm, weights.vector("output_norm.weight", config_.width));
  output_norm_ = RmsNorm(norm, config_.norm_epsilon);
  tied_ = !weights.has("output.weight");
  HEARTH_ASSIGN(output_, weights.matrix(tied_ ? "token_embd.weight" : "output.weight", table));
  return {};
}

size_t Decoder::workspace_bytes(int64_t max_rows, int64_t max_output_rows) const {
  size_t layer_bytes = 0;
  for (const auto& layer : layers_) layer_bytes = std::max(layer_bytes, layer->workspace_bytes(max_rows));
  return Workspace::bytes_for({max_rows, config_.width}) + layer_bytes +
         Workspace::bytes_for({max_output_rows, config_.width}) +
         Workspace::bytes_for({max_output_rows, config_.vocabulary_size});
}

Tensor Decoder::forward(const StepInput& input, const KvCache& cache, Workspace& workspace) {
  const StepContext step{backend_, workspace, input};
  const auto n_outputs = static_cast<int64_t>(input.output_rows.size());
  const Tensor logits = workspace.take({n_outputs, config_.vocabulary_size});
  const Workspace::Scope scope(workspace);
  const Tensor residual = workspace.take({step.n_rows(), config_.width});
  backend_.embed(embedding_, input.tokens, residual);
  if (config_.embedding_scale != 1.0F) backend_.scale(residual, config_.embedding_scale);
  for (const auto& layer : layers_) layer->apply(step, cache, residual);

  const Tensor last = workspace.take({n_outputs, config_.width});
  backend_.take_rows(residual, input.output_rows, last);
  output_norm_.apply(step, last, last);
  backend_.matmul(last, output_, logits);
  if (config_.logit_soft_cap > 0) backend_.soft_cap(logits, config_.logit_soft_cap);
  return logits;
}

void Decoder::describe(const gguf::File& file, const WeightReader& weights) {
  info_.architecture = std::string(file.string_or("general.architecture", "").value_or(""));
  info_.name = std::string(file.string_or("general.name", "").value_or(""));
  info_.context_tokens = config_.context_tokens;
  info_.vocabulary_size = config_.vocabulary_size;
  info_.width = config_.width;
  for (const gguf::TensorInfo& t : file.tensors())
    info_.n_parameters += static_cast<uint64_t>(t.shape.n_elements());
  info_.weight_bytes = weights.bytes_read();
  info_.step_weight_bytes = info_.weight_bytes - std::min(info_.weight_bytes, idle_bytes(file));
  bool is_recurrent = false;
  for (const auto& layer : layers_) {
    info_.kv_layers.push_back(layer->kv_shape());
    info_.recurrent_layers.push_back(layer->recurrent_shape());
    is_recurrent |= info_.recurrent_layers.back().n_past > 0;
  }
  if (!is_recurrent) info_.recurrent_layers.clear();
}

// Weights that a step of one token does not read: the embedding table but for a row, and the experts not
// chosen.
uint64_t Decoder::idle_bytes(const gguf::File& file) const {
  uint64_t idle = tied_ ? 0 : embedding_bytes_;
  if (config_.n_experts == 0) return idle;
  const auto n_experts = static_cast<uint64_t>(config_.n_experts);
  for (const gguf::TensorInfo& t : file.tensors()) {
    if (t.shape.rank() != 3 || t.shape[0] != config_.n_experts) continue;
    if (t.name.find("_exps.") == std::string_view::npos) continue;
    idle += t.size_bytes / n_experts * (n_experts - static_cast<uint64_t>(config_.n_experts_used));
  }
  return idle;
}

}  // namespace hearth::models
