// A model with weights of another type, written to a file that the front opened.
#pragma once

#include "base/result.h"
#include "models/checkpoint.h"
#include "protocol/engine.pb.h"
#include "worker/load_report.h"

namespace hearth::worker {

// Writes the checkpoint as a GGUF file in the types of a scheme ("Q4_K_M"), from where the descriptor stands.
// Errors: kInvalidArgument for a scheme that there is none of; kUnsupported for a model that is no GGUF file;
// those of models::quantize_checkpoint; kResourceExhausted where the disk is full, kIo.
Result<protocol::Quantized> quantize(const models::Checkpoint& checkpoint, const std::string& scheme,
                                     int descriptor, int n_threads, LoadReport& report);

}  // namespace hearth::worker
