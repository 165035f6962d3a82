#include "server/anthropic/api_error.h"

#include "server/http/router.h"
#include "server/wire/stream_text.h"

namespace hearth::server::anthropic {

Task<void> send_error(const http::Request& request, http::Responder& responder, wire::ApiError error) {
  constexpr int kUnavailable = 503;
  http::Response response =
      http::error_response(http::Dialect::kAnthropic, error.status, error.message, request.id);
  if (responder.has_begun()) {
    std::string event = wire::sse_event(wire::Json::parse(response.body), "error");
    const bool written = co_await responder.write(std::move(event));
    if (written) co_await responder.end();
    co_return;
  }
  if (error.status == kUnavailable) response.headers.emplace_back("Retry-After", "1");
  co_await responder.send(std::move(response));
}

}  // namespace hearth::server::anthropic
