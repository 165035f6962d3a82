// /api/create: a model made of one of the store, or of files that were uploaded to /api/blobs before.
#include "server/models/model_store.h"
#include "server/ollama/create_request.h"
#include "server/ollama/handlers.h"
#include "server/ollama/model_files_layers.h"
#include "server/ollama/quantization.h"
#include "server/ollama/records.h"
#include "server/ollama/refusal.h"
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
using wire::Json;

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;

// A model as it would be, and what an engine says that has looked at it.
struct Looked {
  CatalogEntry entry;
  protocol::Opened opened;
};

Task<ApiResult<Looked>> look_at(OllamaApi api, const CreateRequest& request,
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
  Looked looked;
  looked.entry.name = request.name.text();
  looked.entry.digest = model.manifest.digest.hex();
  looked.entry.stored = std::make_shared<const StoredModel>(std::move(model));
  CatalogEntry entry = looked.entry;
  Result<protocol::Opened> opened = co_await api.models.describe_entry(std::move(entry));
  if (!opened) co_return store_error(api, opened.error());
  if (request.texts.template_source && !opened->chat_template_problem().empty())
    co_return ApiError(400, fmt::format("template: {}", opened->chat_template_problem()), "template");
  looked.opened = std::move(*opened);
  co_return looked;
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

// The layers with the weights in the type that was asked for, which the config then names.
struct Requantized {
  std::vector<store::Layer> layers;
  std::string config;
  std::shared_ptr<store::BlobWriter> held;
};

Task<ApiResult<Requantized>> quantize(OllamaApi api, const Looked& looked, std::string type,
                                      std::vector<store::Layer> layers, TellProgress tell) {
  for (const StoredModel::Files::File& file : looked.entry.stored->files().files) {
    const Result<void> verified = co_await api.store->ensure_verified(file.digest);
    if (!verified) co_return store_error(api, verified.error());
  }
  CatalogEntry entry = looked.entry;
  protocol::Opened opened = looked.opened;
  ApiResult<QuantizedWeights> weights =
      co_await quantize_weights(api, std::move(entry), std::move(opened), std::move(type), std::move(tell));
  if (!weights) co_return weights.error();
  Requantized made;
  std::erase_if(layers, [](const store::Layer& layer) { return layer.media_type == media::kModel; });
  layers.insert(layers.begin(), weights->layer);
  made.layers = std::move(layers);
  store::ModelConfig config = config_of(looked.opened);
  config.quantisation = weights->type;
  made.config = config.serialise();
  made.held = std::move(weights->held);
  co_return made;
}

// The layers with the adapter that was asked for, in the place of one that they had.
Task<ApiResult<std::vector<store::Layer>>> with_adapter(OllamaApi api, std::optional<UploadedFile> adapter,
                                                        std::vector<store::Layer> layers) {
  if (!adapter) co_return layers;
  Result<store::Layer> layer = adapter_layer(api.store->store(), *adapter);
  if (!layer) co_return store_error(api, layer.error());
  const Result<void> verified = co_await api.store->ensure_verified(adapter->digest);
  if (!verified) co_return store_error(api, verified.error().in(fmt::format("adapters.{}", adapter->name)));
  std::erase_if(layers, [](const store::Layer& other) { return other.media_type == media::kAdapter; });
  layers.push_back(std::move(*layer));
  co_return layers;
}

Task<Created> create_from_model(OllamaApi api, const CreateRequest& request, TellProgress tell) {
  const auto from = find_stored(api, request.from);
  if (!from) co_return from.error();
  // What the new model says stands over what the one says that it comes from.
  const ApiResult<StoredLayers> layers = read_stored_layers(**from);
  if (!layers) co_return layers.error();
  std::optional<UploadedFile> adapter = request.adapter;
  std::vector<store::Layer> old = (*from)->manifest.manifest.layers;
  const auto adapted = co_await with_adapter(api, std::move(adapter), std::move(old));
  if (!adapted) co_return adapted.error();
  store::NewModel model{request.name, *adapted, "", request.texts};
  if (model.texts.parameters) {
    Json parameters = layers->parameters;
    for (const auto& [name, value] : model.texts.parameters->items()) parameters[name] = value;
    model.texts.parameters = std::move(parameters);
  }
  std::shared_ptr<store::BlobWriter> held;
  if (!request.quantize.empty()) {
    const ApiResult<Looked> looked = co_await look_at(api, request, model.layers);
    if (!looked) co_return looked.error();
    std::string type = request.quantize;
    ApiResult<Requantized> made =
        co_await quantize(api, *looked, std::move(type), model.layers, std::move(tell));
    if (!made) co_return made.error();
    model.layers = std::move(made->layers);
    model.config = std::move(made->config);
    held = std::move(made->held);
    // Which no engine knows.
    if (model.texts.requires_version.empty()) model.texts.requires_version = (*from)->config.requires_version;
  } else {
    const bool new_template =
        request.texts.template_source && text::is_template(*request.texts.template_source);
    if (new_template || request.adapter) {
      const ApiResult<Looked> looked = co_await look_at(api, request, model.layers);
      if (!looked) co_return looked.error();
    }
    auto config = api.store->store().read_blob((*from)->manifest.manifest.config.digest, kMaxConfigBytes);
    if (!config) co_return store_error(api, config.error());
    model.config = std::move(*config);
  }
  auto created = co_await write(api, std::move(model));
  co_return created;
}

Task<Created> create_from_files(OllamaApi api, const CreateRequest& request, TellProgress tell) {
  auto weights = layers_of(api.store->store(), request.files);
  if (!weights) co_return store_error(api, weights.error());
  for (const UploadedFile& file : request.files) {
    const Result<void> verified = co_await api.store->ensure_verified(file.digest);
    if (!verified) co_return store_error(api, verified.error().in(fmt::format("files.{}", file.name)));
  }
  std::optional<UploadedFile> adapter = request.adapter;
  const auto layers = co_await with_adapter(api, std::move(adapter), std::move(*weights));
  if (!layers) co_return layers.error();
  const ApiResult<Looked> looked = co_await look_at(api, request, *layers);
  if (!looked) co_return looked.error();
  store::NewModel model{request.name, *layers, config_of(looked->opened).serialise(), request.texts};
  std::shared_ptr<store::BlobWriter> held;
  if (!request.quantize.empty()) {
    std::string type = request.quantize;
    ApiResult<Requantized> made = co_await quantize(api, *looked, std::move(type), *layers, std::move(tell));
    if (!made) co_return made.error();
    model.layers = std::move(made->layers);
    model.config = std::move(made->config);
    held = std::move(made->held);
  }
  auto created = co_await write(api, std::move(model));
  if (!created) co_return created.error();
  std::vector<std::string> steps = std::move(*created);
  steps.insert(steps.begin(), looked->opened.format() == "gguf" ? "parsing GGUF" : "parsing safetensors");
  co_return steps;
}

Task<Created> create(const OllamaApi& api, const CreateRequest& request, TellProgress tell) {
  return request.files.empty() ? create_from_model(api, request, std::move(tell))
                               : create_from_files(api, request, std::move(tell));
}

// What a client is told: line by line where it wants a stream, or the end alone.
class CreateAnswer {
 public:
  CreateAnswer(http::Responder& responder, bool streams) : responder_(responder), streams_(streams) {}

  // False: the client has gone.
  Task<bool> tell(Json record) {
    if (!streams_) co_return !responder_.is_disconnected();
    if (!responder_.has_begun()) {
      std::string type(wire::kNdjson);
      http::Headers headers;
      const bool begun = co_await responder_.begin(200, std::move(type), std::move(headers));
      if (!begun) co_return false;
    }
    std::string line = wire::ndjson_line(record);
    co_return co_await responder_.write(std::move(line));
  }
  Task<void> end(Created created) {
    if (created && streams_) {
      for (const std::string& step : *created) {
        Json record{{"status", step}};
        const bool told = co_await tell(std::move(record));
        if (!told) co_return;
      }
      co_await responder_.end();
    } else if (responder_.has_begun()) {
      Json record{{"error", created.error().message}};
      const bool told = co_await tell(std::move(record));
      if (told) co_await responder_.end();
    } else {
      http::Response response;
      if (created) {
        response.body = wire::dump_json({{"status", "success"}});
      } else {
        response = refusal(created.error());
      }
      co_await responder_.send(std::move(response));
    }
  }

 private:
  http::Responder& responder_;
  const bool streams_;
};

}  // namespace

Task<void> create_model(OllamaApi api, const http::Request& request, http::Responder& responder) {
  const auto asked = read_create_request(request.body);
  CreateAnswer answer(responder, asked && asked->stream);
  Created created = std::vector<std::string>();
  if (const ApiResult<void> has_store = check_store(api); !has_store) {
    created = has_store.error();
  } else if (!asked) {
    created = asked.error();
  } else {
    note_model(api, asked->from, responder);
    TellProgress tell = [&answer](Json record) { return answer.tell(std::move(record)); };
    created = co_await create(api, *asked, std::move(tell));
    if (created) responder.note_model(asked->name.text());
  }
  co_await answer.end(std::move(created));
}

}  // namespace hearth::server::ollama
