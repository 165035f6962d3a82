#include "store/artifact_layers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace hearth::store {
namespace {

using KindOfType = std::pair<std::string_view, std::string_view>;

// Media types that say alone what a layer is.
constexpr std::array<KindOfType, 8> kKinds{
    {{"application/vnd.docker.ai.gguf.v3", media_type::kModel},
     {"application/vnd.docker.ai.gguf.v3.lora", media_type::kAdapter},
     {"application/vnd.docker.ai.gguf.v3.mmproj", media_type::kProjector},
     {"application/vnd.docker.ai.mmproj", media_type::kProjector},
     {"application/vnd.docker.ai.license", media_type::kLicense},
     {"application/vnd.docker.ai.chat.template.jinja", media_type::kTemplate},
     {"application/vnd.cncf.model.weight.v1.gguf", media_type::kModel},
     {"application/vnd.cncf.model.weight.gguf", media_type::kModel}}};

// What a file of a Hugging Face folder is called, but for the weights.
constexpr std::array<std::string_view, 14> kFolderFiles{"config.json",
                                                        "generation_config.json",
                                                        "tokenizer.json",
                                                        "tokenizer_config.json",
                                                        "special_tokens_map.json",
                                                        "added_tokens.json",
                                                        "vocab.json",
                                                        "merges.txt",
                                                        "tokenizer.model",
                                                        "chat_template.jinja",
                                                        "chat_template.json",
                                                        "preprocessor_config.json",
                                                        "quantize_config.json",
                                                        "quant_config.json"};

bool is_of_this_store(std::string_view type) {
  return type.starts_with("application/vnd.ollama.") || type.starts_with("application/vnd.hearth.");
}

bool is_archive(std::string_view type) {
  return type.starts_with("application/vnd.cncf.") && type.find(".tar") != std::string_view::npos;
}

std::string_view last_part(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// Whether it lies where a folder's files are looked for.
bool is_at_top(std::string_view path) {
  return path.substr(path.starts_with("./") ? 2 : 0) == last_part(path);
}

bool is_folder_file(std::string_view path) {
  const std::string_view name = last_part(path);
  return is_at_top(path) && (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json") ||
                             std::ranges::find(kFolderFiles, name) != kFolderFiles.end());
}

std::optional<std::string_view> kind_by_file(std::string_view path) {
  const std::string_view name = last_part(path);
  if (name.ends_with(".gguf"))
    return name.find("mmproj") == std::string_view::npos ? media_type::kModel : media_type::kProjector;
  if (name == "LICENSE" || name == "LICENSE.txt" || name == "LICENSE.md") return media_type::kLicense;
  if (is_folder_file(path)) return media_type::kFolderFile;
  return std::nullopt;
}

std::optional<std::string_view> kind_of(const ArtifactLayer& one) {
  const std::string_view type = one.layer->media_type;
  if (is_of_this_store(type) || is_archive(type)) return std::nullopt;
  const auto known = std::ranges::find(kKinds, type, &KindOfType::first);
  if (known != kKinds.end()) return known->second;
  return kind_by_file(one.file);
}

// Beside GGUF weights, of a folder's files a template alone has a meaning.
std::optional<std::string_view> beside_gguf(std::string_view kind, std::string_view path) {
  if (kind != media_type::kFolderFile) return kind;
  return last_part(path) == "chat_template.jinja" ? std::optional(media_type::kTemplate) : std::nullopt;
}

}  // namespace

void translate_artifact(std::span<const ArtifactLayer> layers) {
  const bool has_gguf = std::ranges::any_of(layers, [](const ArtifactLayer& one) {
    return one.layer->media_type == media_type::kModel || kind_of(one) == media_type::kModel;
  });
  for (const ArtifactLayer& one : layers) {
    auto kind = kind_of(one);
    if (kind && has_gguf) kind = beside_gguf(*kind, one.file);
    if (!kind) continue;
    one.layer->media_type = *kind;
    if (*kind == media_type::kModel || *kind == media_type::kFolderFile)
      one.layer->name = last_part(one.file);
  }
}

}  // namespace hearth::store
