#include "models/huggingface/folder_checkpoint.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "models/huggingface/config.h"
#include "models/huggingface/hyperparameters.h"
#include "text/tokenizer/huggingface/huggingface.h"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using safetensors::Folder;

constexpr uint64_t kMaxConfigBytes = 16'000'000;
constexpr uint64_t kMaxTokenizerBytes = 256'000'000;
constexpr std::string_view kTokenizerConfig = "tokenizer_config.json";

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Result<json> read_json(const Folder& folder, std::string_view name) {
  HEARTH_ASSIGN(const MappedFile file, folder.map(name, kMaxConfigBytes));
  auto parsed = parse_json({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  if (!parsed) return parsed.error().in(name);
  return parsed;
}

// The folder's own name; of a snapshot in Hugging Face's cache, models--OWNER--NAME/snapshots/REVISION, that
// of the model.
std::string name_of(const fs::path& path) {
  const fs::path folder = path.has_filename() ? path : path.parent_path();
  const std::string entry = folder.parent_path().parent_path().filename().string();
  constexpr std::string_view kPrefix = "models--";
  if (folder.parent_path().filename() != "snapshots" || !entry.starts_with(kPrefix)) {
    return folder.filename().string();
  }
  const std::string_view model = std::string_view(entry).substr(kPrefix.size());
  const size_t at = model.find("--");
  if (at == std::string_view::npos) return std::string(model);
  return fmt::format("{}/{}", model.substr(0, at), model.substr(at + 2));
}

// Of generation_config.json, which generation goes by, and of the configuration's levels.
Result<std::vector<int64_t>> read_eos_ids(const Folder& folder,
                                          std::initializer_list<const HuggingFaceConfig*> configs) {
  std::vector<int64_t> ids;
  const auto add = [&](const HuggingFaceConfig& config) -> Result<void> {
    HEARTH_ASSIGN(const std::vector<int64_t> more, config.ids("eos_token_id"));
    for (const int64_t id : more) {
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    return {};
  };
  constexpr std::string_view kName = "generation_config.json";
  if (folder.has(kName)) {
    HEARTH_ASSIGN(const json generation, read_json(folder, kName));
    HEARTH_ASSIGN(const auto config, HuggingFaceConfig::of(generation, std::string(kName)));
    HEARTH_TRY(add(config));
  }
  for (const HuggingFaceConfig* config : configs) HEARTH_TRY(add(*config));
  return ids;
}

// Adds the chat template, and under GGUF's name for it the one for tools: of chat_template.jinja, else of
// tokenizer_config.json, which has one or a list of named ones.
Result<void> read_chat_templates(const Folder& folder, OwnedMetadata& metadata) {
  constexpr std::string_view kKey = "tokenizer.chat_template";
  constexpr std::string_view kOwnFile = "chat_template.jinja";
  if (folder.has(kOwnFile)) {
    HEARTH_ASSIGN(const MappedFile file, folder.map(kOwnFile, kMaxConfigBytes));
    metadata.add(kKey, text_of(file));
    return {};
  }
  if (!folder.has(kTokenizerConfig)) return {};
  HEARTH_ASSIGN(const json config, read_json(folder, kTokenizerConfig));
  const auto found = config.is_object() ? config.find("chat_template") : config.end();
  if (found == config.end() || found->is_null()) return {};
  if (const auto* text = found->get_ptr<const std::string*>()) {
    metadata.add(kKey, std::string_view(*text));
    return {};
  }
  if (!found->is_array()) {
    return make_error(ErrorCode::kMalformed, "{}: chat_template: expected a string or a list, found {}",
                      kTokenizerConfig, found->type_name());
  }
  for (const json& entry : *found) {
    HEARTH_ASSIGN(const auto named, HuggingFaceConfig::of(entry, "tokenizer_config.json: chat_template"));
    HEARTH_ASSIGN(const std::string name, named.text("name", ""));
    HEARTH_ASSIGN(const std::string text, named.text("template", ""));
    if (name == "default") metadata.add(kKey, std::string_view(text));
    if (name == "tool_use") metadata.add("tokenizer.chat_template.tool_use", std::string_view(text));
  }
  return {};
}

// Of config.json, else of the file that the method wrote before it had a place there. Nothing: the weights
// are not packed.
Result<std::optional<Packing>> find_packing(const Folder& folder, const HuggingFaceConfig& config) {
  HEARTH_ASSIGN(const auto inside, config.object("quantization_config"));
  if (inside) {
    HEARTH_ASSIGN(Packing packing, read_packing(*inside, ""));
    return std::optional(packing);
  }
  constexpr std::pair<std::string_view, std::string_view> kFiles[] = {{"quantize_config.json", "gptq"},
                                                                      {"quant_config.json", "awq"}};
  for (const auto& [name, method] : kFiles) {
    if (!folder.has(name)) continue;
    HEARTH_ASSIGN(const json text, read_json(folder, name));
    HEARTH_ASSIGN(const auto own, HuggingFaceConfig::of(text, std::string(name)));
    HEARTH_ASSIGN(Packing packing, read_packing(own, method));
    return std::optional(packing);
  }
  return std::optional<Packing>();
}

}  // namespace

Result<std::unique_ptr<const Checkpoint>> FolderCheckpoint::open(const FileSource& source,
                                                                 const fs::path& path) {
  HEARTH_ASSIGN(Folder folder, Folder::open(source, path));
  const std::string name = name_of(path);
  auto checkpoint = read(std::move(folder), name);
  if (!checkpoint) return checkpoint.error().in(name);
  return std::unique_ptr<const Checkpoint>(std::move(*checkpoint));
}

Result<std::unique_ptr<FolderCheckpoint>> FolderCheckpoint::read(Folder folder, std::string name) {
  HEARTH_ASSIGN(const json text, read_json(folder, "config.json"));
  HEARTH_ASSIGN(const HuggingFaceConfig config, HuggingFaceConfig::of(text, "config.json"));
  HEARTH_ASSIGN(const HuggingFaceFamily* family, find_huggingface_family(config));
  HEARTH_ASSIGN(const std::optional<Packing> packing, find_packing(folder, config));
  HEARTH_ASSIGN(const auto nested, config.object("text_config"));
  if (family->nested && !nested) return config.unsupported("text_config", "the text model's configuration");
  const HuggingFaceConfig& text_config = family->nested ? *nested : config;

  OwnedMetadata metadata;
  metadata.add("general.architecture", family->architecture);
  metadata.add("general.name", name);
  HEARTH_ASSIGN(const Hyperparameters hyperparameters, read_hyperparameters(text_config, *family, metadata));
  HEARTH_ASSIGN(std::vector<int64_t> eos_ids, read_eos_ids(folder, {&config, &text_config}));
  HEARTH_TRY(read_chat_templates(folder, metadata));
  HEARTH_ASSIGN(safetensors::Shards shards, safetensors::Shards::open(folder));
  HEARTH_ASSIGN(HuggingFaceTensors tensors,
                HuggingFaceTensors::of(std::move(shards), *family, hyperparameters, packing));
  return std::unique_ptr<FolderCheckpoint>(
      new FolderCheckpoint(std::move(name), std::move(folder), std::move(metadata), std::move(tensors),
                           std::move(eos_ids), hyperparameters.vocabulary_size));
}

CheckpointFiles FolderCheckpoint::files() const {
  CheckpointFiles files{"safetensors", 0, tensors_.shards().files().size()};
  for (const safetensors::File& file : tensors_.shards().files()) files.size_bytes += file.size_bytes();
  return files;
}

Result<std::unique_ptr<const text::Tokenizer>> FolderCheckpoint::load_tokenizer() const {
  const auto map = [&](std::string_view name) -> Result<std::optional<MappedFile>> {
    if (!folder_.has(name)) return std::optional<MappedFile>();
    HEARTH_ASSIGN(MappedFile file, folder_.map(name, kMaxTokenizerBytes));
    return std::optional(std::move(file));
  };
  HEARTH_ASSIGN(const auto tokenizer, map("tokenizer.json"));
  if (!tokenizer) {
    return make_error(ErrorCode::kNotFound,
                      "{}: tokenizer.json: expected it beside the weights, found no such file", name_);
  }
  HEARTH_ASSIGN(const auto config, map(kTokenizerConfig));
  text::HuggingFaceFiles files;
  files.tokenizer = text_of(*tokenizer);
  if (config) files.tokenizer_config = text_of(*config);
  files.eos_ids = eos_ids_;
  files.n_embeddings = n_embeddings_;
  auto read = text::tokenizer_from_json(files);
  if (!read) return read.error().in(name_);
  return std::move(read->tokenizer);
}

}  // namespace hearth::models
