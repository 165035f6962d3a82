// /api/create: a model made of one of the store, with other words around the same weights.
#include <algorithm>
#include <array>

#include "server/models/model_store.h"
#include "server/ollama/handlers.h"
#include "server/ollama/refusal.h"
#include "server/ollama/run_options.h"
#include "server/ollama/store_access.h"
#include "server/ollama/stored_layers.h"
#include "server/wire/json_body.h"
#include "server/wire/stream_text.h"

namespace hearth::server::ollama {
namespace {

namespace media = store::media_type;
using wire::ApiError;
using wire::ApiResult;
using wire::Field;
using wire::Json;
using wire::JsonBody;

struct CreateRequest {
  store::ModelName name;
  std::string from;
  std::optional<std::string> system;
  std::vector<std::string> licenses;
  Json parameters = Json::object();
  std::optional<Json> messages;
  bool stream = true;
};

// Refused rather than ignored.
void refuse_what_is_not_there(const JsonBody& body) {
  struct NotThere {
    const char* field;
    const char* why;
  };
  static constexpr std::array<NotThere, 11> kNotThere{
      {{"files",
        "models from uploaded files are not part of this version; put the GGUF file into the models folder"},
       {"draft_files", "draft models are not part of this version"},
       {"adapters", "adapters are not part of this version"},
       {"template", "a template beside the weights is not used by this version: the model file's own is"},
       {"quantize", "quantising is not part of this version"},
       {"draft_quantize", "quantising is not part of this version"},
       {"quantization", "quantising is not part of this version"},
       {"renderer", "renderers are not part of this version: the model's template is rendered"},
       {"parser", "parsers are not part of this version"},
       {"remote_host", "models elsewhere are not part of this version"},
       {"info", "other metadata than the model file's is not part of this version"}}};
  for (const NotThere& one : kNotThere) {
    const Field field = body[one.field];
    if (!field.present()) continue;
    const Json& value = field.json();
    const bool is_nothing = value.is_string() ? value.get_ref<const std::string&>().empty()
                                              : (value.is_object() || value.is_array()) && value.empty();
    if (!is_nothing) field.reject(one.why);
  }
}

Json read_messages(const Field& field) {
  static constexpr std::array<std::string_view, 3> kRoles{"system", "user", "assistant"};
  Json messages = Json::array();
  for (const Field& message : field.items()) {
    const std::string role = message["role"].required().string().value_or("");
    if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end())
      message["role"].expected(R"("system", "user" or "assistant")");
    messages.push_back({{"role", role}, {"content", message["content"].required().string().value_or("")}});
  }
  return messages;
}

ApiResult<CreateRequest> read_create_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  CreateRequest request;
  // "name" is what old clients say.
  std::string name = body["model"].string().value_or("");
  if (name.empty()) name = body["name"].string().value_or("");
  refuse_what_is_not_there(body);
  request.from = body["from"].required().string().value_or("");
  request.system = body["system"].string();
  request.licenses = body["license"].string_or_strings();
  if (body["parameters"].present()) {
    const RunOptions checked = read_run_options(body["parameters"]);
    if (!checked.unknown.empty())
      body["parameters"][checked.unknown.front()].reject("is no parameter that is known");
    request.parameters = body["parameters"].object().value_or(Json::object());
  }
  if (body["messages"].present()) request.messages = read_messages(body["messages"]);
  request.stream = body["stream"].boolean().value_or(true);
  HEARTH_TRY(body.check());
  HEARTH_ASSIGN(request.name, store::ModelName::parse(name));
  return request;
}

// A model on its way into the store, with what keeps its new blobs there until a manifest names them.
struct NewModel {
  store::Manifest manifest;
  std::vector<std::optional<store::BlobWriter>> held;
  std::vector<std::string> steps;  // for people: {"status": ...}

  void remove(std::string_view type) {
    std::erase_if(manifest.layers, [&](const store::Layer& layer) { return layer.media_type == type; });
  }
  Result<store::Layer> write(const store::Store& store, std::string_view type, std::string_view bytes) {
    const bool is_there = store.has_blob(store::Digest::of(bytes));
    held.emplace_back();
    HEARTH_ASSIGN(const store::Digest digest, store.write_blob(bytes, &held.back()));
    steps.push_back(fmt::format("{} layer {}", is_there ? "using existing" : "creating new", digest.text()));
    return store::Layer{std::string(type), digest, bytes.size(), "", ""};
  }
  Result<void> add(const store::Store& store, std::string_view type, std::string_view bytes) {
    HEARTH_ASSIGN(store::Layer layer, write(store, type, bytes));
    manifest.layers.push_back(std::move(layer));
    return {};
  }
};

// The config of the model that it comes from, which may say more than Hearth knows, for other layers.
std::string config_for(const std::string& original, const store::Manifest& manifest) {
  auto config = wire::parse_json(original);
  if (!config || !config->is_object()) return original;
  Json digests = Json::array();
  for (const store::Layer& layer : manifest.layers) digests.push_back(layer.digest.text());
  (*config)["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(digests)}};
  return wire::dump_json(*config) + "\n";
}

// On the store's thread. What was done, for people.
Result<std::vector<std::string>> create_in(const store::Store& store, const CreateRequest& request,
                                           const StoredModel& from, const Json& parameters) {
  constexpr size_t kMaxConfigBytes = size_t{1} << 20U;
  NewModel model;
  model.manifest = from.manifest.manifest;
  for (const store::Layer& layer : model.manifest.layers)
    model.steps.push_back(fmt::format("using existing layer {}", layer.digest.text()));
  if (request.system) {
    model.remove(media::kSystem);
    if (!request.system->empty()) HEARTH_TRY(model.add(store, media::kSystem, *request.system));
  }
  for (const std::string& license : request.licenses) HEARTH_TRY(model.add(store, media::kLicense, license));
  if (!request.parameters.empty()) {
    model.remove(media::kParams);
    HEARTH_TRY(model.add(store, media::kParams, wire::dump_json(parameters) + "\n"));
  }
  if (request.messages) {
    model.remove(media::kMessages);
    if (!request.messages->empty())
      HEARTH_TRY(model.add(store, media::kMessages, wire::dump_json(*request.messages) + "\n"));
  }
  HEARTH_ASSIGN(const std::string original, store.read_blob(model.manifest.config.digest, kMaxConfigBytes));
  HEARTH_ASSIGN(model.manifest.config,
                model.write(store, model.manifest.config.media_type, config_for(original, model.manifest)));
  model.steps.emplace_back("writing manifest");
  HEARTH_TRY(store.write_manifest(request.name, model.manifest.serialise()));
  model.steps.emplace_back("success");
  return model.steps;
}

Task<ApiResult<std::vector<std::string>>> create(OllamaApi api, const CreateRequest& request) {
  const auto from = find_stored(api, request.from);
  if (!from) co_return from.error();
  // What the new model says stands over what the one says that it comes from.
  const ApiResult<StoredLayers> layers = read_stored_layers(**from);
  if (!layers) co_return layers.error();
  Json parameters = layers->parameters;
  for (const auto& [name, value] : request.parameters.items()) parameters[name] = value;

  std::function<Result<std::vector<std::string>>(const store::Store&)> work =
      [request, from = *from, parameters](const store::Store& store) {
        return create_in(store, request, *from, parameters);
      };
  auto steps = co_await api.store->run<Result<std::vector<std::string>>>(std::move(work));
  if (!steps) co_return store_error(api, steps.error());
  co_return std::move(*steps);
}

Task<void> answer_steps(http::Responder& responder, const std::vector<std::string>& steps) {
  std::string type(wire::kNdjson);
  http::Headers headers;
  const bool begun = co_await responder.begin(200, std::move(type), std::move(headers));
  if (!begun) co_return;
  std::string lines;
  for (const std::string& step : steps) lines += wire::ndjson_line({{"status", step}});
  const bool written = co_await responder.write(std::move(lines));
  if (written) co_await responder.end();
}

}  // namespace

Task<void> create_model(OllamaApi api, const http::Request& request, http::Responder& responder) {
  std::optional<ApiError> error;
  if (const ApiResult<void> has_store = check_store(api); !has_store) error = has_store.error();
  const auto asked = read_create_request(request.body);
  if (!error && !asked) error = asked.error();
  std::vector<std::string> steps;
  if (!error) {
    note_model(api, asked->from, responder);
    auto created = co_await create(api, *asked);
    if (created) {
      responder.note_model(asked->name.text());
      steps = std::move(*created);
    } else {
      error = created.error();
    }
  }
  if (!error && asked->stream) {
    co_await answer_steps(responder, steps);
    co_return;
  }
  http::Response response;
  if (error) {
    response = refusal(*error);
  } else {
    response.body = wire::dump_json({{"status", "success"}});
  }
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::ollama
