#include "server/extras/handlers.h"
#include "server/extras/rerank_request.h"
#include "server/inference/generation.h"
#include "server/inference/random_id.h"
#include "server/openai/api_error.h"

namespace hearth::server::extras {
namespace {

using wire::Json;

constexpr int kServerError = 500;

Json answer_of(const RerankRequest& request, const std::vector<std::string>& texts,
               const std::vector<Ranked>& ranked, int64_t n_tokens) {
  Json results = Json::array();
  for (const Ranked& entry : ranked) {
    if (results.size() == request.top_n) break;
    Json result = {{"index", entry.document}, {"relevance_score", entry.score}};
    if (request.return_documents) result["document"] = {{"text", texts[entry.document + 1]}};
    results.push_back(std::move(result));
  }
  return {{"id", inference::random_id("rerank-")},
          {"object", "list"},
          {"model", request.model.name},
          {"results", std::move(results)},
          {"usage", {{"prompt_tokens", n_tokens}, {"total_tokens", n_tokens}}}};
}

}  // namespace

Task<void> rerank(const Dependencies& deps, const http::Request& request, http::Responder& responder) {
  const auto wanted = read_rerank_request(request.body);
  if (!wanted) {
    co_await openai::send_error(responder, wanted.error());
    co_return;
  }
  const auto lease =
      co_await inference::acquire_model(*deps.models, wanted->model, inference::Ability::kAny, responder);
  if (!lease) {
    co_await openai::send_error(responder, lease.error());
    co_return;
  }
  const std::vector<std::string> texts(wanted->embed.texts().begin(), wanted->embed.texts().end());
  protocol::Call message;
  *message.mutable_embed() = wanted->embed;
  message.mutable_embed()->set_tenant(request.identity.key_id);
  const auto reply = co_await inference::ask_engine(**lease, std::move(message), responder);
  if (!reply) {
    co_await openai::send_error(responder, reply.error());
    co_return;
  }
  const auto ranked = rank_documents(reply->vectors());
  if (!ranked || ranked->size() + 1 != texts.size()) {
    const std::string message_text = ranked ? "the engine gave too few vectors" : ranked.error().message();
    co_await openai::send_error(responder, wire::ApiError(kServerError, message_text));
    co_return;
  }
  http::Response response;
  response.body = wire::dump_json(answer_of(*wanted, texts, *ranked, reply->vectors().n_prompt_tokens()));
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::extras
