// hearth export and hearth import: models as one file, for machines without a network.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/unique_descriptor.h"
#include "cli/interrupt.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/store_commands.h"
#include "cli/stored_models.h"
#include "cli/units.h"
#include "store/model_archive.h"

namespace hearth::cli {
namespace {

using nlohmann::ordered_json;

struct ExportOptions {
  std::vector<std::string> models;
  std::string output;
  std::string folder;
  bool force = false;
  bool json = false;
};

struct ImportFileOptions {
  std::string file;
  std::string name;
  std::vector<std::string> verify_keys;
  std::string folder;
  bool json = false;
};

Error file_error(const std::string& path, std::string_view doing) {
  const ErrorCode code = errno == ENOENT   ? ErrorCode::kNotFound
                         : errno == ENOSPC ? ErrorCode::kResourceExhausted
                                           : ErrorCode::kIo;
  return make_error(code, "{}: {}: {}", path, doing, std::strerror(errno));
}

// "exporting: 1.2 of 4.9 GB (800 MB/s)"; false once Ctrl-C was pressed.
class ArchiveProgress {
 public:
  ArchiveProgress(const Console& console, const char* doing, uint64_t total_bytes)
      : line_(console), doing_(doing), total_bytes_(total_bytes) {}
  bool operator()(uint64_t done_bytes) {
    const double seconds = std::max(monotonic_seconds() - began_, 0.001);
    const std::string rate = format_bytes(static_cast<uint64_t>(static_cast<double>(done_bytes) / seconds));
    const std::string total = total_bytes_ == 0 ? "" : " of " + format_bytes(total_bytes_);
    line_.show(fmt::format("{}: {}{} ({}/s)", doing_, format_bytes(done_bytes), total, rate));
    return !interrupted();
  }

 private:
  ProgressLine line_;
  const char* doing_;
  uint64_t total_bytes_;
  double began_ = monotonic_seconds();
};

// A file beside the one that is wanted, until it is whole.
class PartialFile {
 public:
  static Result<PartialFile> create(const std::string& path, bool replaces) {
    if (!replaces && ::access(path.c_str(), F_OK) == 0) {
      return make_error(ErrorCode::kInvalidArgument, "{}: exists already (--force replaces it)", path);
    }
    PartialFile file(path, replaces);
    file.descriptor_.reset(::open(file.partial_.c_str(),
                                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (!file.descriptor_) return file_error(file.partial_, "cannot be made");
    return file;
  }
  PartialFile(PartialFile&&) noexcept = default;
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile() {
    if (descriptor_) ::unlink(partial_.c_str());
  }

  int descriptor() const noexcept { return descriptor_.get(); }
  Result<void> finish() {
    if (::fsync(descriptor_.get()) != 0) return file_error(partial_, "cannot be synced");
    const unsigned flags = replaces_ ? 0U : static_cast<unsigned>(RENAME_NOREPLACE);
    if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), flags) != 0)
      return file_error(path_, "cannot be put in place");
    descriptor_.reset();
    return {};
  }

 private:
  PartialFile(std::string path, bool replaces)
      : path_(std::move(path)), partial_(path_ + ".partial"), replaces_(replaces) {}

  std::string path_;
  std::string partial_;
  bool replaces_;
  UniqueDescriptor descriptor_;  // empty: it is in place
};

Result<store::Exported> export_to(const store::Store& store, const std::vector<store::StoredManifest>& models,
                                  const ExportOptions& options, const Context& context) {
  ArchiveProgress progress(context.console, "exporting", store::export_size_bytes(models));
  const store::Progress show = [&](uint64_t done) { return progress(done); };
  if (options.output == "-") return store::export_models(store, models, STDOUT_FILENO, show);
  HEARTH_ASSIGN(PartialFile file, PartialFile::create(options.output, options.force));
  HEARTH_ASSIGN(const store::Exported exported, store::export_models(store, models, file.descriptor(), show));
  HEARTH_TRY(file.finish());
  return exported;
}

Result<void> export_command(const ExportOptions& options, const Context& context) {
  const bool to_stdout = options.output == "-";
  if (to_stdout && options.json)
    return Error(ErrorCode::kUsage, "--json and -o -: the archive takes stdout for itself");
  if (to_stdout && is_terminal(STDOUT_FILENO))
    return Error(ErrorCode::kUsage, "-o -: expected a pipe or a file, found a terminal");
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  std::vector<store::StoredManifest> models;
  for (const std::string& text : options.models) {
    HEARTH_ASSIGN(store::StoredManifest model, stored_model(store, text));
    models.push_back(std::move(model));
  }
  HEARTH_ASSIGN(const store::Exported exported, export_to(store, models, options, context));
  if (options.json) {
    ordered_json list = ordered_json::array();
    for (const store::StoredManifest& model : models)
      list.push_back({{"model", model.name.text()}, {"digest", model.digest.text()}});
    return write_json({{"file", options.output},
                       {"models", std::move(list)},
                       {"blobs", exported.n_blobs},
                       {"bytes", exported.size_bytes}});
  }
  context.console.note(fmt::format("{}: {} model{}, {} blobs, {}", to_stdout ? "stdout" : options.output,
                                   models.size(), models.size() == 1 ? "" : "s", exported.n_blobs,
                                   format_bytes(exported.size_bytes)));
  return {};
}

Result<void> import_command(const ImportFileOptions& options, const Context& context) {
  store::ImportOptions wish;
  HEARTH_ASSIGN(wish.trusted, read_public_keys(options.verify_keys));
  if (!options.name.empty()) {
    HEARTH_ASSIGN(wish.name, store::ModelName::parse(options.name));
  }
  const bool from_stdin = options.file == "-";
  if (from_stdin && is_terminal(STDIN_FILENO))
    return Error(ErrorCode::kUsage, "-: expected an archive through a pipe, found a terminal");
  UniqueDescriptor file;
  uint64_t total_bytes = 0;
  if (!from_stdin) {
    file.reset(::open(options.file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file) return file_error(options.file, "cannot be opened");
    struct stat info {};
    if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode))
      total_bytes = static_cast<uint64_t>(info.st_size);
  }
  HEARTH_ASSIGN(const store::Store store, open_store(options.folder));
  ArchiveProgress progress(context.console, "importing", total_bytes);
  auto imported = store::import_models(store, from_stdin ? STDIN_FILENO : file.get(), wish,
                                       [&](uint64_t done) { return progress(done); });
  if (!imported) return from_stdin ? imported.error() : imported.error().in(options.file);
  ordered_json list = ordered_json::array();
  for (const store::ImportedModel& model : *imported) {
    list.push_back({{"model", model.name.text()},
                    {"digest", model.digest.text()},
                    {"size", model.size_bytes},
                    {"signatures", model.n_signatures}});
    if (!options.json) {
      context.console.note(fmt::format("{}: {}{}", model.name.text(), format_bytes(model.size_bytes),
                                       model.n_signatures == 0 ? "" : ", signed"));
    }
  }
  return options.json ? write_json({{"models", std::move(list)}}) : Result<void>();
}

constexpr const char* kExportExamples =
    R"(The file is an uncompressed tar of an OCI image layout: hearth import reads it, and so do tar and skopeo
(oci-archive:FILE). Signatures of hearth sign go along. NAME@VERSION exports a former version.

Examples:
  hearth export qwen3 -o qwen3.hearth
  hearth export qwen3 nomic-embed-text -o models.hearth
  hearth export qwen3 -o - | ssh lab hearth import -)";

constexpr const char* kImportExamples =
    R"(Every blob is compared with its SHA-256, and nothing gets its name before the whole file was read. What a name
stood for is kept (hearth history). With --verify-key only signed models are taken.

Examples:
  hearth import qwen3.hearth
  hearth import qwen3.hearth --verify-key team.key.pub
  hearth import archive.tar --name team/model:v2)";

}  // namespace

void add_export_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = parser.add_subcommand("export", "Write models of the store to one file");
  command->add_option("MODEL", options->models, "their names")->required()->type_name("");
  command->add_option("-o,--output", options->output, "the file; -: stdout")->required()->type_name("FILE");
  command->add_flag("--force", options->force, "replace the file if it is there");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kExportExamples, kModelsFolderHelp));
  command->callback([options, &action] {
    action = [options](const Context& context) { return export_command(*options, context); };
  });
}

void add_import_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<ImportFileOptions>();
  CLI::App* command = parser.add_subcommand("import", "Take the models of such a file into the store");
  command->add_option("FILE", options->file, "what hearth export wrote; -: stdin")->required()->type_name("");
  command->add_option("--name", options->name, "another name than its own, for a file of one model")
      ->type_name("NAME");
  command
      ->add_option("--verify-key", options->verify_keys,
                   "take only models that this public key, PEM, has signed; may be repeated")
      ->allow_extra_args(false)
      ->type_name("FILE");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(fmt::format("{}\n\n{}", kImportExamples, kModelsFolderHelp));
  command->callback([options, &action] {
    action = [options](const Context& context) { return import_command(*options, context); };
  });
}

}  // namespace hearth::cli
