// A loaded model: one step of many sequences in, logits out.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "models/kv_cache.h"
#include "models/workspace.h"
#include "tensor/backend.h"

namespace hearth::models {

// What planning, reports and checks need to know of a model.
struct ModelInfo {
  std::string architecture;    // "llama"
  std::string name;            // general.name, may be empty
  int64_t context_tokens = 0;  // the longest sequence it was trained for
  int64_t vocabulary_size = 0;
  int64_t width = 0;
  uint64_t n_parameters = 0;
  uint64_t weight_bytes = 0;       // all weights that it uses
  uint64_t step_weight_bytes = 0;  // what one step of one token must read of them
  std::vector<KvLayerShape> kv_layers;
  // A shape for each layer, or empty where the model has no recurrent layers. With some, what was computed
  // of a sequence cannot be taken up in its middle: a prefix in the KV cache is not enough.
  std::vector<RecurrentLayerShape> recurrent_layers;
  std::vector<std::string> adaptable;  // the weights of which a step applies adapters
};

class LoadedAdapter;

// Rows first .. first + n - 1 of a step, to which an adapter is applied.
struct AdaptedRows {
  int64_t first = 0;
  int64_t n = 0;
  const LoadedAdapter* adapter = nullptr;
};

// The tokens of one step. Rows are tokens, grouped by sequence; those of tensor::Phase::kPrefill come first.
struct StepInput {
  std::span<const int32_t> tokens;     // each < vocabulary_size
  std::span<const int32_t> positions;  // of each token in its sequence
  // Partition the rows. One list for each group of the cache, which differ in their block tables alone.
  std::span<const std::vector<tensor::SequenceRows>> sequences_by_group;
  std::span<const int32_t> output_rows;  // rows whose logits are wanted
  std::span<const int32_t> hidden_rows =
      {};  // rows whose final state is wanted, normalised for the output matrix
  std::span<const AdaptedRows> adapters = {};  // of rows that have one; they share none
  int64_t n_prefill_rows = 0;
};

// In the workspace until its scope ends.
struct StepOutput {
  tensor::Tensor logits;  // [output_rows, vocabulary] F32
  tensor::Tensor hidden;  // [hidden_rows, width] F32; nothing where there are none
};

// Not thread-safe: one step at a time.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelInfo& info() const noexcept = 0;

  // Scratch memory that a step of at most so many rows, and so many of them with logits, needs.
  virtual size_t workspace_bytes(int64_t max_rows, int64_t max_output_rows) const = 0;

  // Appends the step's keys and values to the cache. `cache` was created for info().kv_layers and
  // recurrent_layers.
  virtual StepOutput forward(const StepInput& step, const KvCache& cache, Workspace& workspace) = 0;
};

// The longest sequence that the model was trained for. Errors: kUnsupported for an architecture that is not
// known, kMalformed where the checkpoint does not say it.
Result<int64_t> trained_context_tokens(const gguf::KeyValues& checkpoint);

// Builds the model that the checkpoint describes, to evaluate sequences of up to `context_tokens`, which are
// at most trained_context_tokens(): some models embed positions differently for long contexts. The checkpoint
// and the backend must outlive it. Errors: kUnsupported for an architecture, an option or a type that is not
// known, kMalformed for a checkpoint that contradicts itself.
Result<std::unique_ptr<Model>> load_model(const Checkpoint& checkpoint, tensor::Backend& backend,
                                          int64_t context_tokens);
// The same for a GGUF file, of which the model reads what is mapped.
Result<std::unique_ptr<Model>> load_model(const gguf::File& file, tensor::Backend& backend,
                                          int64_t context_tokens);

// The architectures that load_model knows.
std::vector<std::string_view> known_architectures();

}  // namespace hearth::models
