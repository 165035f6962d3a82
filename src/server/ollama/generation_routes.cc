// /api/generate and /api/chat.
#include <algorithm>

#include "server/inference/tools.h"
#include "server/ollama/handlers.h"
#include "server/ollama/prompt.h"
#include "server/ollama/records.h"
#include "server/ollama/refusal.h"
#include "server/ollama/run_options.h"
#include "server/ollama/stored_layers.h"
#include "server/wire/generation_pump.h"
#include "server/wire/stream_text.h"
#include "text/chat/template_switches.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;

// One request on its way to its answer.
struct Generation {
  OllamaApi api;
  const http::Request& request;
  http::Responder& responder;
  GenerationRequest asked;
  Timing timing;
  http::Headers headers;
};

http::Response json_response(const Json& object, http::Headers headers) {
  return {.status = 200, .body = wire::dump_json(object), .headers = std::move(headers)};
}

// What only the model's description can tell: whether it can do what is asked, and what it does by itself.
ApiResult<void> fit_to_model(GenerationRequest& asked, const protocol::Opened& model) {
  const bool is_chat = asked.endpoint == Endpoint::kChat;
  if (model.is_encoder()) return lacks_capability(asked.model, is_chat ? "chat" : "generate");
  const std::string& own_template = asked.generate.template_source();
  const bool has_template = !model.chat_format().empty() || !own_template.empty();
  if (is_chat && !has_template) return lacks_capability(asked.model, "chat");
  if (asked.has_images) return lacks_capability(asked.model, "vision");
  if (!asked.tools.empty() && !model.has_template_tools())
    return lacks_capability(asked.model, "tools", inference::kWhyNoTools);
  const std::string& source = own_template.empty() ? model.chat_template() : own_template;
  if (!asked.suffix.empty() && !text::template_knows_suffix(source))
    return lacks_capability(asked.model, "insert");
  if (!has_template && !asked.system.empty())
    return ApiError(400, "system: the model has no chat template, and so no place for it", "system");
  if (asked.raw) return {};

  const bool can_think = model.has_template_thinking() || !own_template.empty();
  if (asked.think && asked.think->enabled() && !can_think) return lacks_capability(asked.model, "thinking");
  if (asked.think && can_think) {
    *asked.generate.mutable_think() = *asked.think;
  } else if (model.has_template_thinking()) {
    asked.generate.mutable_think()->set_enabled(true);
  }
  return {};
}

// More context than the model was trained for is not to be had. Says so, where it was asked for.
void limit_context(Generation& generation, const protocol::Opened& model) {
  auto& wanted = generation.asked.wish.context_tokens;
  const int64_t most = model.trained_context_tokens();
  if (!wanted) return;
  if (most > 0 && *wanted > most) {
    generation.headers.emplace_back("Hearth-Warning",
                                    fmt::format("num_ctx {} is more than the model's {}", *wanted, most));
    wanted = most;
  }
  generation.asked.generate.set_context_tokens(*wanted);
}

// What a model of the store says is the default of its requests.
ApiResult<StoredLayers> stored_layers_of(const OllamaApi& api, const std::string& model) {
  const auto entry = api.models.find(model);
  if (!entry || !entry->stored) return StoredLayers();
  return read_stored_layers(*entry->stored);
}

// --- Answering
// ----------------------------------------------------------------------------------------------

// The lines of a stream. The head is sent with the first of them, so that an error before it has its own
// status.
class LineStream {
 public:
  LineStream(http::Responder& responder, http::Headers headers)
      : responder_(responder), headers_(std::move(headers)) {}

  Task<bool> write(std::string line) {
    if (!responder_.has_begun()) {
      std::string type(wire::kNdjson);  // named: GCC 12 goes wrong with temporaries of awaited calls
      const bool begun = co_await responder_.begin(200, std::move(type), std::move(headers_));
      if (!begun) co_return false;
    }
    co_return co_await responder_.write(std::move(line));
  }

 private:
  http::Responder& responder_;
  http::Headers headers_;
};

// A call of a tool comes whole, in one line.
Task<bool> write_delta(LineStream& stream, const GenerationRequest& asked, inference::ToolCalls& calls,
                       const protocol::Delta& delta) {
  const bool is_thinking = delta.kind() == protocol::Delta::THINKING;
  Json logprobs = logprobs_of(delta);
  if (delta.kind() == protocol::Delta::TOOL_CALL) {
    calls.append(delta.tool_call());
    AnswerText text;
    text.logprobs = std::move(logprobs);
    if (delta.tool_call().is_whole()) text.tool_calls.push_back(call_record(calls));
    if (text.empty()) co_return true;
    std::string line = wire::ndjson_line(part_record(asked, text));
    co_return co_await stream.write(std::move(line));
  }
  if (delta.text().empty() && logprobs.empty()) co_return true;
  for (const std::string_view part : wire::text_parts(delta.text())) {
    AnswerText text;
    (is_thinking ? text.thinking : text.content) = part;
    text.logprobs = std::exchange(logprobs, Json::array());
    std::string line = wire::ndjson_line(part_record(asked, text));
    const bool goes_on = co_await stream.write(std::move(line));
    if (!goes_on) co_return false;
  }
  co_return true;
}

Task<void> answer_in_lines(Generation& generation, EngineCall& call) {
  LineStream stream(generation.responder, generation.headers);
  inference::ToolCalls calls = new_tool_calls();
  wire::PumpSinks sinks;
  sinks.on_delta = [&](const protocol::Delta& delta) {
    return write_delta(stream, generation.asked, calls, delta);
  };
  const wire::GenerationEnd end =
      co_await wire::pump_generation(call, generation.responder, std::move(sinks));
  if (end.client_gone) co_return;
  if (end.error) {
    const ApiError error = without_paths(generation.api, generation.asked.model, *end.error);
    if (!generation.responder.has_begun()) {
      http::Response response = refusal(error);
      co_await generation.responder.send(std::move(response));
      co_return;
    }
    std::string line = wire::ndjson_line({{"error", error.message}});
    co_await stream.write(std::move(line));
  } else {
    const Json last = final_record(generation.asked, {}, end.answers.front(), generation.timing);
    std::string line = wire::ndjson_line(last);
    co_await stream.write(std::move(line));
  }
  co_await generation.responder.end();
}

Task<void> answer_whole(Generation& generation, EngineCall& call) {
  AnswerText text;
  inference::ToolCalls calls = new_tool_calls();
  wire::PumpSinks sinks;
  sinks.on_delta = [&text, &calls](const protocol::Delta& delta) -> Task<bool> {
    text.append(delta, calls);
    co_return true;
  };
  const wire::GenerationEnd end =
      co_await wire::pump_generation(call, generation.responder, std::move(sinks));
  if (end.client_gone) co_return;
  http::Response response;
  if (end.error) {
    response = refusal(without_paths(generation.api, generation.asked.model, *end.error));
  } else {
    response = json_response(final_record(generation.asked, text, end.answers.front(), generation.timing),
                             generation.headers);
  }
  co_await generation.responder.send(std::move(response));
}

Task<ApiResult<void>> show_prompt(Generation& generation, EngineLease& lease) {
  auto rendered = co_await render_prompt(lease, generation.responder, generation.asked);
  if (!rendered) co_return rendered.error();
  const Json record{{"model", generation.asked.model},
                    {"created_at", load_record(generation.asked, "")["created_at"]},
                    {"_debug_info", {{"rendered_template", *rendered}}}};
  http::Response response = json_response(record, generation.headers);
  co_await generation.responder.send(std::move(response));
  co_return ApiResult<void>();
}

// --- From the request to the engine
// -------------------------------------------------------------------------

// Everything until the answer begins: its error is the whole answer.
Task<ApiResult<void>> run(Generation& generation) {
  GenerationRequest& asked = generation.asked;
  ModelService& models = generation.api.models;
  note_model(generation.api, asked.model, generation.responder);
  if (asked.unloads()) {
    const Result<bool> unloaded = models.unload(asked.model);
    if (!unloaded) co_return ApiError(unloaded.error());
    http::Response response = json_response(load_record(asked, "unload"), generation.headers);
    co_await generation.responder.send(std::move(response));
    co_return ApiResult<void>();
  }
  const auto model = co_await models.describe(asked.model);
  if (!model) co_return ApiError(model.error());
  const ApiResult<StoredLayers> stored = stored_layers_of(generation.api, asked.model);
  if (!stored) co_return stored.error();
  const ApiResult<void> has_options = apply_stored_options(*stored, asked);
  if (!has_options) co_return has_options.error();
  const ApiResult<void> fits = fit_to_model(asked, *model);
  if (!fits) co_return fits.error();
  limit_context(generation, *model);

  auto lease = co_await models.acquire(asked.model, asked.wish);
  if (!lease) co_return ApiError(lease.error());
  generation.timing.load = (*lease)->load_duration();
  if (asked.loads_only()) {
    http::Response response = json_response(load_record(asked, "load"), generation.headers);
    co_await generation.responder.send(std::move(response));
    co_return ApiResult<void>();
  }
  // Where there is no chat template there is no place for them.
  const bool has_chat = !model->chat_format().empty() || !asked.generate.template_source().empty();
  if (has_chat) apply_stored_messages(*stored, asked);
  if (asked.render_only) co_return co_await show_prompt(generation, **lease);
  const ApiResult<void> prepared = co_await prepare_prompt(**lease, generation.responder, asked);
  if (!prepared) co_return prepared.error();

  protocol::Call call;
  *call.mutable_generate() = asked.generate;
  call.mutable_generate()->set_tenant(generation.request.identity.key_id);
  const std::unique_ptr<EngineCall> engine_call = (*lease)->call(std::move(call));
  if (asked.stream) {
    co_await answer_in_lines(generation, *engine_call);
  } else {
    co_await answer_whole(generation, *engine_call);
  }
  co_return ApiResult<void>();
}

Task<void> serve(OllamaApi api, const http::Request& request, http::Responder& responder,
                 ApiResult<GenerationRequest> asked) {
  if (!asked) {
    http::Response response = refusal(asked.error());
    co_await responder.send(std::move(response));
    co_return;
  }
  http::Headers headers = warnings(asked->unknown_options);
  Generation generation{api, request, responder, std::move(*asked), {}, std::move(headers)};
  const ApiResult<void> done = co_await run(generation);
  if (done || responder.is_disconnected()) co_return;
  http::Response response = refusal(without_paths(api, generation.asked.model, done.error()));
  co_await responder.send(std::move(response));
}

}  // namespace

Task<void> generate(OllamaApi api, const http::Request& request, http::Responder& responder) {
  return serve(std::move(api), request, responder, read_generate_request(request.body));
}

Task<void> chat(OllamaApi api, const http::Request& request, http::Responder& responder) {
  return serve(std::move(api), request, responder, read_chat_request(request.body));
}

}  // namespace hearth::server::ollama
