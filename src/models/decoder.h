// What decoder-only models share around their layers: embedding, final norm, logits, and the description of
// the whole. A family gives the layers.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/blocks/norm.h"
#include "models/config_reader.h"
#include "models/model.h"
#include "models/weights.h"

namespace hearth::models {

struct DecoderConfig {
  int64_t n_layers = 0;
  int64_t width = 0;
  int64_t vocabulary_size = 0;
  int64_t context_tokens = 0;
  int64_t n_experts = 0;  // 0: none
  int64_t n_experts_used = 0;
  float norm_epsilon = 0;
  float embedding_scale = 1.0F;
  float logit_soft_cap = 0.0F;  // 0: none
};

// block_count, embedding_length, context_length, expert_count, expert_used_count and the norm's epsilon.
Result<DecoderConfig> read_decoder_config(const ConfigReader& reader);

class DecoderLayer {
 public:
  virtual ~DecoderLayer() = default;
  virtual size_t workspace_bytes(int64_t n_rows) const = 0;
  // residual [n, width], updated in place.
  virtual void apply(const StepContext& step, const KvCache& cache, const tensor::Tensor& residual) const = 0;
  // What it keeps of past tokens: blocks, or a recurrent state, or neither.
  virtual KvLayerShape kv_shape() const { return {}; }
  virtual RecurrentLayerShape recurrent_shape() const { return {}; }
};

class Decoder : public Model {
 public:
  using LoadLayer =
      std::function<Result<std::unique_ptr<DecoderLayer>>(WeightReader& weights, int64_t layer)>;

  // Tensors whose names begin with one of `ignored` need not be used.
  static Result<std::unique_ptr<Model>> load(const gguf::File& file, tensor::Backend& backend,
                                             const DecoderConfig& config, const LoadLayer& load_layer,
                                             std::initializer_list<std::string_view> ignored = {});

  const ModelInfo& info() const noexcept override { return info_; }
  size_t workspace_bytes(int64_t max_rows, int64_t max_output_rows) const override;
  tensor::Tensor forward(const StepInput& input, const KvCache& cache, Workspace& workspace) override;

 private:
  Decoder(tensor::Backend& backend, const DecoderConfig& config) : backend_(backend), config_(config) {}

  Result<void> load_weights(WeightReader& weights, const LoadLayer& load_layer);
  void describe(const gguf::File& file, const WeightReader& weights);
  uint64_t idle_bytes(const gguf::File& file) const;

  tensor::Backend& backend_;
  const DecoderConfig config_;
  ModelInfo info_;
  uint64_t embedding_bytes_ = 0;
  bool tied_ = false;
  tensor::Tensor embedding_;
  std::vector<std::unique_ptr<DecoderLayer>> layers_;
  RmsNorm output_norm_;
  tensor::Tensor output_;
};

}  // namespace hearth::models
