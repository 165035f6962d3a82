// Rewrites a model in another type of weights: an open checkpoint in, a GGUF file out, a slice of a tensor at
// a time.
//
// A caller with a file to write to uses base/output_file.h; one that fills a blob of the store, its
// BlobWriter:
//
//   HEARTH_ASSIGN(const Scheme* scheme, find_scheme("Q4_K_M"));
//   HEARTH_ASSIGN(store::BlobWriter blob, store.new_blob());
//   QuantizeOptions options{.scheme = scheme, .n_threads = 4};
//   HEARTH_TRY(quantize_checkpoint(checkpoint, options,
//                                  [&](std::span<const std::byte> bytes) { return blob.append(bytes); }));
//   HEARTH_ASSIGN(const store::Digest digest, blob.finish());
//
// The same checkpoint and scheme give the same bytes, whatever the threads and the machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/gguf/writer.h"
#include "models/checkpoint.h"
#include "models/quantization/scheme.h"

namespace hearth::models {

struct QuantizedTensor {
  std::string name;
  tensor::DType from = tensor::DType::kF32;
  tensor::DType to = tensor::DType::kF32;
  int64_t n_elements = 0;
  uint64_t from_bytes = 0;
  uint64_t to_bytes = 0;
  // Root of (the squared errors' sum / the squared weights' sum); 0 for what was copied. Only with
  // QuantizeOptions::measure_errors.
  double relative_error = 0.0;
};

struct QuantizeProgress {
  uint64_t done_bytes = 0;  // of the source's tensors
  uint64_t total_bytes = 0;
  const QuantizedTensor* finished = nullptr;  // a tensor that has just been completed
};

struct QuantizeOptions {
  // Null: every tensor keeps its type, and the file is a GGUF of the checkpoint as it is.
  const Scheme* scheme = nullptr;
  int n_threads = 1;
  // Weights that are quantised already lose a second time; without this they are refused.
  bool allow_requantize = false;
  bool measure_errors = false;
  // Called before anything is written, with the checkpoint's metadata and the keys that the scheme changes:
  // to add what the checkpoint has elsewhere (a folder's tokenizer), or to remove something.
  std::function<void(gguf::FileDraft&)> edit_metadata = {};
  // Called with the size of the file that is about to be written.
  std::function<Result<void>(uint64_t size_bytes)> begin_file = {};
  // Called after each slice; false ends the work with kCancelled.
  std::function<bool(const QuantizeProgress&)> progress = {};
};

struct QuantizeReport {
  uint64_t file_bytes = 0;
  uint64_t from_bytes = 0;  // of all tensors
  uint64_t to_bytes = 0;
  int64_t n_elements = 0;
  std::vector<QuantizedTensor> tensors;

  double bits_per_weight() const noexcept {
    return n_elements == 0 ? 0.0 : 8.0 * static_cast<double>(to_bytes) / static_cast<double>(n_elements);
  }
};

// Errors, before anything is written: kUnsupported for weights that are quantised already, for a type that
// cannot be converted, and for a checkpoint whose columns stand in another order than their inputs. Later:
// kMalformed for weights that are not finite, or too large for F16; what the sink returns; kCancelled.
// Not thread-safe with another use of the checkpoint (Checkpoint::data()). Takes some 10 MiB a thread.
Result<QuantizeReport> quantize_checkpoint(const Checkpoint& checkpoint, const QuantizeOptions& options,
                                           gguf::ByteSink sink);

}  // namespace hearth::models
