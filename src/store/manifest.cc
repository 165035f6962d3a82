#include "store/manifest.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "store/artifact_layers.h"
#include "store/go_json.h"

namespace hearth::store {
namespace {

using nlohmann::json;

constexpr size_t kMaxTextBytes = 4096;

Error expected(std::string_view where, std::string_view what, const json* found) {
  return make_error(
      ErrorCode::kMalformed, "{}: expected {}, found {}", where, what,
      found == nullptr ? "nothing" : excerpt(found->dump(-1, ' ', true, json::error_handler_t::replace)));
}

const json* member(const json& object, const char* key) {
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

Result<std::string> text_of(const json& object, const char* key, std::string_view where) {
  const json* found = member(object, key);
  const std::string place = fmt::format("{}: {}", where, key);
  if (found == nullptr || !found->is_string()) return expected(place, "a text", found);
  const auto& text = found->get_ref<const std::string&>();
  if (text.size() <= kMaxTextBytes) return text;
  return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}", place,
                    kMaxTextBytes, text.size());
}

Result<std::string> optional_text(const json& object, const char* key, std::string_view where) {
  if (member(object, key) == nullptr) return std::string();
  return text_of(object, key, where);
}

Result<uint64_t> size_of(const json& object, std::string_view where) {
  const json* found = member(object, "size");
  const std::string place = fmt::format("{}: size", where);
  if (found == nullptr || !found->is_number_unsigned())
    return expected(place, "a number of bytes from 0 on", found);
  const auto size = found->get<uint64_t>();
  if (size <= kMaxBlobBytes) return size;
  return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}", place,
                    kMaxBlobBytes, size);
}

Result<Layer> layer_of(const json* found, const std::string& where) {
  if (found == nullptr || !found->is_object()) return expected(where, "an object", found);
  HEARTH_ASSIGN(std::string type, text_of(*found, "mediaType", where));
  HEARTH_ASSIGN(const std::string digest_text, text_of(*found, "digest", where));
  const auto digest = Digest::parse(digest_text);
  if (!digest)
    return Error(ErrorCode::kMalformed, fmt::format("{}: digest: {}", where, digest.error().message()));
  HEARTH_ASSIGN(const uint64_t size_bytes, size_of(*found, where));
  HEARTH_ASSIGN(std::string from, optional_text(*found, "from", where));
  HEARTH_ASSIGN(std::string name, optional_text(*found, "name", where));
  return Layer{std::move(type), *digest, size_bytes, std::move(from), std::move(name)};
}

// The name of a layer's file, as other tools annotate it; empty where there is none.
std::string annotated_file(const json& layer) {
  const json* annotations = member(layer, "annotations");
  if (annotations == nullptr || !annotations->is_object()) return "";
  for (const char* key : {"org.cncf.model.filepath", "org.opencontainers.image.title"}) {
    const json* file = member(*annotations, key);
    if (file != nullptr && file->is_string() && file->get_ref<const std::string&>().size() <= kMaxTextBytes)
      return file->get<std::string>();
  }
  return "";
}

// One digest has one size.
Result<void> check_sizes(const Manifest& manifest) {
  std::vector<Layer> layers = manifest.layers;
  layers.push_back(manifest.config);
  std::ranges::sort(layers, {}, &Layer::digest);
  for (size_t i = 1; i < layers.size(); ++i) {
    const Layer& a = layers[i - 1];
    const Layer& b = layers[i];
    if (a.digest != b.digest || a.size_bytes == b.size_bytes) continue;
    return make_error(ErrorCode::kMalformed, "layers: {}: expected one size, found {} and {}",
                      a.digest.text(), a.size_bytes, b.size_bytes);
  }
  return {};
}

Result<void> check_head(const json& document) {
  if (!document.is_object()) return expected("top", "an object", &document);
  const json* version = member(document, "schemaVersion");
  if (version == nullptr || !version->is_number_unsigned())
    return expected("schemaVersion", "a number", version);
  if (*version != 2) {
    return make_error(ErrorCode::kUnsupported, "schemaVersion: expected 2, found {}",
                      version->get<uint64_t>());
  }
  return {};
}

// What is no manifest of one model, said in its own words.
Result<void> check_kind(const json& document, std::string_view type) {
  const bool is_list = type == media_type::kManifestList || type == media_type::kOciIndex ||
                       type == media_type::kOllamaManifestList || member(document, "manifests") != nullptr;
  if (is_list) {
    return Error(
        ErrorCode::kUnsupported,
        "a list of manifests: expected the manifest of one model; name the tag of one that the list holds");
  }
  if (type == media_type::kManifest || type == media_type::kOciManifest) return {};
  return make_error(ErrorCode::kUnsupported, "mediaType: expected {} or {}, found {}", media_type::kManifest,
                    media_type::kOciManifest, quoted_excerpt(type));
}

Result<Manifest> read(std::string_view bytes) {
  if (bytes.size() > kMaxManifestBytes) {
    return make_error(ErrorCode::kResourceExhausted, "expected at most {} bytes, found {}", kMaxManifestBytes,
                      bytes.size());
  }
  HEARTH_ASSIGN(const json document, parse_json(bytes));
  HEARTH_TRY(check_head(document));
  Manifest manifest;
  // OCI leaves it away as often as not.
  if (member(document, "mediaType") == nullptr) {
    manifest.media_type = media_type::kOciManifest;
  } else {
    HEARTH_ASSIGN(manifest.media_type, text_of(document, "mediaType", "top"));
  }
  HEARTH_TRY(check_kind(document, manifest.media_type));
  HEARTH_ASSIGN(manifest.config, layer_of(member(document, "config"), "config"));
  const json* layers = member(document, "layers");
  if (layers == nullptr || !layers->is_array()) return expected("layers", "an array", layers);
  if (layers->size() > kMaxLayers) {
    return make_error(ErrorCode::kResourceExhausted, "layers: expected at most {}, found {}", kMaxLayers,
                      layers->size());
  }
  for (size_t i = 0; i < layers->size(); ++i) {
    HEARTH_ASSIGN(Layer layer, layer_of(&(*layers)[i], fmt::format("layers[{}]", i)));
    manifest.layers.push_back(std::move(layer));
  }
  std::vector<ArtifactLayer> artifact;
  for (size_t i = 0; i < layers->size(); ++i)
    artifact.push_back({&manifest.layers[i], annotated_file((*layers)[i])});
  translate_artifact(artifact);
  HEARTH_TRY(check_sizes(manifest));
  return manifest;
}

void append_layer(std::string& out, const Layer& layer) {
  out += R"({"mediaType":)";
  append_go_text(out, layer.media_type);
  fmt::format_to(std::back_inserter(out), R"(,"digest":"{}","size":{})", layer.digest.text(),
                 layer.size_bytes);
  if (!layer.from.empty()) {
    out += R"(,"from":)";
    append_go_text(out, layer.from);
  }
  if (!layer.name.empty()) {
    out += R"(,"name":)";
    append_go_text(out, layer.name);
  }
  out += '}';
}

}  // namespace

Result<Manifest> Manifest::parse(std::string_view bytes) {
  auto manifest = read(bytes);
  if (!manifest) return manifest.error().in("manifest");
  return manifest;
}

std::string Manifest::serialise() const {
  std::string out = R"({"schemaVersion":2,"mediaType":)";
  append_go_text(out, media_type);
  out += R"(,"config":)";
  append_layer(out, config);
  out += R"(,"layers":[)";
  for (size_t i = 0; i < layers.size(); ++i) {
    if (i > 0) out += ',';
    append_layer(out, layers[i]);
  }
  out += "]}\n";
  return out;
}

const Layer* Manifest::first(std::string_view wanted_media_type) const {
  const auto at = std::ranges::find(layers, wanted_media_type, &Layer::media_type);
  return at == layers.end() ? nullptr : &*at;
}

std::vector<Layer> Manifest::blobs() const {
  std::vector<Layer> blobs;
  std::set<Digest> seen;
  const auto add = [&](const Layer& layer) {
    if (seen.insert(layer.digest).second) blobs.push_back(layer);
  };
  add(config);
  for (const Layer& layer : layers) add(layer);
  return blobs;
}

uint64_t Manifest::size_bytes() const {
  // At most 4097 times 2^44: no overflow.
  uint64_t size = config.size_bytes;
  for (const Layer& layer : layers) size += layer.size_bytes;
  return size;
}

}  // namespace hearth::store
