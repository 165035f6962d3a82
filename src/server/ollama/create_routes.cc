// /api/create: a model made of one of the store, or of files that were uploaded to /api/blobs before.
#include <algorithm>
#include <array>

#include "server/models/model_store.h"
#include "server/ollama/handlers.h"
#include "server/ollama/model_files_layers.h"
#include "server/ollama/records.h"
#include "server/ollama/refusal.h"
#include "server/ollama/run_options.h"
#include "server/ollama/store_access.h"
#include "server/ollama/stored_layers.h"
#include "server/wire/json_body.h"
#include "server/wire/stream_text.h"
#include "store/new_model.h"
#include "text/chat/template_language.h"

namespace hearth::server::ollama {
namespace {

namespace media = store::media_type;
using wire::ApiError;
using wire::ApiResult;
using wire::Field;
using wire::Json;
using wire::JsonBody;

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;

struct CreateRequest {
  store::ModelName name;
  std::string from;                 // a model of the store, or ...
  std::vector<UploadedFile> files;  // ... these
  store::ModelTexts texts;
  bool stream = true;
};

// Refused rather than ignored.
void refuse_what_is_not_there(const JsonBody& body) {
  struct NotThere {
    const char* field;
    const char* why;
  };
  static constexpr std::array<NotThere, 9> kNotThere{
      {{"draft_files", "draft models are not part of this version"},
       {"adapters", "adapters are not applied by this version"},
       {"quantize", "quantising is not part of this version of the server"},
       {"draft_quantize", "quantising is not part of this version of the server"},
       {"quantization", "quantising is not part of this version of the server"},
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

std::vector<UploadedFile> read_files(const Field& field) {
  std::vector<UploadedFile> files;
  for (const auto& [name, value] : field.members()) {
    const std::string text = value.string().value_or("");
    const auto digest = store::Digest::parse(text);
    if (!digest) {
      value.expected("the digest of a blob, sha256:...");
      continue;
    }
    files.push_back({name, *digest});
  }
  return files;
}

ApiResult<CreateRequest> read_create_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  CreateRequest request;
  // "name" is what old clients say.
  std::string name = body["model"].string().value_or("");
  if (name.empty()) name = body["name"].string().value_or("");
  refuse_what_is_not_there(body);
  request.from = body["from"].string().value_or("");
  request.files = read_files(body["files"]);
  if (request.from.empty() == request.files.empty())
    body["from"].reject("expected either a model to start from, or files that were uploaded to /api/blobs");
  request.texts.template_source = body["template"].string();
  request.texts.system = body["system"].string();
  request.texts.licenses = body["license"].string_or_strings();
  if (body["parameters"].present()) {
    const RunOptions checked = read_run_options(body["parameters"]);
    if (!checked.unknown.empty())
      body["parameters"][checked.unknown.front()].reject("is no parameter that is known");
    request.texts.parameters = body["parameters"].object().value_or(Json::object());
  }
  if (body["messages"].present()) request.texts.messages = read_messages(body["messages"]);
  request.texts.requires_version = body["requires"].string().value_or("");
  if (!request.texts.requires_version.empty()) {
    if (const auto allowed = store::check_requires(request.texts.requires_version); !allowed)
      body["requires"].reject(allowed.error().message());
  }
  request.stream = body["stream"].boolean().value_or(true);
  HEARTH_TRY(body.check());
  HEARTH_ASSIGN(request.name, store::ModelName::parse(name));
  return request;
}

// A model as it would be, for an engine to look at.
Task<ApiResult<protocol::Opened>> look_at(OllamaApi api, const CreateRequest& request,
                                          std::vector<store::Layer> layers) {
  store::Manifest manifest;
  manifest.layers = std::move(layers);
  if (request.texts.template_source && text::is_template(*request.texts.template_source)) {
    std::erase_if(manifest.layers, [](const store::Layer& layer) {
      return layer.media_type == media::kTemplate || layer.media_type == media::kPrompt;
    });
    std::function<Result<store::Digest>(const store::Store&)> work =
        [source = *request.texts.template_source](const store::Store& store) {
          return store.write_blob(source);
        };
    const Result<store::Digest> written = co_await api.store->run<Result<store::Digest>>(std::move(work));
    if (!written) co_return store_error(api, written.error());
    manifest.layers.push_back(
        {std::string(media::kTemplate), *written, request.texts.template_source->size(), "", ""});
  }
  const std::string bytes = manifest.serialise();
  StoredModel model{
      api.store->store(), {request.name, manifest, bytes, store::Digest::of(bytes), {}}, {}, {}};
  CatalogEntry entry;
  entry.name = request.name.text();
  entry.digest = model.manifest.digest.hex();
  entry.stored = std::make_shared<const StoredModel>(std::move(model));
  const Result<protocol::Opened> opened = co_await api.models.describe_entry(std::move(entry));
  if (!opened) co_return store_error(api, opened.error());
  if (request.texts.template_source && !opened->chat_template_problem().empty())
    co_return ApiError(400, fmt::format("template: {}", opened->chat_template_problem()), "template");
  co_return *opened;
}

using Created = ApiResult<std::vector<std::string>>;  // what was done, for people

Task<Created> write(OllamaApi api, store::NewModel model) {
  using Steps = Result<std::vector<std::string>>;
  std::function<Steps(const store::Store&)> work = [model = std::move(model)](const store::Store& store) {
    return store::create_model(store, model);
  };
  Steps steps = co_await api.store->run<Steps>(std::move(work));
  if (!steps) co_return store_error(api, steps.error());
  co_return std::move(*steps);
}

Task<Created> create_from_model(OllamaApi api, const CreateRequest& request) {
  const auto from = find_stored(api, request.from);
  if (!from) co_return from.error();
  // What the new model says stands over what the one says that it comes from.
  const ApiResult<StoredLayers> layers = read_stored_layers(**from);
  if (!layers) co_return layers.error();
  store::NewModel model{request.name, (*from)->manifest.manifest.layers, "", request.texts};
  if (model.texts.parameters) {
    Json parameters = layers->parameters;
    for (const auto& [name, value] : model.texts.parameters->items()) parameters[name] = value;
    model.texts.parameters = std::move(parameters);
  }
  if (request.texts.template_source && text::is_template(*request.texts.template_source)) {
    const ApiResult<protocol::Opened> opened = co_await look_at(api, request, model.layers);
    if (!opened) co_return opened.error();
  }
  auto config = api.store->store().read_blob((*from)->manifest.manifest.config.digest, kMaxConfigBytes);
  if (!config) co_return store_error(api, config.error());
  model.config = std::move(*config);
  co_return co_await write(api, std::move(model));
}

Task<Created> create_from_files(OllamaApi api, const CreateRequest& request) {
  const auto layers = layers_of(api.store->store(), request.files);
  if (!layers) co_return store_error(api, layers.error());
  for (const UploadedFile& file : request.files) {
    const Result<void> verified = co_await api.store->ensure_verified(file.digest);
    if (!verified) co_return store_error(api, verified.error().in(fmt::format("files.{}", file.name)));
  }
  const ApiResult<protocol::Opened> opened = co_await look_at(api, request, *layers);
  if (!opened) co_return opened.error();
  store::NewModel model{request.name, *layers, config_of(*opened).serialise(), request.texts};
  auto created = co_await write(api, std::move(model));
  if (!created) co_return created.error();
  std::vector<std::string> steps = std::move(*created);
  steps.insert(steps.begin(), opened.value().format() == "gguf" ? "parsing GGUF" : "parsing safetensors");
  co_return steps;
}

Task<Created> create(const OllamaApi& api, const CreateRequest& request) {
  return request.files.empty() ? create_from_model(api, request) : create_from_files(api, request);
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
