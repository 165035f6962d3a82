// hearth history and hearth rollback: what a name stood for, and to let it stand for that again.
#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/client/columns.h"
#include "cli/models_folder.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/store_commands.h"
#include "cli/stored_models.h"
#include "cli/units.h"
#include "store/layer_kinds.h"
#include "store/versions.h"

namespace hearth::cli {
namespace {

using nlohmann::ordered_json;
using store::VersionEntry;

struct HistoryOptions {
  std::string model;
  std::string folder;
  bool json = false;
};

struct RollbackOptions {
  std::string model;
  int64_t version = 0;  // 0: the one before
  std::string folder;
  bool json = false;
};

// "weights, system"; of the first one "created", and where an earlier version had the same, which one that
// was.
std::string change_of(const std::vector<VersionEntry>& history, size_t i) {
  const VersionEntry& entry = history[i];
  if (!entry.manifest) return "cannot be read";
  for (size_t j = i + 2; j < history.size(); ++j) {
    if (history[j].digest == entry.digest) return fmt::format("back to {}", history[j].number);
  }
  if (i + 1 == history.size()) return entry.number == 1 ? "created" : "";
  if (!history[i + 1].manifest) return "";
  return fmt::format("{}", fmt::join(changed_parts(*history[i + 1].manifest, *entry.manifest), ", "));
}

std::string missing_text(const VersionEntry& entry) {
  if (entry.missing.empty()) return "";
  return fmt::format("{} blob{} missing", entry.missing.size(), entry.missing.size() == 1 ? "" : "s");
}

std::string timestamp(WallClock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::floor<std::chrono::seconds>(time)));
}

ordered_json json_of(const VersionEntry& entry) {
  ordered_json missing = ordered_json::array();
  for (const store::Digest& digest : entry.missing) missing.push_back(digest.text());
  return {{"version", entry.number},
          {"current", entry.is_current},
          {"modified_at", timestamp(entry.modified_at)},
          {"digest", entry.digest.text()},
          {"size", entry.manifest ? ordered_json(entry.manifest->size_bytes()) : ordered_json()},
          {"missing", std::move(missing)}};
}

Result<void> show_history(const HistoryOptions& options) {
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(options.model));
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  HEARTH_ASSIGN(const store::ModelName spelt, store.find(name));
  HEARTH_ASSIGN(const std::vector<VersionEntry> history, store::read_history(store, name));
  if (options.json) {
    ordered_json versions = ordered_json::array();
    for (size_t i = 0; i < history.size(); ++i) {
      versions.push_back(json_of(history[i]));
      versions.back()["change"] = change_of(history, i);
    }
    return write_json({{"model", spelt.text()}, {"versions", std::move(versions)}});
  }
  constexpr size_t kShownDigits = 12;
  std::vector<std::vector<std::string>> rows{{"VERSION", "ID", "SIZE", "MODIFIED", "CHANGE"}};
  const auto now = WallClock::now();
  for (size_t i = 0; i < history.size(); ++i) {
    const VersionEntry& entry = history[i];
    const std::string missing = missing_text(entry);
    const std::string change = change_of(history, i);
    rows.push_back({fmt::format("{}{}", entry.number, entry.is_current ? " (current)" : ""),
                    entry.digest.hex().substr(0, kShownDigits),
                    entry.manifest ? format_bytes(entry.manifest->size_bytes()) : "",
                    relative_time(entry.modified_at, now),
                    fmt::format("{}{}{}", change, change.empty() || missing.empty() ? "" : "; ", missing)});
  }
  return write_output(format_columns(rows));
}

Result<void> roll_back(const RollbackOptions& options, const Context& context) {
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(options.model));
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  std::optional<uint64_t> number;
  if (options.version > 0) number = static_cast<uint64_t>(options.version);
  HEARTH_ASSIGN(const store::ModelName spelt, store.find(name));
  HEARTH_ASSIGN(const VersionEntry entry, store::roll_back(store, name, number));
  if (options.json) {
    ordered_json object = json_of(entry);
    object["model"] = spelt.text();
    return write_json(object);
  }
  context.console.note(fmt::format("{} stands for {} now, as version {}", spelt.text(),
                                   entry.digest.text().substr(0, 19), entry.number));
  return {};
}

constexpr const char* kHistoryExamples =
    R"(Every change of what a name stands for keeps what it was. hearth diff NAME@1 NAME@2 says what differs, hearth rollback
goes back, and hearth gc --keep-versions N deletes old ones.

Examples:
  hearth history qwen3
  hearth history qwen3 --json | jq '.versions[].digest')";

constexpr const char* kRollbackExamples =
    R"(Without a VERSION it goes to the one before; twice, and it is as it was. What the name stood for is kept, as with
every change. A server that has the model loaded ends its requests with it and loads the other one for the next.

Examples:
  hearth rollback qwen3
  hearth rollback qwen3 2)";

}  // namespace

void add_history_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<HistoryOptions>();
  CLI::App* command = parser.add_subcommand("history", "Show what a model's name stood for");
  command->add_option("MODEL", options->model, "its name")->required()->type_name("");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kHistoryExamples, kModelsFolderHelp));
  command->callback(
      [options, &action] { action = [options](const Context&) { return show_history(*options); }; });
}

void add_rollback_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<RollbackOptions>();
  CLI::App* command =
      parser.add_subcommand("rollback", "Let a model's name stand for a former version again");
  command->add_option("MODEL", options->model, "its name")->required()->type_name("");
  command
      ->add_option("VERSION", options->version,
                   "a number that hearth history shows (default: the one before)")
      ->check([](const std::string& text) {
        int64_t number = 0;
        if (parse_whole_number(text, number) && number >= 1) return std::string();
        return fmt::format("expected a number from 1 on, found '{}'", text);
      })
      ->type_name("");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kRollbackExamples, kModelsFolderHelp));
  command->callback([options, &action] {
    action = [options](const Context& context) { return roll_back(*options, context); };
  });
}

}  // namespace hearth::cli
