#include "server/openai/api_error.h"

#include "server/http/router.h"
#include "server/wire/stream_text.h"

namespace hearth::server::openai {
namespace {

constexpr int kUnavailable = 503;

}  // namespace

wire::Json error_body(const wire::ApiError& error) {
  const http::Response plain = http::error_response(http::Dialect::kOpenAi, error.status, error.message, "");
  wire::Json body = wire::Json::parse(plain.body);
  if (!error.field.empty()) body["error"]["param"] = error.field;
  return body;
}

Task<void> send_error(http::Responder& responder, wire::ApiError error) {
  const wire::Json body = error_body(error);
  if (responder.has_begun()) {
    std::string event = wire::sse_event(body);
    const bool written = co_await responder.write(std::move(event));
    if (written) co_await responder.end();
    co_return;
  }
  http::Response response;
  response.status = error.status;
  response.body = wire::dump_json(body);
  if (error.status == kUnavailable) response.headers.emplace_back("Retry-After", "1");
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::openai
