#include "train/run.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/output_file.h"
#include "base/unique_descriptor.h"
#include "metrics/energy.h"
#include "train/loss_drawing.h"
#include "train/model_file.h"
#include "train/run_inputs.h"
#include "train/trainer.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMostHeldOutTokens = int64_t{1} << 16;  // of an evaluation

// Held by one process at a time, for as long as it lives.
Result<UniqueDescriptor> lock_folder(const fs::path& folder, const fs::path& lock) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return make_error(ErrorCode::kIo, "{}: cannot be made: {}", folder.string(), failed.message());
  UniqueDescriptor descriptor(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!descriptor) {
    return make_error(ErrorCode::kIo, "{}: cannot be opened: {}", lock.string(), std::strerror(errno));
  }
  if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return make_error(ErrorCode::kUnavailable, "{}: another process trains in this folder",
                        folder.string());
    }
    return make_error(ErrorCode::kIo, "{}: cannot be locked: {}", lock.string(), std::strerror(errno));
  }
  return descriptor;
}

// A model that stands where no run was is somebody's, and so is a drawing.
Result<void> check_folder(const RunFiles& files) {
  std::error_code ignored;
  const bool has_checkpoint = fs::exists(files.checkpoint, ignored);
  const bool has_run = has_checkpoint || fs::exists(files.log, ignored);
  for (const auto& [file, may_be] :
       {std::pair(files.model, has_checkpoint), std::pair(files.drawing, has_run)}) {
    if (may_be || !fs::exists(file, ignored)) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected none, as no run was here before, found a file", file.string());
  }
  return {};
}

class Run {
 public:
  Run(Recipe recipe, const fs::path& folder, Threads& threads, const RunOptions& options)
      : recipe_(std::move(recipe)), folder_(folder), files_(folder), threads_(threads), options_(options) {}

  Result<RunResult> carry_out() {
    HEARTH_ASSIGN(const RunInputs inputs, read_inputs(recipe_));
    HEARTH_ASSIGN(const UniqueDescriptor lock, lock_folder(folder_, files_.lock));
    HEARTH_TRY(check_folder(files_));
    identity_ = inputs.identity(recipe_);
    HEARTH_TRY(check_memory());
    Trainer trainer(recipe_, inputs.train, threads_);
    HEARTH_TRY(go_on(trainer));
    HEARTH_ASSIGN(RunLog log, RunLog::open(files_.log, trainer.n_steps()));
    if (options_.on_start) {
      const auto count = [](size_t n) { return static_cast<int64_t>(n); };
      options_.on_start({trainer.layout().n_weights, count(inputs.train.n_tokens()),
                         count(inputs.train.n_documents()), count(inputs.held_out.n_tokens()),
                         trainer.n_steps()});
    }
    HEARTH_ASSIGN(const bool is_finished, train(trainer, inputs.held_out, log));
    if (is_finished) {
      HEARTH_TRY(write_model(files_.model, {recipe_.name, &inputs.tokenizer_file, inputs.chat_template},
                             recipe_.model, trainer.layout(), trainer.weights()));
    }
    return result(is_finished, trainer, log);
  }

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> check_memory() const {
    const uint64_t needed = Trainer::memory_bytes(recipe_);
    if (needed <= options_.available_bytes) return {};
    return make_error(ErrorCode::kResourceExhausted,
                      "expected {} bytes of memory, found {} available; fewer sequences (with accumulate for "
                      "the rest), or recompute_activations, take less",
                      needed, options_.available_bytes);
  }

  Result<void> go_on(Trainer& trainer) {
    auto checkpoint = read_checkpoint(files_.checkpoint, identity_, trainer.layout().n_weights);
    if (checkpoint) {
      trainer.go_on_from(std::move(*checkpoint));
    } else if (checkpoint.error().code() != ErrorCode::kNotFound) {
      return checkpoint.error();
    }
    return {};
  }

  // False: stopped before the last step.
  Result<bool> train(Trainer& trainer, const Corpus& held_out, RunLog& log) {
    const Clock::time_point began = Clock::now();
    const double seconds_before = log.entries().empty() ? 0.0 : log.entries().back().seconds;
    const int64_t steps_before = trainer.n_steps();
    const int64_t most_sequences = std::max<int64_t>(1, kMostHeldOutTokens / recipe_.batch.n_tokens);
    metrics::EnergyMeter energy;
    bool goes_on = true;
    while (goes_on && trainer.n_steps() < recipe_.n_steps) {
      LogEntry entry;
      HEARTH_ASSIGN(entry.step, trainer.step());
      const bool is_last = entry.step.step == recipe_.n_steps;
      if (is_last || entry.step.step % recipe_.evaluate_every == 0)
        entry.held_out_loss = trainer.loss_on(held_out, most_sequences);
      const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
      entry.seconds = seconds_before + elapsed;
      entry.joules = energy.joules();
      HEARTH_TRY(log.append(entry));
      if (options_.on_step) {
        const auto n_done = static_cast<double>(entry.step.step - steps_before);
        const auto n_left = static_cast<double>(recipe_.n_steps - entry.step.step);
        goes_on = options_.on_step({entry, recipe_.n_steps,
                                    n_done * static_cast<double>(entry.step.n_tokens) / elapsed,
                                    n_left * elapsed / n_done});
      }
      if (is_last || !goes_on || entry.step.step % recipe_.checkpoint_every == 0)
        HEARTH_TRY(write_checkpoint(files_.checkpoint, identity_, trainer.n_steps(), trainer.weights(),
                                    trainer.state()));
      if (is_last || !goes_on || entry.held_out_loss) HEARTH_TRY(draw(log));
    }
    return trainer.n_steps() == recipe_.n_steps;
  }

  Result<void> draw(const RunLog& log) {
    HEARTH_ASSIGN(OutputFile file, OutputFile::create(files_.drawing, OutputFile::Existing::kReplace));
    const std::string svg = draw_losses(recipe_.name, log.entries());
    HEARTH_TRY(file.append(std::as_bytes(std::span(svg))));
    return file.finish();
  }

  static RunResult result(bool is_finished, const Trainer& trainer, const RunLog& log) {
    RunResult result;
    result.is_finished = is_finished;
    result.n_steps = trainer.n_steps();
    for (const LogEntry& entry : log.entries()) {
      result.loss = entry.step.loss;
      if (entry.held_out_loss) result.held_out_loss = entry.held_out_loss;
    }
    return result;
  }

  Recipe recipe_;
  const fs::path folder_;
  const RunFiles files_;
  Threads& threads_;
  const RunOptions& options_;
  RunIdentity identity_;
};

}  // namespace

Result<RunResult> run_recipe(Recipe recipe, const fs::path& folder, Threads& threads,
                             const RunOptions& options) {
  return Run(std::move(recipe), folder, threads, options).carry_out();
}

}  // namespace hearth::train
