// A loaded encoder: sequences of tokens in, one vector for each out. It attends in both directions, keeps
// nothing between calls, and writes no text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "models/pooling.h"
#include "tensor/backend.h"

namespace hearth::models {

// What reports and checks need to know of an encoder.
struct EncoderInfo {
  std::string architecture;    // "bert"
  std::string name;            // general.name, may be empty
  int64_t context_tokens = 0;  // the longest sequence
  int64_t vocabulary_size = 0;
  int64_t width = 0;  // of the vectors
  Pooling pooling = Pooling::kMean;
  uint64_t n_parameters = 0;
  uint64_t weight_bytes = 0;  // all weights that it uses
};

// Not thread-safe.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual const EncoderInfo& info() const noexcept = 0;

  // Scratch memory for a step of sequences of these many tokens.
  virtual size_t workspace_bytes(std::span<const int64_t> sequence_tokens) const = 0;

  // kInvalidArgument for a sequence without tokens or with one outside the vocabulary; kResourceExhausted,
  // with the numbers, for one that is too long.
  Result<void> check(std::span<const int32_t> tokens) const;

  // A vector [width] for each sequence, in their order. A vector depends, bit by bit, on its own sequence
  // alone. Errors: those of check(), with the sequence's index; kResourceExhausted where the
  // scratch memory cannot be had; kMalformed where weights make numbers that are not finite.
  Result<std::vector<std::vector<float>>> encode(std::span<const std::vector<int32_t>> sequences,
                                                 VectorLength length = VectorLength::kOne);

 protected:
  // The vectors of all tokens of some checked sequences, side by side: [sum of lengths, width].
  virtual Result<std::vector<float>> encode_tokens(std::span<const std::vector<int32_t>> sequences) = 0;
};

// Builds the encoder that the checkpoint describes; checkpoint and backend must outlive it. Errors:
// kUnsupported for an architecture that is none of known_encoders(), an option or a type that is not known;
// kMalformed for a checkpoint that contradicts itself.
Result<std::unique_ptr<Encoder>> load_encoder(const Checkpoint& checkpoint, tensor::Backend& backend);

// The architectures that load_encoder knows.
std::vector<std::string_view> known_encoders();
bool is_encoder(const gguf::KeyValues& checkpoint);

}  // namespace hearth::models
