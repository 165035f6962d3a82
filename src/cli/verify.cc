// hearth verify: whether the blobs of the store are what their names say.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/units.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

struct VerifyOptions {
  std::vector<std::string> models;
  std::string folder;
  bool json = false;
};

const char* kind_name(store::BlobFault::Kind kind) {
  switch (kind) {
    case store::BlobFault::Kind::kMissing:
      return "missing";
    case store::BlobFault::Kind::kWrongSize:
      return "wrong size";
    case store::BlobFault::Kind::kWrongContent:
      return "damaged";
    case store::BlobFault::Kind::kUnreadable:
      return "unreadable";
  }
  return "";
}

nlohmann::ordered_json json_of(const store::VerifyReport& report) {
  nlohmann::ordered_json faults = nlohmann::ordered_json::array();
  for (const store::BlobFault& fault : report.faults) {
    nlohmann::ordered_json models = nlohmann::ordered_json::array();
    for (const store::ModelName& model : fault.models) models.push_back(model.text());
    faults.push_back({{"digest", fault.digest.text()},
                      {"kind", kind_name(fault.kind)},
                      {"models", std::move(models)},
                      {"message", fault.message}});
  }
  return {{"manifests", report.n_manifests},
          {"blobs", report.n_blobs},
          {"bytes", report.size_bytes},
          {"faults", std::move(faults)},
          {"bad_manifests", report.bad_manifests}};
}

std::string text_of(const store::VerifyReport& report) {
  std::string text;
  for (const std::string& message : report.bad_manifests) text += escape_line(message) + "\n";
  for (const store::BlobFault& fault : report.faults) {
    std::string models;
    for (const store::ModelName& model : fault.models) models += (models.empty() ? "" : ", ") + model.text();
    text += fmt::format("{}: {} (of {})\n", kind_name(fault.kind), escape_line(fault.message), models);
  }
  return text;
}

Result<void> verify(const VerifyOptions& options, const Context& context) {
  HEARTH_ASSIGN(const std::filesystem::path folder, models_folder(options.folder));
  HEARTH_ASSIGN(const store::Store store, store::Store::open(folder));
  std::vector<store::ModelName> names;
  for (const std::string& text : options.models) {
    HEARTH_ASSIGN(store::ModelName name, store::ModelName::parse(text));
    names.push_back(std::move(name));
  }
  ProgressLine line(context.console);
  const double began = monotonic_seconds();
  const store::Progress progress = [&](uint64_t done) {
    line.show(fmt::format("verifying: {} ({}/s)", format_bytes(done),
                          format_bytes(static_cast<uint64_t>(static_cast<double>(done) /
                                                             std::max(monotonic_seconds() - began, 0.001)))));
    return !interrupted();
  };
  HEARTH_ASSIGN(const store::VerifyReport report, store.verify(names, progress));
  line.show("");
  HEARTH_TRY(options.json ? write_json(json_of(report)) : write_output(text_of(report)));
  const size_t n_bad = report.faults.size() + report.bad_manifests.size();
  if (n_bad > 0) {
    return make_error(ErrorCode::kMalformed, "{}: {} of {} models and {} blobs are not what they should be",
                      folder.string(), n_bad, report.n_manifests, report.n_blobs);
  }
  context.console.note(fmt::format("{}: {} models, {} blobs, {}: all as they should be", folder.string(),
                                   report.n_manifests, report.n_blobs, format_bytes(report.size_bytes)));
  return {};
}

}  // namespace

void add_verify_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command =
      parser.add_subcommand("verify", "Read the models of the store and name each damaged or missing blob");
  command->add_option("MODEL", options->models, "only these (default: all)")->type_name("");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(std::string(kModelsFolderHelp) + R"(

Every blob is compared with its SHA-256. The exit code is 1 where one is damaged or missing: pull or create its models
again.

Examples:
  hearth verify
  hearth verify qwen3 --json)");
  command->callback([options, &action] {
    action = [options](const Context& context) { return verify(*options, context); };
  });
}

}  // namespace hearth::cli
