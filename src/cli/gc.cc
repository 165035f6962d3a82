// hearth gc: delete what no model of the store needs.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/models_folder.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "server/wire/duration.h"
#include "store/versions.h"

namespace hearth::cli {
namespace {

struct GcOptions {
  std::string folder;
  std::string min_age = "1h";
  int64_t keep_versions = -1;  // all
  bool dry_run = false;
  bool json = false;
};

nlohmann::ordered_json json_of(const store::Garbage& garbage, size_t n_versions, bool dry_run) {
  nlohmann::ordered_json blobs = nlohmann::ordered_json::array();
  for (const store::Digest& digest : garbage.blobs) blobs.push_back(digest.text());
  return {{"dry_run", dry_run},         {"blobs", std::move(blobs)},
          {"versions", n_versions},     {"abandoned_files", garbage.n_abandoned_files},
          {"spared", garbage.n_spared}, {"bytes", garbage.size_bytes}};
}

Result<void> collect(const GcOptions& options, const Context& context) {
  const auto age = server::wire::parse_go_duration(options.min_age);
  if (!age || age->count() < 0) {
    return make_error(ErrorCode::kUsage, "--min-age: expected a duration such as 1h or 0s, found '{}'",
                      options.min_age);
  }
  HEARTH_ASSIGN(const std::filesystem::path folder, models_folder(options.folder));
  HEARTH_ASSIGN(const store::Store store, store::Store::open(folder));
  const store::GarbageOptions what{.min_age = std::chrono::duration_cast<std::chrono::seconds>(*age),
                                   .dry_run = options.dry_run};
  store::GarbageAndVersions collected;
  if (options.keep_versions >= 0) {
    HEARTH_ASSIGN(collected,
                  store::collect_versions(store, what, static_cast<size_t>(options.keep_versions)));
  } else {
    HEARTH_ASSIGN(collected.garbage, store.collect_garbage(what));
  }
  const store::Garbage& garbage = collected.garbage;
  const size_t n_versions = collected.n_versions;
  if (options.json) return write_json(json_of(garbage, n_versions, options.dry_run));
  std::string text;
  for (const store::Digest& digest : garbage.blobs) text += digest.text() + "\n";
  HEARTH_TRY(write_output(text));
  const std::string versions =
      n_versions == 0 ? "" : fmt::format("{} former version{}, ", n_versions, n_versions == 1 ? "" : "s");
  context.console.note(fmt::format("{}: {} {}{} blobs and {} abandoned files, {}; {} were spared",
                                   folder.string(), options.dry_run ? "would delete" : "deleted", versions,
                                   garbage.blobs.size(), garbage.n_abandoned_files,
                                   format_bytes(garbage.size_bytes), garbage.n_spared));
  return {};
}

}  // namespace

void add_gc_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<GcOptions>();
  CLI::App* command = parser.add_subcommand("gc", "Delete the blobs that no model of the store needs");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_option("--min-age", options->min_age, "spare what is younger: 1h, 30m, 0s (default: 1h)")
      ->type_name("DURATION");
  add_count_option(*command, "--keep-versions", options->keep_versions, 0, int64_t{1} << 30,
                   "of each model's former versions only so many, the newest (default: all)");
  command->add_flag("--dry-run", options->dry_run, "only say what would be deleted");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(std::string(kModelsFolderHelp) + R"(

Never deleted are partial downloads, blobs in use by a server, and blobs that a model, or a former version of one,
needs. Former versions stay until --keep-versions N deletes all but the newest N of each model, and the blobs that
only they needed. hearth rm deletes a model with its versions.

Examples:
  hearth gc --dry-run
  hearth gc --min-age 0s
  hearth gc --keep-versions 2)");
  command->callback([options, &action] {
    action = [options](const Context& context) { return collect(*options, context); };
  });
}

}  // namespace hearth::cli
