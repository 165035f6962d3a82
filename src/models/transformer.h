// What decoder-only transformers share: tokens are embedded into a residual stream, layers read it and add to
// it, and the wanted rows are normalised and multiplied with the output matrix. Source: arXiv:1706.03762.
#pragma once

#include <functional>

#include "models/blocks/norm.h"
#include "models/blocks/step.h"
#include "models/registry.h"
#include "models/weights.h"

namespace hearth::models {

struct TransformerConfig {
  int64_t n_layers = 0;
  int64_t width = 0;
  int64_t vocabulary_size = 0;
  int64_t context_tokens = 0;
  int64_t n_experts = 0;  // of each layer; 0: none
  int64_t n_experts_used = 0;
  NormConfig norm;                 // of the output
  bool learned_positions = false;  // position_embd.weight [context_tokens, width] is added to the embedding
  float embedding_scale = 1.0F;
  float logit_scale = 1.0F;
  float logit_soft_cap = 0.0F;    // 0: none
  int64_t layer_input_width = 0;  // of each layer's own embeddings (blocks/layer_inputs.h); 0: none
};

// block_count, embedding_length, context_length, the vocabulary and the numbers of experts. kUnsupported for
// keys that change the computation and that few architectures have, unless the family reads them itself and
// names them in `understood`.
Result<TransformerConfig> read_transformer_config(const ConfigReader& reader, const NormConfig& norm,
                                                  std::initializer_list<std::string_view> understood = {});

// The rows of a step between two layers, each [n, width].
struct ResidualStream {
  tensor::Tensor residual;  // updated in place
  tensor::Tensor normed;    // scratch
  tensor::Tensor branch;    // scratch
  // [n, n_layers * layer_input_width], a layer's part beside the other's; nothing where there are none.
  tensor::Tensor layer_inputs;
};

class Layer {
 public:
  virtual ~Layer() = default;
  // What it keeps of past tokens: blocks of keys and values, or a recurrent state.
  virtual KvLayerShape kv_shape() const noexcept = 0;
  virtual RecurrentLayerShape recurrent_shape() const noexcept { return {}; }
  // Scratch memory beyond the stream's.
  virtual size_t workspace_bytes(int64_t n_rows) const = 0;
  virtual void apply(const StepContext& step, const LayerCache& cache,
                     const ResidualStream& stream) const = 0;
};

// Loads layer i, whose tensors' names begin with `prefix` ("blk.3").
using LoadLayer = std::function<Result<std::unique_ptr<Layer>>(const std::string& prefix, int64_t i)>;

// Reads token_embd, the tables of the layers' own embeddings, the layers in order, output_norm and output
// (token_embd again where there is none), and makes sure that `weights`, which reads the source's file, has
// been asked for every tensor.
Result<std::unique_ptr<Model>> load_transformer(const ModelSource& source, WeightReader& weights,
                                                const TransformerConfig& config, const LoadLayer& load_layer);

}  // namespace hearth::models
