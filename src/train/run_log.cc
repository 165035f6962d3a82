#include "train/run_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "base/write_all.h"
#include "train/errno_error.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json number_or_null(double number) {
  return std::isfinite(number) ? nlohmann::ordered_json(number) : nlohmann::ordered_json();
}

std::string line_of(const LogEntry& entry) {
  nlohmann::ordered_json line{{"step", entry.step.step},
                              {"loss", number_or_null(entry.step.loss)},
                              {"learning_rate", entry.step.learning_rate},
                              {"gradient_norm", entry.step.norm},
                              {"tokens", entry.step.n_tokens},
                              {"seconds", entry.seconds}};
  if (entry.held_out_loss) line["held_out_loss"] = number_or_null(*entry.held_out_loss);
  if (entry.joules) line["joules"] = *entry.joules;
  return line.dump() + "\n";
}

Result<LogEntry> entry_of(std::string_view line) {
  HEARTH_ASSIGN(const nlohmann::json json, parse_json(line));
  if (!json.is_object())
    return make_error(ErrorCode::kMalformed, "expected an object, found {}", json.type_name());
  const auto number = [&](const char* name) -> Result<double> {
    const auto found = json.find(name);
    if (found != json.end() && found->is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (found == json.end() || !found->is_number())
      return make_error(ErrorCode::kMalformed, "expected a number \"{}\", found none", name);
    return found->get<double>();
  };
  LogEntry entry;
  HEARTH_ASSIGN(const double step, number("step"));
  HEARTH_ASSIGN(entry.step.loss, number("loss"));
  HEARTH_ASSIGN(entry.step.learning_rate, number("learning_rate"));
  HEARTH_ASSIGN(entry.step.norm, number("gradient_norm"));
  HEARTH_ASSIGN(const double n_tokens, number("tokens"));
  HEARTH_ASSIGN(entry.seconds, number("seconds"));
  constexpr double kMost = 9e15;  // to which doubles are exact
  if (!(step >= 1 && step <= kMost && n_tokens >= 0 && n_tokens <= kMost))
    return make_error(ErrorCode::kMalformed, "expected a step and tokens, found {} and {}", step, n_tokens);
  entry.step.step = static_cast<int64_t>(step);
  entry.step.n_tokens = static_cast<int64_t>(n_tokens);
  if (json.contains("held_out_loss")) {
    HEARTH_ASSIGN(entry.held_out_loss, number("held_out_loss"));
  }
  if (json.contains("joules")) {
    HEARTH_ASSIGN(entry.joules, number("joules"));
  }
  return entry;
}

}  // namespace

Result<KeptLog> parse_log(const std::string& name, std::string_view lines, int64_t last_step) {
  KeptLog kept;
  for (size_t end; (end = lines.find('\n', kept.n_bytes)) != std::string_view::npos; kept.n_bytes = end + 1) {
    const auto entry = entry_of(lines.substr(kept.n_bytes, end - kept.n_bytes));
    if (!entry) return entry.error().in(fmt::format("{}:{}", name, kept.entries.size() + 1));
    if (entry->step.step > last_step) break;
    kept.entries.push_back(*entry);
  }
  // What is cut off must be a log's, too: the beginning of a line.
  constexpr std::string_view kBeginning = "{\"step\":";
  const std::string_view rest = lines.substr(kept.n_bytes, kBeginning.size());
  if (!kBeginning.starts_with(rest)) {
    return make_error(ErrorCode::kMalformed, "{}:{}: expected a line of a log of training, found another",
                      name, kept.entries.size() + 1);
  }
  return kept;
}

RunLog::RunLog(fs::path path, UniqueDescriptor descriptor, std::vector<LogEntry> entries)
    : path_(std::move(path)), descriptor_(std::move(descriptor)), entries_(std::move(entries)) {}

Result<RunLog> RunLog::open(const fs::path& path, int64_t last_step) {
  UniqueDescriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!descriptor) return errno_error(path, "cannot be opened");
  KeptLog kept;
  {
    HEARTH_ASSIGN(const MappedFile file, MappedFile::of_descriptor(descriptor.get(), path));
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    HEARTH_ASSIGN(kept, parse_log(path.string(), text, last_step));
  }
  if (::ftruncate(descriptor.get(), static_cast<off_t>(kept.n_bytes)) != 0)
    return errno_error(path, "cannot be cut");
  return RunLog(path, std::move(descriptor), std::move(kept.entries));
}

Result<void> RunLog::append(const LogEntry& entry) {
  const std::string line = line_of(entry);
  errno = write_all(descriptor_.get(), std::as_bytes(std::span(line)));
  if (errno != 0) return errno_error(path_, "cannot be written");
  entries_.push_back(entry);
  return {};
}

}  // namespace hearth::train
