// A model that is there already, as training sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "models/checkpoint.h"
#include "train/decoder_layout.h"

namespace hearth::train {

// Its sizes and what its layers compute, as the engine would load it, for sequences of up to
// `context_tokens`; 0: of up to what it was trained for. kUnsupported, naming what it is, for what computes
// otherwise than train::Decoder: experts, recurrent layers, layer norms, rows in another order
// than GGUF's; kMalformed; kInvalidArgument for a longer context.
Result<DecoderConfig> read_base_config(const models::Checkpoint& base, int64_t context_tokens);

// SHA-256, in hexadecimal digits, of all that a model computes with: its metadata and its tensors, all of
// which it reads. on_bytes is told how many, tensor by tensor; where it returns false, kCancelled.
Result<std::string> checkpoint_digest(const models::Checkpoint& checkpoint,
                                      const std::function<bool(uint64_t n_bytes)>& on_bytes = {});

}  // namespace hearth::train
