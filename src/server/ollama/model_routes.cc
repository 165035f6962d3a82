// What models there are, which are loaded, what is in them; and the server itself.
#include <fmt/ranges.h>

#include <algorithm>

#include "server/ollama/handlers.h"
#include "server/ollama/modelfile_text.h"
#include "server/ollama/records.h"
#include "server/ollama/refusal.h"
#include "server/ollama/run_options.h"
#include "server/ollama/stored_layers.h"
#include "server/wire/json_body.h"
#include "server/wire/timestamp.h"
#include "text/chat/template_language.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;
using wire::JsonBody;

http::Response json_response(const Json& object) {
  return {.status = 200, .body = wire::dump_json(object)};
}

Json entry_record(const CatalogEntry& entry) {
  return {{"name", entry.name}, {"model", entry.name}};
}

int64_t size_of(const protocol::Memory& memory) {
  return memory.weights_bytes() + memory.kv_bytes() + memory.work_bytes() + memory.adapters_bytes();
}

Json running_record(const RunningModel& running) {
  Json record = entry_record(running.entry);
  record["size"] = size_of(running.description.memory());
  record["digest"] = running.entry.digest;
  record["details"] = details_of(running.description);
  // Clients expect a time: the last that there is stands for "never".
  record["expires_at"] = wire::utc_timestamp(running.expires_at.value_or(WallTime::max()));
  record["size_vram"] = 0;  // everything is computed on the CPU
  record["context_length"] = running.description.context_tokens();
  return record;
}

// As Ollama lists it: what would be true of it if it were loaded now, as far as that is known.
Json loading_record(const LoadingModel& loading) {
  const bool is_known = loading.description.has_value();
  const protocol::Opened description = loading.description.value_or(protocol::Opened());
  Json record = entry_record(loading.entry);
  record["size"] = is_known ? size_of(description.memory()) : loading.entry.size_bytes;
  record["digest"] = loading.entry.digest;
  record["details"] =
      !is_known && loading.entry.stored ? details_of(loading.entry.stored->config) : details_of(description);
  constexpr Seconds kLongest{365.0 * 24 * 3600};
  const bool for_ever = loading.keep_alive < Seconds(0) || loading.keep_alive > kLongest;
  record["expires_at"] =
      wire::utc_timestamp(for_ever ? WallTime::max()
                                   : std::chrono::system_clock::now() +
                                         std::chrono::duration_cast<WallTime::duration>(loading.keep_alive));
  record["size_vram"] = 0;
  record["context_length"] = is_known ? description.context_tokens() : loading.context_tokens;
  record["loading"] = {
      {"stage", loading.stage}, {"completed", loading.completed_bytes}, {"total", loading.total_bytes}};
  return record;
}

// --- /api/show
// ----------------------------------------------------------------------------------------------

struct ShowRequest {
  std::string model;
  bool verbose = false;
  std::string system;
};

ApiResult<ShowRequest> read_show_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  ShowRequest request;
  // "name" is what old clients say.
  const auto name = body["name"].string();
  request.model = name ? *name : body["model"].required().string().value_or("");
  if (body["model"].present()) request.model = body["model"].string().value_or("");
  request.verbose = body["verbose"].boolean().value_or(false);
  request.system = body["system"].string().value_or("");
  (void)read_run_options(body["options"]);
  HEARTH_TRY(body.check());
  if (request.model.empty()) return ApiError(400, "model: expected the name of a model", "model");
  return request;
}

// What of a model is text: of its layers, where it is in the store, else of its file.
struct ModelTexts {
  std::string chat_template;    // that Hearth renders
  std::string stored_template;  // of the store's layer, which may be Go's
  std::string system;
  std::vector<std::string> licenses;
  Json parameters = Json::object();
  Json messages = Json::array();
};

ApiResult<ModelTexts> texts_of(const CatalogEntry& entry, const protocol::Opened& model,
                               const std::string& asked_system) {
  ModelTexts texts;
  texts.chat_template = model.chat_template();
  if (entry.stored) {
    HEARTH_ASSIGN(StoredLayers layers, read_stored_layers(*entry.stored));
    texts.stored_template = std::move(layers.template_source);
    texts.system = std::move(layers.system);
    texts.licenses = std::move(layers.licenses);
    texts.parameters = std::move(layers.parameters);
    texts.messages = std::move(layers.messages);
  }
  if (texts.licenses.empty() && !model.license().empty()) texts.licenses.push_back(model.license());
  if (!asked_system.empty()) texts.system = asked_system;
  return texts;
}

// The engine, which read the file, is a stranger too. A vocabulary with its merges has some million values.
ApiResult<Json> metadata_of(const protocol::Inspection& inspection) {
  if (inspection.metadata_json().empty()) return Json::object();
  auto metadata = wire::parse_json(inspection.metadata_json(), {.depth = 16, .values = 1U << 24U});
  if (!metadata || !metadata->is_object())
    return ApiError(500, "the engine told no metadata that can be read");
  return metadata;
}

Json tensors_of(const protocol::Inspection& inspection) {
  Json tensors = Json::array();
  for (const auto& tensor : inspection.tensors()) {
    tensors.push_back({{"name", tensor.name()},
                       {"type", tensor.type()},
                       {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())}});
  }
  return tensors;
}

Task<ApiResult<Json>> describe_model(OllamaApi api, const ShowRequest& request) {
  const auto entry = api.models.find(request.model);
  if (!entry) co_return ApiError(entry.error());
  const auto model = co_await api.models.describe(request.model);
  if (!model) co_return ApiError(model.error());
  const auto inspection = co_await api.models.inspect(request.model, request.verbose);
  if (!inspection) co_return ApiError(inspection.error());
  auto metadata = metadata_of(*inspection);
  if (!metadata) co_return metadata.error();

  const auto texts = texts_of(*entry, *model, request.system);
  if (!texts) co_return texts.error();

  Json record = Json::object();
  if (!texts->licenses.empty()) record["license"] = fmt::format("{}", fmt::join(texts->licenses, "\n"));
  record["modelfile"] = modelfile_of({entry->name, texts->stored_template, texts->system, texts->licenses,
                                      texts->parameters, texts->messages});
  if (!texts->parameters.empty())
    record["parameters"] = fmt::format("{}", fmt::join(parameter_lines(texts->parameters), "\n"));
  record["template"] = texts->chat_template;
  // Kept for Ollama, which renders in code what this stands in for.
  if (text::is_go_template(texts->stored_template) && texts->stored_template != texts->chat_template)
    record["go_template"] = texts->stored_template;
  if (!texts->system.empty()) record["system"] = texts->system;
  if (!texts->messages.empty()) record["messages"] = texts->messages;
  record["details"] = details_of(*model);
  metadata->erase("tokenizer.chat_template");  // it is `template`
  if (!metadata->contains("general.parameter_count"))
    (*metadata)["general.parameter_count"] = model->n_parameters();
  record["model_info"] = std::move(*metadata);
  record["tensors"] = tensors_of(*inspection);
  record["capabilities"] = capabilities_of(*model);
  record["modified_at"] = wire::utc_timestamp(entry->modified_at);
  co_return record;
}

// A thousand models of a store must not start a thousand engines to be listed: its configs tell what is not
// known.
bool add_known_description(const OllamaApi& api, const CatalogEntry& entry, Json::object_t& record) {
  if (!entry.stored || api.models.known_description(entry) != nullptr) return false;
  record.emplace_back("details", details_of(entry.stored->config));
  return true;
}

Task<void> add_description(OllamaApi api, const CatalogEntry& entry, Json& record) {
  // A file that cannot be opened is still there to be seen.
  const auto described = co_await api.models.describe(entry.name);
  record["details"] = details_of(described ? *described : protocol::Opened());
  record["capabilities"] = described ? capabilities_of(*described) : Json::array();
}

}  // namespace

Task<void> list_models(OllamaApi api, const http::Request& /*request*/, http::Responder& responder) {
  std::vector<CatalogEntry> entries = api.models.catalog();
  std::stable_sort(entries.begin(), entries.end(), [](const CatalogEntry& a, const CatalogEntry& b) {
    return a.modified_at > b.modified_at;
  });
  Json models = Json::array();
  for (const CatalogEntry& entry : entries) {
    Json::object_t fields;
    fields.reserve(7);
    fields.emplace_back("name", entry.name);
    fields.emplace_back("model", entry.name);
    fields.emplace_back("modified_at", wire::utc_timestamp(entry.modified_at));
    fields.emplace_back("size", entry.size_bytes);
    fields.emplace_back("digest", entry.digest);
    const bool is_described = add_known_description(api, entry, fields);
    Json record(std::move(fields));
    if (!is_described) co_await add_description(api, entry, record);
    models.push_back(std::move(record));
  }
  http::Response response = json_response({{"models", std::move(models)}});
  co_await responder.send(std::move(response));
}

Task<void> list_running(OllamaApi api, const http::Request& /*request*/, http::Responder& responder) {
  std::vector<RunningModel> running = api.models.running();
  // The longest remaining first.
  std::stable_sort(running.begin(), running.end(), [](const RunningModel& a, const RunningModel& b) {
    return a.expires_at.value_or(WallTime::max()) > b.expires_at.value_or(WallTime::max());
  });
  Json models = Json::array();
  for (const RunningModel& model : running) models.push_back(running_record(model));
  for (const LoadingModel& model : api.models.loading()) models.push_back(loading_record(model));
  http::Response response = json_response({{"models", std::move(models)}});
  co_await responder.send(std::move(response));
}

Task<void> show_model(OllamaApi api, const http::Request& request, http::Responder& responder) {
  http::Response response;
  const auto asked = read_show_request(request.body);
  if (!asked) {
    response = refusal(asked.error());
  } else {
    note_model(api, asked->model, responder);
    const auto described = co_await describe_model(api, *asked);
    response =
        described ? json_response(*described) : refusal(without_paths(api, asked->model, described.error()));
  }
  co_await responder.send(std::move(response));
}

Task<void> tell_version(OllamaApi api, const http::Request& /*request*/, http::Responder& responder) {
  http::Response response = json_response({{"version", api.version}});
  co_await responder.send(std::move(response));
}

Task<void> tell_status(OllamaApi /*api*/, const http::Request& /*request*/, http::Responder& responder) {
  http::Response response = json_response({{"cloud", {{"disabled", true}, {"source", "config"}}}});
  co_await responder.send(std::move(response));
}

Task<void> say_hello(OllamaApi /*api*/, const http::Request& /*request*/, http::Responder& responder) {
  // Word for word: clients look for it.
  http::Response response{
      .status = 200, .content_type = "text/plain; charset=utf-8", .body = "Ollama is running"};
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::ollama
