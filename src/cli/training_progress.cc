#include "cli/training_progress.h"

#include <nlohmann/json.hpp>

#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

std::string describe(const train::RunPreparation& preparation) {
  if (preparation.stage == train::RunPreparation::Stage::kBase)
    return fmt::format("reading the model  {}", format_bytes(preparation.n_done));
  return fmt::format("reading texts  {} tokens", group_digits(preparation.n_done));
}

std::string describe(const train::RunStart& start) {
  std::string line = fmt::format("{} weights; {} tokens of {} documents, {} held out",
                                 format_count(static_cast<uint64_t>(start.n_weights)),
                                 group_digits(static_cast<uint64_t>(start.n_tokens)),
                                 group_digits(static_cast<uint64_t>(start.n_documents)),
                                 group_digits(static_cast<uint64_t>(start.n_held_out)));
  if (start.held_out_loss) line += fmt::format(", of a loss of {:.4f} before", *start.held_out_loss);
  return line;
}

std::string describe(const train::RunProgress& progress) {
  const train::LogEntry& entry = progress.entry;
  std::string line =
      fmt::format("step {} of {}: loss {:.4f}", entry.step.step, progress.n_steps, entry.step.loss);
  if (entry.held_out_loss) line += fmt::format(", held out {:.4f}", *entry.held_out_loss);
  line += fmt::format(", {:.0f} tokens/s, {} left", progress.tokens_per_second,
                      format_seconds(progress.seconds_left));
  if (entry.joules) line += fmt::format(", {:.1f} Wh", *entry.joules / 3600.0);
  return line;
}

}  // namespace

TrainingProgress::TrainingProgress(const Console& console) : console_(console), line_(console) {
  line_.show("reading texts");
}

Result<train::RunOptions> TrainingProgress::run_options() {
  HEARTH_ASSIGN(const Machine machine, inspect_machine());
  train::RunOptions options;
  options.available_bytes = machine.available_bytes;
  options.on_preparation = [this](const train::RunPreparation& preparation) {
    line_.show(describe(preparation));
    return !interrupted();
  };
  options.on_start = [this](const train::RunStart& start) {
    line_.show("");
    console_.note(describe(start));
    loss_before_ = start.held_out_loss;
    if (start.steps_before > 0) console_.note(fmt::format("going on after step {}", start.steps_before));
  };
  options.on_step = [this](const train::RunProgress& progress) {
    if (progress.entry.held_out_loss) {
      line_.show("");
      console_.note(describe(progress));
    } else {
      line_.show(describe(progress));
    }
    return !interrupted();
  };
  return options;
}

void TrainingProgress::finish(const train::RunResult& result, const std::string& written) {
  line_.show("");
  console_.note(result.is_finished ? written
                                   : fmt::format("stopped after step {}; the same command goes on from there",
                                                 result.n_steps));
}

nlohmann::ordered_json TrainingProgress::json(const train::RunResult& result,
                                              const std::filesystem::path& folder) const {
  const train::RunFiles files(folder);
  nlohmann::ordered_json object{
      {"finished", result.is_finished}, {"steps", result.n_steps}, {"loss", result.loss}};
  if (loss_before_) object["held_out_loss_before"] = *loss_before_;
  if (result.held_out_loss) object["held_out_loss"] = *result.held_out_loss;
  object["checkpoint"] = files.checkpoint.string();
  object["log"] = files.log.string();
  object["drawing"] = files.drawing.string();
  return object;
}

}  // namespace hearth::cli
