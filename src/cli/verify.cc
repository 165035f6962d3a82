// hearth verify: whether the blobs of the store are what their names say.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/stored_models.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

struct VerifyOptions {
  std::vector<std::string> models;
  std::string folder;
  std::vector<std::string> verify_keys;
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

// Whether a model's present manifest is signed by one of the keys.
struct SignatureCheck {
  std::string model;
  std::string key;      // its id; empty: of none
  std::string message;  // why not
};

Result<std::vector<SignatureCheck>> check_signatures(const store::Store& store,
                                                     const std::vector<store::ModelName>& names,
                                                     const std::vector<store::PublicKey>& keys) {
  std::vector<SignatureCheck> checks;
  if (keys.empty()) return checks;
  std::vector<store::ModelName> all = names;
  if (all.empty()) {
    HEARTH_ASSIGN(const std::vector<store::ManifestFile> files, store.manifest_files());
    for (const store::ManifestFile& file : files) all.push_back(file.name);
  }
  for (const store::ModelName& name : all) {
    SignatureCheck check{name.text(), "", ""};
    const auto stored = store.manifest(name);
    const auto by = stored ? store::check_signed(store, stored->name, stored->digest, keys) : stored.error();
    if (by) {
      check.key = keys[*by].id();
    } else {
      check.message = by.error().message();
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

nlohmann::ordered_json json_of(const std::vector<SignatureCheck>& checks) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const SignatureCheck& check : checks) {
    nlohmann::ordered_json one{{"model", check.model}, {"signed", !check.key.empty()}};
    if (check.key.empty()) {
      one["message"] = check.message;
    } else {
      one["key"] = check.key;
    }
    list.push_back(std::move(one));
  }
  return list;
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

Result<void> write_report(bool as_json, const store::VerifyReport& report,
                          const std::vector<SignatureCheck>& signatures) {
  if (as_json) {
    nlohmann::ordered_json object = json_of(report);
    if (!signatures.empty()) object["signatures"] = json_of(signatures);
    return write_json(object);
  }
  std::string text = text_of(report);
  for (const SignatureCheck& check : signatures) {
    if (check.key.empty()) text += fmt::format("not signed: {}\n", escape_line(check.message));
  }
  return write_output(text);
}

Result<void> verify(const VerifyOptions& options, const Context& context) {
  HEARTH_ASSIGN(const std::vector<store::PublicKey> keys, read_public_keys(options.verify_keys));
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
  HEARTH_ASSIGN(const std::vector<SignatureCheck> signatures, check_signatures(store, names, keys));
  HEARTH_TRY(write_report(options.json, report, signatures));
  const auto n_unsigned = std::ranges::count(signatures, "", &SignatureCheck::key);
  const size_t n_bad = report.faults.size() + report.bad_manifests.size();
  if (n_bad == 0 && n_unsigned > 0) {
    return make_error(ErrorCode::kMalformed, "{}: {} of {} models are not signed by a key of --verify-key",
                      folder.string(), n_unsigned, signatures.size());
  }
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
  command
      ->add_option("--verify-key", options->verify_keys,
                   "also check that this public key, PEM, has signed each (hearth sign); may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(std::string(kModelsFolderHelp) + R"(

Every blob is compared with its SHA-256. The exit code is 1 where one is damaged or missing: pull or create its models
again; and, with --verify-key, where a model is not signed by one of the keys.

Examples:
  hearth verify
  hearth verify qwen3 --json)");
  command->callback([options, &action] {
    action = [options](const Context& context) { return verify(*options, context); };
  });
}

}  // namespace hearth::cli
