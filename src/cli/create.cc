// hearth create: a model of the store, from a Modelfile or from weights that lie on the disk. It works on the
// store's folder itself, without a server: what is to be put in place may lie where no server may read.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/units.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/split.h"
#include "formats/safetensors/folder.h"
#include "models/quantization/quantize_checkpoint.h"
#include "server/models/stored_model.h"
#include "server/ollama/model_files_layers.h"
#include "server/ollama/run_options.h"
#include "server/ollama/stored_layers.h"
#include "store/adopt.h"
#include "store/modelfile.h"
#include "store/new_model.h"
#include "text/chat/template_language.h"
#include "worker/adapters.h"
#include "worker/description.h"
#include "worker/opened_model.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;
namespace media = store::media_type;

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;

struct CreateOptions {
  std::string name;
  std::string source;     // of weights; empty: a Modelfile says it
  std::string modelfile;  // empty: "Modelfile"
  std::string folder;
  std::string quantise;
  bool json = false;
  bool copy = false;
};

// What the command line and the Modelfile ask for.
struct Wish {
  store::ModelName name;
  std::string from;
  fs::path base;  // where a relative path begins
  store::ModelTexts texts;
  std::string chat_template;  // the new model's own template; empty: the weights' is used
  fs::path adapter;           // a GGUF file; empty: that of the model that it comes from, if it has one
};

// What a model begins with.
struct Base {
  std::vector<store::Layer> layers;
  std::string config;
  std::vector<store::AdoptedBlob> held;
};

Result<nlohmann::ordered_json> parameters_of(const store::Modelfile& file) {
  auto parameters = server::ollama::read_modelfile_parameters(file.parameters);
  if (parameters) return std::move(*parameters);
  return Error(ErrorCode::kInvalidArgument, parameters.error().message);
}

Result<void> read_texts(const store::Modelfile& file, Wish& wish) {
  if (file.adapters.size() > 1) {
    return make_error(ErrorCode::kUnsupported, "ADAPTER {}: expected one adapter, found {}", file.adapters[1],
                      file.adapters.size());
  }
  if (!file.adapters.empty()) wish.adapter = file.adapters.front();
  wish.from = file.from;
  wish.texts.template_source = file.template_source;
  wish.texts.system = file.system;
  wish.texts.licenses = file.licenses;
  wish.texts.requires_version = file.requires_version;
  if (!file.parameters.empty()) {
    HEARTH_ASSIGN(wish.texts.parameters, parameters_of(file));
  }
  if (!file.messages.empty()) {
    auto messages = nlohmann::ordered_json::array();
    for (const store::Modelfile::Message& message : file.messages)
      messages.push_back({{"role", message.role}, {"content", message.content}});
    wish.texts.messages = std::move(messages);
  }
  if (file.template_source && text::is_template(*file.template_source))
    wish.chat_template = *file.template_source;
  return {};
}

Result<Wish> read_wish(const CreateOptions& options) {
  Wish wish;
  HEARTH_ASSIGN(wish.name, store::ModelName::parse(options.name));
  if (!options.source.empty()) {
    if (!options.modelfile.empty()) {
      return Error(ErrorCode::kUsage,
                   "expected either weights or --file MODELFILE, which names them, found both");
    }
    wish.from = fs::path(options.source).is_absolute() ? options.source : "./" + options.source;
    return wish;
  }
  const std::string path = options.modelfile.empty() ? "Modelfile" : options.modelfile;
  HEARTH_ASSIGN(const std::string text, path == "-" ? read_standard_input() : read_text_file(path));
  auto file = store::Modelfile::parse(text);
  if (!file) return file.error().in(path);
  wish.base = fs::path(path).parent_path();
  const auto read = read_texts(*file, wish);
  if (!read) return read.error().in(path);
  return wish;
}

// A path that a Modelfile or the command line means; nothing where it names a model.
Result<std::optional<fs::path>> weights_path(const Wish& wish) {
  const fs::path path = fs::path(wish.from).is_absolute() ? fs::path(wish.from) : wish.base / wish.from;
  std::error_code error;
  if (fs::exists(path, error)) return std::optional(path);
  const bool looks_like_path = wish.from.starts_with('/') || wish.from.starts_with('.') ||
                               wish.from.starts_with('~') || wish.from.ends_with(".gguf") ||
                               wish.from.ends_with(".safetensors");
  if (!looks_like_path) return std::optional<fs::path>();
  return make_error(ErrorCode::kNotFound, "{}: no such file or folder", path.string());
}

struct SourceFile {
  std::string name;  // in the model
  fs::path path;
};

Result<std::vector<SourceFile>> folder_files(const fs::path& path) {
  static constexpr std::array<std::string_view, 5> kEndings{".safetensors", ".json", ".model", ".txt",
                                                            ".jinja"};
  HEARTH_ASSIGN(const auto folder, safetensors::Folder::open(path));
  HEARTH_ASSIGN(const std::vector<std::string> names, folder.names());
  std::vector<SourceFile> files;
  for (const std::string& name : names) {
    const bool is_of_model =
        std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
    if (!is_of_model) continue;
    HEARTH_ASSIGN(const fs::path real, folder.resolve(name));
    std::error_code error;
    // An empty file says nothing, and has no place in a store.
    if (fs::is_regular_file(real, error) && fs::file_size(real, error) > 0) files.push_back({name, real});
  }
  return files;
}

Result<std::vector<SourceFile>> source_files(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return folder_files(path);
  const std::string name = path.filename().string();
  const auto split = gguf::parse_split_name(name);
  if (!split) return std::vector<SourceFile>{{name, path}};
  if (split->n_parts > gguf::kMaxParts) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected a split of at most {} parts, found {}",
                      name, gguf::kMaxParts, split->n_parts);
  }
  std::vector<SourceFile> files;
  for (uint32_t part = 1; part <= split->n_parts; ++part) {
    const std::string part_name = split->file_name(part);
    files.push_back({part_name, path.parent_path() / part_name});
  }
  return files;
}

// That Hearth can do something with it, and what it is. `adapter` is what the source calls the wished one.
Result<protocol::Opened> look_at(const FileSource& source, const std::string& path,
                                 const std::string& adapter, const Wish& wish, const Context& context) {
  const worker::OpenExtras extras{.chat_template = wish.chat_template};
  HEARTH_ASSIGN(const auto model, worker::OpenedModel::open(source, path, {}, context.make_backend,
                                                            physical_core_count(), extras));
  if (!wish.adapter.empty()) HEARTH_TRY(worker::Adapters().load(*model, adapter, source, adapter));
  protocol::Opened opened = worker::describe(*model);
  if (!wish.chat_template.empty() && !opened.chat_template_problem().empty()) {
    return make_error(ErrorCode::kMalformed, "TEMPLATE: {}", opened.chat_template_problem());
  }
  return opened;
}

void tell_placement(const store::AdoptedBlob& blob, const fs::path& path, const Context& context) {
  const std::string size = format_bytes(blob.size_bytes);
  switch (blob.placement) {
    case store::Placement::kWasThere:
      return context.console.note(fmt::format("{}: {}, already in the store", path.string(), size));
    case store::Placement::kReflink:
      return context.console.note(fmt::format(
          "{}: {}, in place: the file system shares its bytes with the store", path.string(), size));
    case store::Placement::kHardLink:
      return context.console.note(
          fmt::format("{}: {}, in place: the store has it under a second name (a hard link). Deleting the "
                      "file keeps the model; "
                      "changing it damages the model",
                      path.string(), size));
    case store::Placement::kReference:
      return context.console.note(
          fmt::format("{}: {}, in place: the store refers to it, since it lies on another file system. It "
                      "must stay where it is, "
                      "unchanged, and readable to the server; --copy would make the model independent of it",
                      path.string(), size));
    case store::Placement::kCopy:
      return context.console.note(fmt::format("{}: {}, copied into the store", path.string(), size));
  }
}

// A blob of the same model with weights of another type: the one thing that needs room of its own.
Result<Base> base_of_quantised(const store::Store& store, const fs::path& path, const Wish& wish,
                               const CreateOptions& options, const Context& context) {
  HEARTH_ASSIGN(const models::Scheme* scheme, models::find_scheme(options.quantise));
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return make_error(
        ErrorCode::kUnsupported,
        "--quantize: {}: expected a GGUF file, found a folder, whose tokenizer has no place in one",
        path.string());
  }
  if (!wish.adapter.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "--quantize: expected a model without ADAPTER; hearth merge makes one model of both");
  }
  HEARTH_ASSIGN(const protocol::Opened opened, look_at(file_system(), path.string(), "", wish, context));
  HEARTH_ASSIGN(const auto checkpoint, models::open_checkpoint(path));
  HEARTH_ASSIGN(store::BlobWriter writer, store.new_blob());
  ProgressLine line(context.console);
  models::QuantizeOptions quantize;
  quantize.scheme = scheme;
  quantize.n_threads = physical_core_count();
  quantize.progress = [&](const models::QuantizeProgress& progress) {
    line.show(fmt::format("quantizing to {}: {} of {}", scheme->name, format_bytes(progress.done_bytes),
                          format_bytes(progress.total_bytes)));
    return !interrupted();
  };
  HEARTH_TRY(models::quantize_checkpoint(
      *checkpoint, quantize, [&](std::span<const std::byte> bytes) { return writer.append(bytes); }));
  line.show("");
  store::AdoptedBlob blob;
  blob.size_bytes = writer.size_bytes();
  HEARTH_ASSIGN(blob.digest, writer.finish());
  HEARTH_ASSIGN(blob.held, store.open_blob(blob.digest));
  context.console.note(fmt::format("{}: {} of {}, written into the store", path.string(),
                                   format_bytes(blob.size_bytes), scheme->name));
  Base base;
  HEARTH_ASSIGN(base.layers, server::ollama::layers_of(store, {{"model.gguf", blob.digest}}));
  store::ModelConfig config = server::ollama::config_of(opened);
  config.quantisation = scheme->name;
  base.config = config.serialise();
  base.held.push_back(std::move(blob));
  return base;
}

Result<Base> base_of_files(const store::Store& store, const fs::path& path, const Wish& wish,
                           const CreateOptions& options, const Context& context) {
  if (!options.quantise.empty()) return base_of_quantised(store, path, wish, options, context);
  HEARTH_ASSIGN(const protocol::Opened opened,
                look_at(file_system(), path.string(), wish.adapter.string(), wish, context));
  HEARTH_ASSIGN(const std::vector<SourceFile> files, source_files(path));
  Base base;
  std::vector<server::ollama::UploadedFile> named;
  ProgressLine line(context.console);
  const double began = monotonic_seconds();
  for (const SourceFile& file : files) {
    const store::Progress progress = [&](uint64_t done) {
      const double elapsed_s = std::max(monotonic_seconds() - began, 0.001);
      line.show(fmt::format("reading {}: {} ({}/s)", file.name, format_bytes(done),
                            format_bytes(static_cast<uint64_t>(static_cast<double>(done) / elapsed_s))));
      return !interrupted();
    };
    HEARTH_ASSIGN(
        store::AdoptedBlob blob,
        store::adopt_file(store, file.path,
                          options.copy ? std::vector{store::Placement::kCopy} : store::kInPlace, progress));
    line.show("");
    tell_placement(blob, file.path, context);
    named.push_back({file.name, blob.digest});
    base.held.push_back(std::move(blob));
  }
  HEARTH_ASSIGN(base.layers, server::ollama::layers_of(store, named));
  base.config = server::ollama::config_of(opened).serialise();
  return base;
}

Result<server::StoredModel> find_stored(const store::Store& store, const Wish& wish) {
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(wish.from));
  HEARTH_ASSIGN(const std::vector<store::ManifestFile> files, store.manifest_files());
  const auto at = std::ranges::find_if(
      files, [&](const store::ManifestFile& file) { return store::same_model(file.name, name); });
  if (at != files.end()) return server::StoredModel::read(store, *at);
  return make_error(
      ErrorCode::kNotFound,
      "FROM {}: there is no such file, and no such model in the store {} (hearth pull fetches models)",
      wish.from, store.root().string());
}

Result<void> add_file(InheritedFiles& files, const std::string& name, const fs::path& path) {
  UniqueDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor)
    return make_error(ErrorCode::kIo, "{}: cannot be opened: {}", path.string(), std::strerror(errno));
  return files.add(name, std::move(descriptor));
}

// What the model says that it comes from holds where the new one says nothing.
Result<Base> base_of_model(const store::Store& store, Wish& wish, const Context& context) {
  HEARTH_ASSIGN(const server::StoredModel model, find_stored(store, wish));
  if (!model.unusable.empty())
    return make_error(ErrorCode::kUnsupported, "FROM {}: {}", wish.from, model.unusable);
  const auto layers = server::ollama::read_stored_layers(model);
  if (!layers) return Error(ErrorCode::kMalformed, layers.error().message);
  if (wish.texts.parameters) {
    nlohmann::ordered_json parameters = layers->parameters;
    for (const auto& [name, value] : wish.texts.parameters->items()) parameters[name] = value;
    wish.texts.parameters = std::move(parameters);
  }
  if (!wish.chat_template.empty() || !wish.adapter.empty()) {
    InheritedFiles opened;
    const server::StoredModel::Files files = model.files();
    for (const auto& file : files.files) {
      HEARTH_ASSIGN(UniqueDescriptor blob, store.open_blob(file.digest));
      HEARTH_TRY(opened.add(file.name, std::move(blob)));
    }
    constexpr const char* kAdapterName = "ADAPTER";
    if (!wish.adapter.empty()) HEARTH_TRY(add_file(opened, kAdapterName, wish.adapter));
    HEARTH_TRY(look_at(opened, files.name, kAdapterName, wish, context));
  }
  Base base;
  base.layers = model.manifest.manifest.layers;
  HEARTH_ASSIGN(base.config, store.read_blob(model.manifest.manifest.config.digest, kMaxConfigBytes));
  return base;
}

// Where it lies; a folder that hearth finetune wrote has it as a GGUF file.
Result<fs::path> adapter_path(const Wish& wish) {
  if (wish.adapter.empty()) return fs::path();
  fs::path path = wish.adapter.is_absolute() ? wish.adapter : wish.base / wish.adapter;
  std::error_code error;
  if (fs::is_directory(path, error)) path /= "adapter.gguf";
  if (fs::is_regular_file(path, error)) return path;
  return make_error(ErrorCode::kNotFound, "ADAPTER {}: expected a GGUF file, found none", path.string());
}

// In the place of one that the model has already.
Result<void> add_adapter(const store::Store& store, const Wish& wish, const CreateOptions& options,
                         const Context& context, Base& base) {
  HEARTH_ASSIGN(store::AdoptedBlob blob,
                store::adopt_file(store, wish.adapter,
                                  options.copy ? std::vector{store::Placement::kCopy} : store::kInPlace,
                                  [](uint64_t) { return !interrupted(); }));
  tell_placement(blob, wish.adapter, context);
  namespace media = store::media_type;
  std::erase_if(base.layers, [](const store::Layer& layer) { return layer.media_type == media::kAdapter; });
  base.layers.push_back({std::string(media::kAdapter), blob.digest, blob.size_bytes, "", ""});
  base.held.push_back(std::move(blob));
  return {};
}

Result<void> create(const CreateOptions& options, const Context& context) {
  HEARTH_ASSIGN(Wish wish, read_wish(options));
  HEARTH_ASSIGN(const fs::path folder, models_folder(options.folder));
  HEARTH_ASSIGN(const store::Store store, store::Store::open(folder));
  HEARTH_ASSIGN(const std::optional<fs::path> path, weights_path(wish));
  if (!path && !options.quantise.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "--quantize: expected FROM a GGUF file, found the stored model {}", wish.from);
  }
  HEARTH_ASSIGN(wish.adapter, adapter_path(wish));
  HEARTH_ASSIGN(Base base, path ? base_of_files(store, *path, wish, options, context)
                                : base_of_model(store, wish, context));
  if (!wish.adapter.empty()) HEARTH_TRY(add_adapter(store, wish, options, context, base));
  HEARTH_ASSIGN(const std::vector<std::string> steps,
                store::create_model(store, {wish.name, std::move(base.layers), base.config, wish.texts}));
  for (const std::string& step : steps) context.console.note(step);
  if (wish.texts.template_source && !wish.texts.template_source->empty() && wish.chat_template.empty()) {
    context.console.note(
        "the template is in neither Go's language nor Jinja: it is kept, and Hearth goes on using that of "
        "the weights");
  }
  if (!options.json) return {};
  HEARTH_ASSIGN(const store::StoredManifest stored, store.manifest(wish.name));
  return write_json({{"model", stored.name.text()},
                     {"digest", stored.digest.text()},
                     {"size", stored.manifest.size_bytes()}});
}

constexpr const char* kCreateExamples = R"(
Weights outside of the store are put in place without a second copy: by sharing their bytes where the file system can
(reflink), else by a second name (hard link), else by a reference to the file, which must then stay where it is.
docs/store.md says what each means. FROM takes a GGUF file (of a split one, any part), a Hugging Face folder, or a model
of the store; a path begins where the Modelfile is.

Examples:
  hearth create tiny tiny.gguf
  hearth create qwen ~/models/Qwen3-0.6B
  hearth create brief -f Modelfile)";

}  // namespace

void add_create_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* command =
      parser.add_subcommand("create", "Make a model of the store from a Modelfile or from weights");
  command->add_option("NAME", options->name, "what it will be called")->required()->type_name("");
  command->add_option("WEIGHTS", options->source, "a GGUF file or a Hugging Face folder")->type_name("");
  command->add_option("-f,--file", options->modelfile, "the Modelfile; - is stdin (default: Modelfile)")
      ->type_name("MODELFILE");
  command->add_option("--models", options->folder, "the folder that the models are in")->type_name("FOLDER");
  command->add_flag("--copy", options->copy, "copy weights that lie outside of the store");
  command->add_option("--quantize", options->quantise, "the type that weights are to have")
      ->type_name("TYPE");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(std::string(kModelsFolderHelp) + "\n" + kCreateExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return create(*options, context); };
  });
}

}  // namespace hearth::cli
