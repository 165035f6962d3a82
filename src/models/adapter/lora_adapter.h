// A low-rank adapter: what is added to matrices of a model that itself stays as it is.
// Source: arXiv:2106.09685. How files have it: docs/formats/lora.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"

namespace hearth::models {

// W + scale B A takes the place of W. Row-major.
struct LoraMatrix {
  std::string weight;  // that it adapts, in GGUF's terms: "blk.0.attn_q.weight"
  int64_t rank = 0;
  int64_t rows = 0;     // of W
  int64_t columns = 0;  // of W
  float scale = 1.0F;
  std::vector<float> a;  // [rank, columns]
  std::vector<float> b;  // [rows, rank]
};

struct LoraAdapter {
  std::string name;                  // where it came from, for people
  std::vector<LoraMatrix> matrices;  // by their weights' names; none twice
};

// Reads what `path` is: a GGUF file, or a folder as Hugging Face's PEFT writes it. `base` is the model that
// it is for: it says how rows are ordered. Errors name the file and the tensor: those of opening; kMalformed
// for tensors that are missing, of shapes that do not fit each other or the base's, or not finite;
// kUnsupported for another kind of adapter, another base, or a type that is not F32, F16 or BF16.
Result<LoraAdapter> read_lora_adapter(const std::filesystem::path& path, const Checkpoint& base);

// kMalformed, naming the tensor, where it does not fit `base`: a weight that it does not have or that is of
// another shape, a number that is not finite, no matrix at all; kUnsupported for a rank above the weight's
// larger size.
Result<void> check_lora_adapter(const LoraAdapter& adapter, const Checkpoint& base);

}  // namespace hearth::models
