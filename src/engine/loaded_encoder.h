// A checkpoint of an encoder made ready to run: opened, checked, its tokenizer built, its weights handed to a
// backend.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "models/encoder.h"
#include "models/load_step.h"
#include "tensor/backend.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

// Owns everything that a running encoder needs, in the order in which it depends on each other. Not
// thread-safe, except tokenizer() and info().
class LoadedEncoder {
 public:
  // Errors: those of load_encoder and load_tokenizer.
  static Result<std::unique_ptr<LoadedEncoder>> load(std::unique_ptr<const models::Checkpoint> checkpoint,
                                                     std::unique_ptr<tensor::Backend> backend,
                                                     const models::OnLoadStep& on_step = {});

  const text::Tokenizer& tokenizer() const noexcept { return *tokenizer_; }
  const models::EncoderInfo& info() const noexcept { return encoder_->info(); }

  const models::Checkpoint& checkpoint() const noexcept { return *checkpoint_; }
  // Scratch memory for the longest sequence.
  size_t workspace_bytes() const { return encoder_->workspace_bytes({&info().context_tokens, 1}); }

  // A text's tokens, with those that the model wants at its ends. The errors of Encoder::check.
  Result<std::vector<text::TokenId>> tokenize(std::string_view text) const;
  // As Encoder::encode.
  Result<std::vector<std::vector<float>>> encode(std::span<const std::vector<text::TokenId>> sequences,
                                                 models::VectorLength length = models::VectorLength::kOne) {
    return encoder_->encode(sequences, length);
  }

 private:
  LoadedEncoder(std::unique_ptr<const models::Checkpoint> checkpoint,
                std::unique_ptr<tensor::Backend> backend)
      : checkpoint_(std::move(checkpoint)), backend_(std::move(backend)) {}

  std::unique_ptr<const models::Checkpoint> checkpoint_;
  std::unique_ptr<tensor::Backend> backend_;
  std::unique_ptr<const text::Tokenizer> tokenizer_;
  std::unique_ptr<models::Encoder> encoder_;
};

}  // namespace hearth::engine
