// /api/embed, and /api/embeddings as it was before.
#include <cmath>
#include <iterator>

#include "server/ollama/handlers.h"
#include "server/ollama/records.h"
#include "server/ollama/refusal.h"
#include "server/ollama/run_options.h"
#include "server/wire/duration.h"
#include "server/wire/generation_pump.h"
#include "server/wire/json_body.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;
using wire::JsonBody;

struct EmbedRequest {
  std::string model;
  protocol::Embed embed;
  LoadWish wish;
  std::vector<std::string> unknown_options;
};

// What both requests have.
ApiResult<EmbedRequest> read_common(const JsonBody& body) {
  EmbedRequest request;
  request.model = body["model"].required().string().value_or("");
  if (body["model"].present() && request.model.empty()) body["model"].expected("the name of a model");
  request.wish.keep_alive = wire::read_keep_alive(body["keep_alive"]);
  RunOptions options = read_run_options(body["options"]);
  request.wish.context_tokens = options.num_ctx;
  request.unknown_options = std::move(options.unknown);
  request.embed.set_truncate(body["truncate"].boolean().value_or(true));
  HEARTH_TRY(body.check());
  return request;
}

ApiResult<EmbedRequest> read_embed_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  HEARTH_ASSIGN(EmbedRequest request, read_common(body));
  std::vector<std::string> texts = body["input"].string_or_strings();
  const bool is_nothing = texts.size() == 1 && texts.front().empty() && body["input"].json().is_string();
  if (!is_nothing) {
    for (std::string& input : texts) request.embed.add_texts(std::move(input));
  }
  request.embed.set_dimensions(body["dimensions"].integer(0, INT32_MAX).value_or(0));
  HEARTH_TRY(body.check());
  return request;
}

ApiResult<EmbedRequest> read_embeddings_request(std::string_view text) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  HEARTH_ASSIGN(EmbedRequest request, read_common(body));
  std::string prompt = body["prompt"].string().value_or("");
  HEARTH_TRY(body.check());
  if (!prompt.empty()) request.embed.add_texts(std::move(prompt));
  request.embed.set_not_normalised(true);
  return request;
}

struct Embedded {
  protocol::Vectors vectors;
  Timing timing;
};

Task<ApiResult<Embedded>> compute(OllamaApi api, http::Responder& responder, const EmbedRequest& request) {
  Embedded embedded;
  note_model(api, request.model, responder);
  const auto model = co_await api.models.describe(request.model);
  if (!model) co_return ApiError(model.error());
  if (request.embed.dimensions() > model->embedding_length()) {
    co_return ApiError(400, fmt::format("dimensions: expected at most the model's {}, found {}",
                                        model->embedding_length(), request.embed.dimensions()));
  }
  auto lease = co_await api.models.acquire(request.model, request.wish);
  if (!lease) co_return ApiError(lease.error());
  embedded.timing.load = (*lease)->load_duration();
  if (request.embed.texts_size() == 0) co_return embedded;  // loads the model, as an empty prompt does
  protocol::Call what;
  *what.mutable_embed() = request.embed;
  const std::unique_ptr<EngineCall> call = (*lease)->call(std::move(what));
  auto reply = co_await wire::only_reply(*call, responder);
  if (!reply) co_return reply.error();
  embedded.vectors = std::move(*reply->mutable_vectors());
  if (embedded.vectors.vectors_size() != request.embed.texts_size()) {
    co_return ApiError(500, fmt::format("the engine made {} vectors of {} texts",
                                        embedded.vectors.vectors_size(), request.embed.texts_size()));
  }
  co_return embedded;
}

// The shortest digits that give the same 32 bits again, half of what a double would take. JSON has no NaN.
std::string vector_json(const protocol::Vectors::Vector& vector) {
  std::string text = "[";
  for (const float number : vector.numbers()) {
    if (text.size() > 1) text += ',';
    fmt::format_to(std::back_inserter(text), "{}", std::isfinite(number) ? number : 0.0F);
  }
  return text + ']';
}

bool all_finite(const protocol::Vectors& vectors) {
  for (const auto& vector : vectors.vectors()) {
    for (const float number : vector.numbers()) {
      if (!std::isfinite(number)) return false;
    }
  }
  return true;
}

// {"model", "embeddings": [[...], ...], figures}; the vectors are written beside the rest for their digits.
std::string embed_body(const EmbedRequest& request, const Embedded& embedded) {
  std::string text = fmt::format("{{\"model\":{},\"embeddings\":[", wire::dump_json(request.model));
  for (int i = 0; i < embedded.vectors.vectors_size(); ++i)
    text += (i == 0 ? "" : ",") + vector_json(embedded.vectors.vectors(i));
  return text + fmt::format("],\"total_duration\":{},\"load_duration\":{},\"prompt_eval_count\":{}}}",
                            embedded.timing.total_ns(), embedded.timing.load_ns(),
                            embedded.vectors.n_prompt_tokens());
}

std::string embeddings_body(const EmbedRequest& /*request*/, const Embedded& embedded) {
  const auto& vectors = embedded.vectors.vectors();
  return fmt::format("{{\"embedding\":{}}}", vectors.empty() ? "[]" : vector_json(vectors.Get(0)));
}

using BodyOf = std::string (*)(const EmbedRequest&, const Embedded&);

// `key_id`: of who asked.
Task<void> serve(OllamaApi api, http::Responder& responder, ApiResult<EmbedRequest> request,
                 std::string key_id, BodyOf body_of) {
  http::Response response;
  if (!request) {
    response = refusal(request.error());
  } else {
    request->embed.set_tenant(key_id);
    const auto embedded = co_await compute(api, responder, *request);
    if (responder.is_disconnected()) co_return;
    if (!embedded) {
      response = refusal(without_paths(api, request->model, embedded.error()));
    } else if (!all_finite(embedded->vectors)) {
      response = refusal({500, "the model computed numbers that are none (NaN or infinite)"});
    } else {
      response = {
          .status = 200, .body = body_of(*request, *embedded), .headers = warnings(request->unknown_options)};
    }
  }
  co_await responder.send(std::move(response));
}

}  // namespace

Task<void> embed(OllamaApi api, const http::Request& request, http::Responder& responder) {
  return serve(std::move(api), responder, read_embed_request(request.body), request.identity.key_id,
               embed_body);
}

Task<void> embeddings(OllamaApi api, const http::Request& request, http::Responder& responder) {
  return serve(std::move(api), responder, read_embeddings_request(request.body), request.identity.key_id,
               embeddings_body);
}

}  // namespace hearth::server::ollama
