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

// A result that stands where no run was is somebody's, and so is a drawing.
Result<void> check_files(const RunFiles& files, const std::vector<fs::path>& results) {
  std::error_code ignored;
  const bool has_checkpoint = fs::exists(files.checkpoint, ignored);
  const bool has_run = has_checkpoint || fs::exists(files.log, ignored);
  const auto check = [&](const fs::path& file, bool may_be) -> Result<void> {
    if (may_be || !fs::exists(file, ignored)) return {};
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected none, as no run was here before, found a file", file.string());
  };
  for (const fs::path& result : results) HEARTH_TRY(check(result, has_checkpoint));
  return check(files.drawing, has_run);
}

class Run {
 public:
  Run(const RunPlan& plan, const RunFiles& files, Trainer& trainer, const RunOptions& options)
      : plan_(plan), files_(files), trainer_(trainer), options_(options) {}

  Result<RunResult> carry_out() {
    HEARTH_TRY(go_on());
    HEARTH_ASSIGN(RunLog log, RunLog::open(files_.log, trainer_.n_steps()));
    if (options_.on_start) options_.on_start(start());
    HEARTH_TRY(train(log));
    return result(log);
  }

 private:
  using Clock = std::chrono::steady_clock;

  Result<void> go_on() {
    auto checkpoint = read_checkpoint(files_.checkpoint, plan_.identity, std::ssize(trainer_.weights()));
    if (checkpoint) {
      trainer_.go_on_from(std::move(*checkpoint));
    } else if (checkpoint.error().code() != ErrorCode::kNotFound) {
      return checkpoint.error();
    }
    return {};
  }

  RunStart start() {
    const auto count = [](size_t n) { return static_cast<int64_t>(n); };
    RunStart start{.n_weights = count(trainer_.weights().size()),
                   .n_tokens = count(plan_.corpora.train.n_tokens()),
                   .n_documents = count(plan_.corpora.train.n_documents()),
                   .n_held_out = count(plan_.corpora.held_out.n_tokens()),
                   .steps_before = trainer_.n_steps(),
                   .held_out_loss = {}};
    if (plan_.measures_start && start.steps_before == 0) start.held_out_loss = held_out_loss();
    return start;
  }

  double held_out_loss() {
    const int64_t n_tokens = trainer_.options().batch.n_tokens;
    return trainer_.loss_on(plan_.corpora.held_out, std::max<int64_t>(1, kMostHeldOutTokens / n_tokens));
  }

  bool is_finished() const { return trainer_.n_steps() == trainer_.options().n_steps; }

  Result<void> train(RunLog& log) {
    const TrainingOptions& training = trainer_.options();
    const Clock::time_point began = Clock::now();
    const double seconds_before = log.entries().empty() ? 0.0 : log.entries().back().seconds;
    const int64_t steps_before = trainer_.n_steps();
    metrics::EnergyMeter energy;
    bool goes_on = true;
    while (goes_on && !is_finished()) {
      LogEntry entry;
      HEARTH_ASSIGN(entry.step, trainer_.step());
      const bool is_last = is_finished();
      if (is_last || entry.step.step % training.evaluate_every == 0) entry.held_out_loss = held_out_loss();
      const double elapsed = std::chrono::duration<double>(Clock::now() - began).count();
      entry.seconds = seconds_before + elapsed;
      entry.joules = energy.joules();
      HEARTH_TRY(log.append(entry));
      if (options_.on_step) {
        const auto n_done = static_cast<double>(entry.step.step - steps_before);
        const auto n_left = static_cast<double>(training.n_steps - entry.step.step);
        goes_on = options_.on_step({entry, training.n_steps,
                                    n_done * static_cast<double>(entry.step.n_tokens) / elapsed,
                                    n_left * elapsed / n_done});
      }
      if (is_last || !goes_on || entry.step.step % training.checkpoint_every == 0)
        HEARTH_TRY(write_checkpoint(files_.checkpoint, plan_.identity, trainer_.n_steps(), trainer_.weights(),
                                    trainer_.state()));
      if (is_last || !goes_on || entry.held_out_loss) HEARTH_TRY(draw(log));
    }
    return {};
  }

  Result<void> draw(const RunLog& log) {
    HEARTH_ASSIGN(OutputFile file, OutputFile::create(files_.drawing, OutputFile::Existing::kReplace));
    const std::string svg = draw_losses(plan_.title, log.entries());
    HEARTH_TRY(file.append(std::as_bytes(std::span(svg))));
    return file.finish();
  }

  RunResult result(const RunLog& log) const {
    RunResult result;
    result.is_finished = is_finished();
    result.n_steps = trainer_.n_steps();
    for (const LogEntry& entry : log.entries()) {
      result.loss = entry.step.loss;
      if (entry.held_out_loss) result.held_out_loss = entry.held_out_loss;
    }
    return result;
  }

  const RunPlan& plan_;
  const RunFiles& files_;
  Trainer& trainer_;
  const RunOptions& options_;
};

}  // namespace

Result<RunFolder> RunFolder::open(const fs::path& folder, const std::vector<fs::path>& results) {
  RunFiles files(folder);
  HEARTH_ASSIGN(UniqueDescriptor lock, lock_folder(folder, files.lock));
  HEARTH_TRY(check_files(files, results));
  return RunFolder(std::move(files), std::move(lock));
}

OnTokens on_tokens_of(const RunOptions& options) {
  if (!options.on_preparation) return {};
  return [on_preparation = options.on_preparation](size_t n_tokens) {
    return on_preparation({RunPreparation::Stage::kTexts, n_tokens});
  };
}

Result<void> check_memory(uint64_t needed_bytes, const RunOptions& options) {
  if (needed_bytes <= options.available_bytes) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "expected {} bytes of memory, found {} available; fewer sequences (with accumulate for "
                    "the rest), or recompute_activations, take less",
                    needed_bytes, options.available_bytes);
}

Result<RunResult> carry_out(const RunPlan& plan, const RunFolder& folder, Trainer& trainer,
                            const RunOptions& options) {
  return Run(plan, folder.files(), trainer, options).carry_out();
}

}  // namespace hearth::train
