// What the person sees of a run of training.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/terminal.h"
#include "train/run.h"

namespace hearth::cli {

// A line that is rewritten as the steps go on, and one that stays for each measurement. Ctrl-C stops the run
// after its step.
class TrainingProgress {
 public:
  explicit TrainingProgress(const Console& console);

  // Of a run with the memory that the machine has. They refer to this object.
  Result<train::RunOptions> run_options();
  // `written` says what a finished run has made; for a stopped one, how it goes on.
  void finish(const train::RunResult& result, const std::string& written);
  // What --json has of every run.
  nlohmann::ordered_json json(const train::RunResult& result, const std::filesystem::path& folder) const;

 private:
  const Console& console_;
  ProgressLine line_;
  std::optional<double> loss_before_;
};

}  // namespace hearth::cli
