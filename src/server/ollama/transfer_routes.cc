// POST /api/pull and /api/push.
#include <cmath>

#include "server/ollama/handlers.h"
#include "server/ollama/refusal.h"
#include "server/wire/json_body.h"
#include "server/wire/stream_text.h"

namespace hearth::server::ollama {
namespace {

using wire::ApiError;
using wire::ApiResult;
using wire::Json;
using wire::JsonBody;

struct TransferRequest {
  TransferWish wish;
  bool stream = true;
};

ApiResult<TransferRequest> read_transfer_request(std::string_view text, TransferWish::Kind kind) {
  HEARTH_ASSIGN(const JsonBody body, JsonBody::parse(text));
  TransferRequest request;
  request.wish.kind = kind;
  // "name" is what old clients say.
  const auto name = body["name"].string();
  request.wish.name = name ? *name : body["model"].required().string().value_or("");
  if (body["model"].present()) request.wish.name = body["model"].string().value_or("");
  request.wish.insecure = body["insecure"].boolean().value_or(false);
  if (kind == TransferWish::Kind::kPull) {
    request.wish.from = body["from"].string().value_or("");
    request.wish.from_key = body["from_key"].string().value_or("");
  }
  request.stream = body["stream"].boolean().value_or(true);
  HEARTH_TRY(body.check());
  if (request.wish.name.empty()) return ApiError(400, "model: expected the name of a model", "model");
  return request;
}

constexpr double kMostSeconds = 1e9;  // longer is no forecast

Json status_record(const TransferStatus& status) {
  Json record{{"status", status.text}};
  if (status.digest.empty()) return record;
  record["digest"] = status.digest;
  record["total"] = status.total_bytes;
  // Ollama's clients take an absent one for none.
  if (status.completed_bytes > 0) record["completed"] = status.completed_bytes;
  // Hearth's own.
  if (status.bytes_per_s >= 1.0) record["bytes_per_second"] = static_cast<uint64_t>(status.bytes_per_s);
  if (const auto left = status.seconds_left(); left && *left < kMostSeconds)
    record["seconds_left"] = static_cast<uint64_t>(std::ceil(*left));
  return record;
}

// As long as it lives, the transfer is cancelled when the client goes away.
class CancelsTransfer {
 public:
  CancelsTransfer(Transfer& transfer, http::Responder& responder) : responder_(responder) {
    responder.on_disconnect([&transfer] { transfer.cancel(); });
  }
  CancelsTransfer(const CancelsTransfer&) = delete;
  CancelsTransfer& operator=(const CancelsTransfer&) = delete;
  ~CancelsTransfer() { responder_.on_disconnect(nullptr); }

 private:
  http::Responder& responder_;
};

Task<void> stream_transfer(Transfer& transfer, http::Responder& responder) {
  constexpr int kOk = 200;
  std::string content_type(wire::kNdjson);
  http::Headers headers;
  bool is_there = co_await responder.begin(kOk, std::move(content_type), std::move(headers));
  while (is_there) {
    const auto status = co_await transfer.next();
    if (!status) break;
    const Json record = *status ? status_record(**status) : Json{{"error", status->error().message()}};
    std::string line = wire::ndjson_line(record);
    is_there = co_await responder.write(std::move(line));
    if (!*status) break;
  }
  co_await responder.end();
}

Task<void> await_transfer(Transfer& transfer, http::Responder& responder) {
  http::Response response = refusal({500, "the transfer told nothing"});
  while (true) {
    const auto status = co_await transfer.next();
    if (!status) break;
    if (!*status) {
      response = refusal(ApiError(status->error()));
      break;
    }
    response = {.status = 200, .body = wire::dump_json(status_record(**status))};
  }
  co_await responder.send(std::move(response));
}

Task<void> transfer_model(OllamaApi api, const http::Request& request, http::Responder& responder,
                          TransferWish::Kind kind) {
  const auto asked = read_transfer_request(request.body, kind);
  std::optional<ApiError> problem;
  std::unique_ptr<Transfer> transfer;
  if (api.transfers == nullptr) {
    problem = ApiError(501, "this server pulls and pushes nothing");
  } else if (!asked) {
    problem = asked.error();
  } else if (auto begun = api.transfers->begin(asked->wish); begun) {
    transfer = std::move(begun).value();
  } else {
    problem = ApiError(begun.error());
  }
  if (problem) {
    http::Response response = refusal(*problem);
    co_await responder.send(std::move(response));
    co_return;
  }
  note_model(api, asked->wish.name, responder);
  const CancelsTransfer cancels(*transfer, responder);
  if (asked->stream) {
    co_await stream_transfer(*transfer, responder);
  } else {
    co_await await_transfer(*transfer, responder);
  }
  note_model(api, asked->wish.name, responder);  // which may be there only now
}

}  // namespace

Task<void> pull(OllamaApi api, const http::Request& request, http::Responder& responder) {
  co_await transfer_model(std::move(api), request, responder, TransferWish::Kind::kPull);
}

Task<void> push(OllamaApi api, const http::Request& request, http::Responder& responder) {
  co_await transfer_model(std::move(api), request, responder, TransferWish::Kind::kPush);
}

}  // namespace hearth::server::ollama
