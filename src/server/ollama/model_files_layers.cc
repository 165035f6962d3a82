#include "server/ollama/model_files_layers.h"

#include <algorithm>
#include <array>

#include "base/excerpt.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/split.h"
#include "server/models/stored_model.h"
#include "server/ollama/records.h"

namespace hearth::server::ollama {
namespace {

namespace media = store::media_type;

Error wrong(const UploadedFile& file, std::string_view what, std::string_view field = "files") {
  return make_error(ErrorCode::kInvalidArgument, "{}: {}: {}", field, quoted_excerpt(file.name), what);
}

bool is_safetensors(const UploadedFile& file) {
  return file.name.ends_with(".safetensors");
}

Result<store::Layer> layer_of(const store::Store& store, const UploadedFile& file, std::string_view type,
                              std::string_view field = "files") {
  const auto size = store.blob_size(file.digest);
  if (!size) {
    return wrong(file, fmt::format("there is no blob {}; POST it to /api/blobs before", file.digest.text()),
                 field);
  }
  return store::Layer{std::string(type), file.digest, *size, "", ""};
}

// In the order of their parts, which is how an engine finds them again.
Result<std::vector<UploadedFile>> parts_in_order(const std::vector<UploadedFile>& files) {
  std::vector<UploadedFile> ordered(files.size());
  std::string stem;
  for (const UploadedFile& file : files) {
    const auto split = gguf::parse_split_name(file.name);
    if (!split)
      return wrong(file, "expected one GGUF file, or the parts of a split one: NAME-00001-of-00002.gguf");
    if (&file == &files.front()) stem = split->stem;
    if (split->stem != stem || split->n_parts != files.size() || split->part < 1 ||
        split->part > files.size())
      return wrong(file, fmt::format("expected a part of {} in {}", quoted_excerpt(stem), files.size()));
    UploadedFile& place = ordered[split->part - 1];
    if (!place.name.empty()) return wrong(file, "expected each part once, found it twice");
    place = file;
  }
  return ordered;
}

Result<std::vector<store::Layer>> gguf_layers(const store::Store& store, std::vector<UploadedFile> files) {
  if (files.size() > gguf::kMaxParts) {
    return make_error(ErrorCode::kResourceExhausted, "files: expected at most {} parts, found {}",
                      gguf::kMaxParts, files.size());
  }
  if (files.size() > 1) {
    HEARTH_ASSIGN(files, parts_in_order(files));
  } else if (const auto split = gguf::parse_split_name(files.front().name); split && split->n_parts > 1) {
    return wrong(files.front(), fmt::format("expected all {} parts, found one", split->n_parts));
  }
  std::vector<store::Layer> layers;
  for (const UploadedFile& file : files) {
    HEARTH_ASSIGN(store::Layer layer, layer_of(store, file, media::kModel));
    layers.push_back(std::move(layer));
  }
  return layers;
}

Result<std::vector<store::Layer>> folder_layers(const store::Store& store, std::vector<UploadedFile> files) {
  static constexpr std::array<std::string_view, 5> kEndings{".safetensors", ".json", ".model", ".txt",
                                                            ".jinja"};
  std::ranges::sort(files, {}, &UploadedFile::name);
  std::vector<store::Layer> layers;
  for (const UploadedFile& file : files) {
    const bool is_of_model =
        std::ranges::any_of(kEndings, [&](std::string_view ending) { return file.name.ends_with(ending); });
    if (!is_of_model) return wrong(file, "expected a file of .safetensors, .json, .model, .txt or .jinja");
    if (!is_folder_file_name(file.name)) return wrong(file, "expected the name of a file in one folder");
    HEARTH_ASSIGN(store::Layer layer, layer_of(store, file, media::kFolderFile));
    layer.name = file.name;
    layers.push_back(std::move(layer));
  }
  const auto has_config = [](const UploadedFile& file) { return file.name == "config.json"; };
  if (std::ranges::any_of(files, has_config)) return layers;
  return Error(ErrorCode::kInvalidArgument, "files: expected config.json beside the safetensors, found none");
}

}  // namespace

Result<std::vector<store::Layer>> layers_of(const store::Store& store,
                                            const std::vector<UploadedFile>& files) {
  if (files.empty()) return Error(ErrorCode::kInvalidArgument, "files: expected at least one");
  if (std::ranges::any_of(files, is_safetensors)) return folder_layers(store, files);
  return gguf_layers(store, files);
}

Result<store::Layer> adapter_layer(const store::Store& store, const UploadedFile& file) {
  return layer_of(store, file, media::kAdapter, "adapters");
}

store::ModelConfig config_of(const protocol::Opened& opened) {
  return {opened.format(),         opened.architecture(),
          {opened.architecture()}, parameter_size(opened.n_parameters()),
          opened.quantisation(),   {}};
}

}  // namespace hearth::server::ollama
