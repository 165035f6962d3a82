// Transformers whose layers are all residual layers, described before anything is loaded: what the engine
// loads and what training computes is one description.
#pragma once

#include <functional>
#include <memory>

#include "models/blocks/residual_layer.h"
#include "models/tensor_reader.h"
#include "models/transformer.h"

namespace hearth::models {

struct ResidualTransformerConfig {
  TransformerConfig transformer;
  std::function<ResidualLayerConfig(int64_t)> layer;  // number i, from 0
};

// What a family is described from. Both outlive what is described.
struct DescriptionSource {
  const Checkpoint& file;  // a GGUF file, or what is described as if it were one
  TensorReader& tensors;   // of `file`; what a description takes in counts as asked for
  int64_t context_tokens;  // the longest sequence that will be evaluated; at most what the file says
};

// Reads ARCHITECTURE.rope.* and rope_freqs.weight into layer.attention.rope.
Result<void> read_rope(const DescriptionSource& source, const TransformerConfig& config,
                       tensor::RopeStyle style, ResidualLayerConfig& layer);

// A model of equal layers.
ResidualTransformerConfig with_equal_layers(const TransformerConfig& config,
                                            const ResidualLayerConfig& layer);

// What load_model() would load. kUnsupported for an architecture that has other layers, or is not known;
// kMalformed for a file that contradicts itself. Nobody has looked at the tensors yet.
Result<ResidualTransformerConfig> describe_residual_transformer(const DescriptionSource& source);

// Loads it; `weights` has been its description's.
Result<std::unique_ptr<Model>> load_residual_transformer(const ModelSource& source, WeightReader& weights,
                                                         const ResidualTransformerConfig& config);

}  // namespace hearth::models
