// What a run needs to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "base/result.h"
#include "train/optimiser.h"

namespace hearth::train {

// What the run's result depends on. A checkpoint is of one of these, and of no other.
struct RunIdentity {
  std::string recipe;     // Recipe::json(), as text
  std::string tokenizer;  // digests in hexadecimal digits
  std::string corpus;
  std::string held_out;
};

// As a GGUF file: the step, the identity and a digest of the data as metadata; weights, means and squares as
// tensors. It takes the place of the one before when it is whole and on the disk: whoever is killed
// meanwhile leaves that one. Errors: OutputFile's.
Result<void> write_checkpoint(const std::filesystem::path& path, const RunIdentity& identity, int64_t step,
                              std::span<const float> weights, const AdamW<float>::State& state);

struct Checkpoint {
  int64_t step = 0;  // that many were made
  std::vector<float> weights;
  AdamW<float>::State state;
};
// kNotFound where there is none; kMalformed where its data are not those of its digest, naming the file;
// kInvalidArgument, saying what differs, for a checkpoint of another run.
Result<Checkpoint> read_checkpoint(const std::filesystem::path& path, const RunIdentity& identity,
                                   int64_t n_weights);

}  // namespace hearth::train
