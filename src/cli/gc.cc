// hearth gc: delete what no model of the store needs.
#include "cli/command.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/units.h"
#include "server/wire/duration.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

struct GcOptions {
  std::string folder;
  std::string min_age = "1h";
  bool dry_run = false;
};

Result<void> collect(const GcOptions& options, const Context& context) {
  const auto age = server::wire::parse_go_duration(options.min_age);
  if (!age || age->count() < 0) {
    return make_error(ErrorCode::kUsage, "--min-age: expected a duration such as 1h or 0s, found '{}'",
                      options.min_age);
  }
  HEARTH_ASSIGN(const std::filesystem::path folder, models_folder(options.folder));
  HEARTH_ASSIGN(const store::Store store, store::Store::open(folder));
  HEARTH_ASSIGN(const store::Garbage garbage,
                store.collect_garbage({.min_age = std::chrono::duration_cast<std::chrono::seconds>(*age),
                                       .dry_run = options.dry_run}));
  std::string text;
  for (const store::Digest& digest : garbage.blobs) text += digest.text() + "\n";
  HEARTH_TRY(write_output(text));
  context.console.note(fmt::format("{}: {} {} blobs and {} abandoned files, {}; {} were spared",
                                   folder.string(), options.dry_run ? "would delete" : "deleted",
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
  command->add_flag("--dry-run", options->dry_run, "only say what would be deleted");
  command->footer(std::string(kModelsFolderHelp) + R"(

Never deleted are partial downloads, blobs in use by a server, and blobs that a model, or a former version of one,
needs. hearth rm deletes a model with its versions.

Examples:
  hearth gc --dry-run
  hearth gc --min-age 0s)");
  command->callback([options, &action] {
    action = [options](const Context& context) { return collect(*options, context); };
  });
}

}  // namespace hearth::cli
