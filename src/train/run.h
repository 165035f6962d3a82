// A run of training, whatever is trained: steps, a log, a drawing, and a checkpoint from which it goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "train/checkpoint.h"
#include "train/data/texts.h"
#include "train/run_log.h"
#include "train/trainer.h"

namespace hearth::train {

// What each run leaves in its folder. All but the log appear whole or not at all.
struct RunFiles {
  explicit RunFiles(const std::filesystem::path& folder)
      : lock(folder / "lock"),
        checkpoint(folder / "checkpoint.gguf"),
        log(folder / "log.jsonl"),
        drawing(folder / "loss.svg") {}

  std::filesystem::path lock;
  std::filesystem::path checkpoint;
  std::filesystem::path log;
  std::filesystem::path drawing;
};

// Held by one process at a time.
class RunFolder {
 public:
  // Makes it where it is not there. `results` are what the run will write at its end. kUnavailable where
  // another process trains in it; kInvalidArgument, naming it, for a file of such a name that no run wrote,
  // as it is somebody's; kIo.
  static Result<RunFolder> open(const std::filesystem::path& folder,
                                const std::vector<std::filesystem::path>& results);

  const RunFiles& files() const noexcept { return files_; }

 private:
  RunFolder(RunFiles files, UniqueDescriptor lock) : files_(std::move(files)), lock_(std::move(lock)) {}

  RunFiles files_;
  UniqueDescriptor lock_;
};

// Before the first step.
struct RunStart {
  int64_t n_weights = 0;  // that are learnt
  int64_t n_tokens = 0;   // to train on
  int64_t n_documents = 0;
  int64_t n_held_out = 0;    // tokens
  int64_t steps_before = 0;  // of the checkpoint that it goes on from
  // Nats a token before all steps, where the plan asks for it and there were none.
  std::optional<double> held_out_loss;
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

// What is read before a run begins, and how much of it so far.
struct RunPreparation {
  enum class Stage { kTexts, kBase };
  Stage stage = Stage::kTexts;
  uint64_t n_done = 0;  // tokens of the texts, bytes of the base model
};

struct RunOptions {
  uint64_t available_bytes = UINT64_MAX;  // of memory
  // Calls come from the thread that trains.
  // False ends the call with kCancelled.
  std::function<bool(const RunPreparation&)> on_preparation = {};
  std::function<void(const RunStart&)> on_start;
  // After each step; false stops the run.
  std::function<bool(const RunProgress&)> on_step;
};

// For read_corpora() of a run.
OnTokens on_tokens_of(const RunOptions& options);

// kResourceExhausted, with the numbers and what helps, where they do not suffice.
Result<void> check_memory(uint64_t needed_bytes, const RunOptions& options);

struct RunPlan {
  std::string title;  // of the drawing
  RunIdentity identity;
  const Corpora& corpora;
  bool measures_start = false;  // what is held out, before the first step
};

// Makes the steps that are left, from the folder's checkpoint on if it has one: whatever ended a run before,
// it ends with the same bits. Errors: kInvalidArgument for a checkpoint of another run, and for training that
// diverges; kMalformed for files that cannot be read; kResourceExhausted, kIo. The last checkpoint stands in
// each case.
Result<RunResult> carry_out(const RunPlan& plan, const RunFolder& folder, Trainer& trainer,
                            const RunOptions& options);

}  // namespace hearth::train
