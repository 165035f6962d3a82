#include "store/new_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "store/go_json.h"

namespace hearth::store {
namespace {

using Json = nlohmann::ordered_json;

// A model on its way into the store, with what keeps its new blobs there until a manifest names them.
class Draft {
 public:
  Draft(const Store& store, std::vector<Layer> layers) : store_(store) {
    manifest_.layers = std::move(layers);
    for (const Layer& layer : manifest_.layers)
      steps_.push_back(fmt::format("using existing layer {}", layer.digest.text()));
  }

  bool has(std::string_view type, const Digest& digest) const {
    return std::ranges::any_of(manifest_.layers, [&](const Layer& layer) {
      return layer.media_type == type && layer.digest == digest;
    });
  }
  void remove(std::string_view type) {
    std::erase_if(manifest_.layers, [&](const Layer& layer) { return layer.media_type == type; });
  }
  Result<void> add(std::string_view type, std::string_view bytes) {
    HEARTH_ASSIGN(Layer layer, write(type, bytes));
    manifest_.layers.push_back(std::move(layer));
    return {};
  }
  Result<std::vector<std::string>> finish(const ModelName& name, std::string_view config) {
    HEARTH_ASSIGN(manifest_.config, write(media_type::kConfig, config));
    steps_.emplace_back("writing manifest");
    HEARTH_TRY(store_.write_manifest(name, manifest_.serialise()));
    steps_.emplace_back("success");
    return std::move(steps_);
  }
  const std::vector<Layer>& layers() const { return manifest_.layers; }

 private:
  Result<Layer> write(std::string_view type, std::string_view bytes) {
    const bool is_there = store_.has_blob(Digest::of(bytes));
    held_.emplace_back();
    HEARTH_ASSIGN(const Digest digest, store_.write_blob(bytes, &held_.back()));
    steps_.push_back(fmt::format("{} layer {}", is_there ? "using existing" : "creating new", digest.text()));
    return Layer{std::string(type), digest, bytes.size(), "", ""};
  }

  const Store& store_;
  Manifest manifest_;
  std::vector<std::optional<BlobWriter>> held_;
  std::vector<std::string> steps_;
};

// For the layers that the model has now. The config may say more than Hearth knows, which stays.
Result<std::string> final_config(const std::string& original, const std::vector<Layer>& layers,
                                 const ModelTexts& texts) {
  const std::string& requires_version = texts.requires_version;
  const bool has_own_template = texts.template_source && !texts.template_source->empty();
  const auto parsed = parse_json(original);
  if (!parsed) return parsed.error().in("config");
  if (!parsed->is_object()) return Error(ErrorCode::kMalformed, "config: expected an object");
  const Json config = Json::parse(original, nullptr, false);
  Json changed = Json::object();
  for (const auto& [key, value] : config.items()) {
    if (key == "requires" && !requires_version.empty()) continue;
    // They would stand over the template that is given now.
    if (has_own_template && (key == "renderer" || key == "parser")) continue;
    changed[key] = value;
    if (key == "file_type" && !requires_version.empty()) changed["requires"] = requires_version;
  }
  if (!requires_version.empty()) changed["requires"] = requires_version;
  Json digests = Json::array();
  for (const Layer& layer : layers) digests.push_back(layer.digest.text());
  changed["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(digests)}};
  return go_json(changed) + "\n";
}

}  // namespace

Result<std::vector<std::string>> create_model(const Store& store, NewModel model) {
  namespace media = media_type;
  Draft draft(store, std::move(model.layers));
  const auto replace = [&](std::string_view type, const std::optional<std::string>& text) -> Result<void> {
    if (!text) return {};
    draft.remove(type);
    return text->empty() ? Result<void>() : draft.add(type, *text);
  };
  const auto replace_json = [&](std::string_view type, const std::optional<Json>& json) -> Result<void> {
    if (!json) return {};
    draft.remove(type);
    return json->empty() ? Result<void>() : draft.add(type, go_json(*json) + "\n");
  };
  const ModelTexts& texts = model.texts;
  if (texts.template_source) draft.remove(media::kPrompt);
  HEARTH_TRY(replace(media::kTemplate, texts.template_source));
  HEARTH_TRY(replace(media::kSystem, texts.system));
  for (const std::string& license : texts.licenses) {
    // One that the model comes with need not be there twice.
    if (!draft.has(media::kLicense, Digest::of(license))) HEARTH_TRY(draft.add(media::kLicense, license));
  }
  HEARTH_TRY(replace_json(media::kParams,
                          texts.parameters ? std::optional(as_go_map(*texts.parameters)) : std::nullopt));
  HEARTH_TRY(replace_json(media::kMessages, texts.messages));
  HEARTH_ASSIGN(const std::string config, final_config(model.config, draft.layers(), texts));
  return draft.finish(model.name, config);
}

}  // namespace hearth::store
