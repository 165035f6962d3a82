// The log of a run: a line of JSON for each step.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "train/trainer.h"

namespace hearth::train {

struct LogEntry {
  StepReport step;
  double seconds = 0.0;  // of training until then, whatever stopped it in between
  std::optional<double> held_out_loss;
  std::optional<double> joules;  // that the machine has used since training began or went on
};

// The entries of a log up to a step, and where they end.
struct KeptLog {
  std::vector<LogEntry> entries;
  size_t n_bytes = 0;
};
// `name` is what errors call it. A line that was not finished is not kept. kMalformed, with the line.
Result<KeptLog> parse_log(const std::string& name, std::string_view lines, int64_t last_step);

// Not thread-safe.
class RunLog {
 public:
  // Opens or makes it, and takes the entries that it has of steps up to `last_step`; later ones, and a line
  // that was not finished, are removed. kIo, kResourceExhausted; kMalformed, with the line, where it is no
  // such log.
  static Result<RunLog> open(const std::filesystem::path& path, int64_t last_step);

  Result<void> append(const LogEntry& entry);
  const std::vector<LogEntry>& entries() const noexcept { return entries_; }

 private:
  RunLog(std::filesystem::path path, UniqueDescriptor descriptor, std::vector<LogEntry> entries);

  std::filesystem::path path_;
  UniqueDescriptor descriptor_;
  std::vector<LogEntry> entries_;
};

}  // namespace hearth::train
