// A run of training: a recipe, carried out in a folder.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "train/recipe.h"
#include "train/run_log.h"

namespace hearth::train {

// What the folder holds. All but the log appear whole or not at all.
struct RunFiles {
  explicit RunFiles(const std::filesystem::path& folder)
      : lock(folder / "lock"),
        checkpoint(folder / "checkpoint.gguf"),
        log(folder / "log.jsonl"),
        drawing(folder / "loss.svg"),
        model(folder / "model.gguf") {}

  std::filesystem::path lock;
  std::filesystem::path checkpoint;
  std::filesystem::path log;
  std::filesystem::path drawing;
  std::filesystem::path model;  // when the last step was made
};

// Before the first step.
struct RunStart {
  int64_t n_weights = 0;
  int64_t n_tokens = 0;  // to train on
  int64_t n_documents = 0;
  int64_t n_held_out = 0;    // tokens
  int64_t steps_before = 0;  // of the checkpoint that it goes on from
};

struct RunProgress {
  const LogEntry& entry;  // the step that was just made
  int64_t n_steps;        // of all
  double tokens_per_second;
  double seconds_left;
};

struct RunResult {
  bool is_finished = false;  // false: stopped, with a checkpoint of the last step
  int64_t n_steps = 0;
  double loss = 0.0;  // of the last step
  std::optional<double> held_out_loss;
};

struct RunOptions {
  uint64_t available_bytes = UINT64_MAX;  // of memory
  // Calls come from the thread that trains.
  std::function<void(const RunStart&)> on_start;
  // After each step; false stops the run.
  std::function<bool(const RunProgress&)> on_step;
};

// Trains in `folder`, which is made where it is not there, or goes on where its checkpoint is: whatever ended
// a run before, it ends with the same bytes. Errors: those of the recipe's files, naming them; kUnavailable
// where another process trains in the folder; kInvalidArgument for a checkpoint of another run, for files of
// such names that no run wrote, and for training that diverges; kResourceExhausted, with the numbers, for too
// little memory or disk; kIo. The last checkpoint stands in each case.
Result<RunResult> run_recipe(Recipe recipe, const std::filesystem::path& folder, Threads& threads,
                             const RunOptions& options);

}  // namespace hearth::train
