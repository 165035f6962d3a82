#include "store/model_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/excerpt.h"
#include "base/json_text.h"

namespace hearth::store {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// A text or nothing: null is how Go writes what is not there.
Result<void> read_text(const json& object, const char* key, std::string& text) {
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return {};
  if (!at->is_string()) {
    return make_error(ErrorCode::kMalformed, "config: {}: expected a text, found {}", key,
                      excerpt(at->dump(-1, ' ', true, json::error_handler_t::replace)));
  }
  text = at->get<std::string>();
  return {};
}

Result<void> read_texts(const json& object, const char* key, std::vector<std::string>& texts) {
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return {};
  const bool are_texts =
      at->is_array() && std::all_of(at->begin(), at->end(), [](const json& one) { return one.is_string(); });
  if (!are_texts) return make_error(ErrorCode::kMalformed, "config: {}: expected an array of texts", key);
  texts = at->get<std::vector<std::string>>();
  return {};
}

// As Docker Model Runner and ModelPack (CNCF model-spec) have it.
Result<ModelConfig> read_artifact_config(const json& object) {
  ModelConfig config;
  HEARTH_TRY(read_text(object, "format", config.format));
  HEARTH_TRY(read_text(object, "architecture", config.family));
  HEARTH_TRY(read_text(object, "quantization", config.quantisation));
  HEARTH_TRY(read_text(object, object.contains("paramSize") ? "paramSize" : "parameters", config.parameters));
  if (!config.family.empty()) config.families = {config.family};
  return config;
}

// "1.20.3", or less of it.
std::optional<std::array<uint32_t, 3>> parse_version(std::string_view text) {
  std::array<uint32_t, 3> parts{};
  for (size_t i = 0;; ++i) {
    const size_t end = std::min(text.find('.'), text.size());
    const auto read = std::from_chars(text.data(), text.data() + end, parts.at(i));
    if (end == 0 || read.ec != std::errc() || read.ptr != text.data() + end) return std::nullopt;
    if (end == text.size()) return parts;
    if (i + 1 == parts.size()) return std::nullopt;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<void> check_requires(std::string_view version) {
  const auto wanted = parse_version(version);
  if (!wanted) {
    return make_error(ErrorCode::kMalformed, "requires: expected a version such as 0.14.0, found {}",
                      quoted_excerpt(version));
  }
  if (*wanted <= *parse_version(kFollowedOllamaVersion)) return {};
  return make_error(ErrorCode::kUnsupported,
                    "it requires Ollama {}, and this version of Hearth follows Ollama {}", version,
                    kFollowedOllamaVersion);
}

Result<ModelConfig> ModelConfig::parse(std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return document.error().in("config");
  if (!document->is_object()) return Error(ErrorCode::kMalformed, "config: expected an object");
  const auto nested = document->find("config");
  const bool is_artifact =
      !document->contains("model_format") && nested != document->end() && nested->is_object();
  if (is_artifact) return read_artifact_config(*nested);
  ModelConfig config;
  HEARTH_TRY(read_text(*document, "model_format", config.format));
  HEARTH_TRY(read_text(*document, "model_family", config.family));
  HEARTH_TRY(read_texts(*document, "model_families", config.families));
  HEARTH_TRY(read_text(*document, "model_type", config.parameters));
  HEARTH_TRY(read_text(*document, "file_type", config.quantisation));
  HEARTH_TRY(read_text(*document, "requires", config.requires_version));
  if (const auto rootfs = document->find("rootfs"); rootfs != document->end() && rootfs->is_object()) {
    HEARTH_TRY(read_texts(*rootfs, "diff_ids", config.layer_digests));
  }
  return config;
}

std::string ModelConfig::serialise() const {
  ordered_json document;
  document["model_format"] = format;
  document["model_family"] = family;
  document["model_families"] = families;
  document["model_type"] = parameters;
  document["file_type"] = quantisation;
  if (!requires_version.empty()) document["requires"] = requires_version;
  // What the format of images demands of one.
  document["architecture"] = "amd64";
  document["os"] = "linux";
  document["rootfs"] = {{"type", "layers"}, {"diff_ids", layer_digests}};
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace hearth::store
