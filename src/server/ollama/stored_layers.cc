#include "server/ollama/stored_layers.h"

#include <algorithm>

#include "server/ollama/run_options.h"
#include "server/wire/json_body.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;

constexpr size_t kMaxLayerBytes = size_t{8} << 20U;

ApiError damaged(const StoredModel& model, const store::Layer& layer, std::string_view problem) {
  return {500,
          fmt::format("model '{}': layer {}: {}", model.manifest.name.text(), layer.digest.text(), problem)};
}

ApiResult<std::string> read_layer(const StoredModel& model, const store::Layer& layer) {
  auto bytes = model.store.read_blob(layer.digest, kMaxLayerBytes);
  if (bytes) return std::move(*bytes);
  if (bytes.error().code() == ErrorCode::kMalformed)
    return damaged(model, layer, "is damaged (hearth verify names all that are)");
  // The error's own words have the path.
  return damaged(model, layer, fmt::format("cannot be read ({})", error_traits(bytes.error().code()).name));
}

ApiResult<Json> read_json_layer(const StoredModel& model, const store::Layer& layer,
                                bool is_kind(const Json&), std::string_view kind) {
  HEARTH_ASSIGN(const std::string bytes, read_layer(model, layer));
  auto json = wire::parse_json(bytes);
  if (json && is_kind(*json)) return std::move(*json);
  return damaged(model, layer, fmt::format("expected {}", kind));
}

bool is_object(const Json& json) {
  return json.is_object();
}

bool are_messages(const Json& json) {
  if (!json.is_array()) return false;
  const auto is_text = [](const Json& message, const char* key) {
    return message.contains(key) && message[key].is_string();
  };
  return std::all_of(json.begin(), json.end(), [&](const Json& message) {
    return message.is_object() && is_text(message, "role") && is_text(message, "content");
  });
}

std::string parameter_text(const Json& value) {
  return value.is_number_float() ? fmt::format("{:g}", value.get<double>()) : wire::dump_json(value);
}

void insert_front(Json& messages, Json first) {
  for (Json& message : messages) first.push_back(std::move(message));
  messages = std::move(first);
}

}  // namespace

ApiResult<StoredLayers> read_stored_layers(const StoredModel& model) {
  namespace media = store::media_type;
  StoredLayers layers;
  for (const store::Layer& layer : model.manifest.manifest.layers) {
    if (layer.media_type == media::kTemplate || layer.media_type == media::kPrompt) {
      HEARTH_ASSIGN(layers.template_source, read_layer(model, layer));
    } else if (layer.media_type == media::kSystem) {
      HEARTH_ASSIGN(layers.system, read_layer(model, layer));
    } else if (layer.media_type == media::kLicense) {
      HEARTH_ASSIGN(std::string license, read_layer(model, layer));
      layers.licenses.push_back(std::move(license));
    } else if (layer.media_type == media::kParams) {
      HEARTH_ASSIGN(layers.parameters, read_json_layer(model, layer, is_object, "parameters: a JSON object"));
    } else if (layer.media_type == media::kMessages) {
      HEARTH_ASSIGN(layers.messages, read_json_layer(model, layer, are_messages, "a list of messages"));
    }
  }
  return layers;
}

std::vector<std::string> parameter_lines(const Json& parameters) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : parameters.items()) {
    if (!value.is_array()) {
      lines.push_back(fmt::format("{} {}", name, parameter_text(value)));
      continue;
    }
    for (const Json& one : value) lines.push_back(fmt::format("{} {}", name, parameter_text(one)));
  }
  return lines;
}

ApiResult<void> apply_stored_options(const StoredLayers& layers, GenerationRequest& request) {
  if (layers.parameters.empty()) return {};
  HEARTH_ASSIGN(const wire::JsonBody body, wire::JsonBody::parse(wire::dump_json(layers.parameters)));
  RunOptions defaults = read_run_options(body.root());
  if (const ApiResult<void> checked = body.check(); !checked)
    return ApiError(500, "the model's parameters: " + checked.error().message);
  protocol::Generate& generate = request.generate;
  // What the request says stands over what the model says; of lists, one or the other.
  protocol::Sampling sampling = std::move(defaults.sampling);
  if (generate.sampling().has_dry_sequence_breakers()) sampling.clear_dry_sequence_breakers();
  if (generate.sampling().logit_bias_size() > 0) sampling.clear_logit_bias();
  sampling.MergeFrom(generate.sampling());
  *generate.mutable_sampling() = std::move(sampling);
  if (defaults.max_tokens && !generate.has_max_tokens()) generate.set_max_tokens(*defaults.max_tokens);
  if (generate.stop_size() == 0) {
    for (std::string& stop : defaults.stop) generate.add_stop(std::move(stop));
  }
  if (!request.wish.context_tokens) request.wish.context_tokens = defaults.num_ctx;
  return {};
}

void apply_stored_messages(const StoredLayers& layers, GenerationRequest& request) {
  if (request.raw || !request.context.empty()) return;
  const bool has_system = !request.messages.empty() && request.messages.front()["role"] == "system";
  Json first = Json::array();
  if (has_system && request.endpoint == Endpoint::kGenerate) {
    // The request's own, before the model's messages.
    first.push_back(request.messages.front());
    request.messages.erase(request.messages.begin());
  } else if (!has_system && !layers.system.empty()) {
    first.push_back({{"role", "system"}, {"content", layers.system}});
  }
  for (const Json& message : layers.messages) first.push_back(message);
  if (!first.empty()) insert_front(request.messages, std::move(first));
}

}  // namespace hearth::server::ollama
