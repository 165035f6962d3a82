#include "server/http/connection.h"

#include <fmt/format.h>

#include <exception>

#include "server/http/content_coding.h"
#include "server/http/request_parser.h"
#include "server/http/streamed_body.h"

namespace hearth::server::http {
namespace {

constexpr int kClientWentAway = 499;

bool is_true_error(const std::exception_ptr& error, std::string& what) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    what = exception.what();
  } catch (...) {
    what = "something that is no std::exception";
  }
  return true;
}

Dialect dialect_of_raw(std::string_view input) {
  const size_t space = std::min(input.find(' '), input.size());
  const std::string_view target = input.substr(std::min(space + 1, input.size()));
  return dialect_of(target.substr(0, std::min(target.find_first_of(" \r\n"), target.size())));
}

// Of a body, what any route takes: whose it is, the head will say.
ParserLimits parser_limits(const ServerState& state) {
  const Limits& limits = state.options.limits;
  return {.head_bytes = limits.head_bytes,
          .n_headers = limits.n_headers,
          .target_bytes = limits.target_bytes,
          .body_bytes = std::max<uint64_t>(limits.body_bytes, state.router.max_streamed_body_bytes())};
}

std::string content_coding_of(const RequestHead& head) {
  std::string coding;
  for (const auto& [name, value] : head.headers) {
    if (name == "content-encoding") coding += coding.empty() ? value : ", " + value;
  }
  return coding;
}

}  // namespace

struct Connection::Exchange {
  explicit Exchange(ServerState& server)
      : state(server), parser(parser_limits(server)), begin(Clock::now()) {}
  ~Exchange() {
    if (counted) --state.stats.n_requests_in_flight;
    state.stats.body_bytes -= body_bytes;
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void count() {
    counted = true;
    ++state.stats.n_requests_in_flight;
  }
  void set_body_bytes(size_t n_bytes) {
    state.stats.body_bytes += n_bytes - body_bytes;
    body_bytes = n_bytes;
  }

  ServerState& state;
  RequestParser parser;
  Admission admission;
  Clock::time_point begin;
  std::string model;
  const StreamedBody* streamed_body = nullptr;  // of a handler that reads it
  bool counted = false;
  size_t body_bytes = 0;
  bool keep_alive = false;
  int status = 0;  // 0: none was sent
  bool complete = false;
};

Connection::Connection(std::shared_ptr<ServerState> state, std::shared_ptr<Channel> channel,
                       Endpoints endpoints, bool turn_away)
    : state_(std::move(state)),
      channel_(std::move(channel)),
      endpoints_(std::move(endpoints)),
      turn_away_(turn_away) {}

Task<void> Connection::run() {
  bool ready = true;
  if (state_->tls) {
    ready = co_await channel_->handshake(Clock::now() + state_->options.limits.head_time);
    linger_ = !ready;
  }
  while (ready) {
    const bool arrived = co_await wait_for_request();
    if (!arrived) break;
    ready = co_await serve();
  }
  idle_ = false;
  co_await channel_->close(linger_);
}

Task<bool> Connection::wait_for_request() {
  idle_ = true;
  channel_->release_memory();
  if (channel_->input().empty()) {
    const Limits& limits = state_->options.limits;
    const auto wait =
        co_await channel_->more_input(Clock::now() + (turn_away_ ? limits.head_time : limits.idle));
    if (wait != Channel::Wait::kInput) co_return false;
  }
  idle_ = false;
  co_return true;
}

Task<std::optional<ParseFailure>> Connection::read_head(Exchange& exchange) {
  constexpr int kMaxEmptyLines = 2;  // that clients of old send behind a body
  const Limits& limits = state_->options.limits;
  const auto deadline = Clock::now() + limits.head_time;
  HeadScanner scanner;
  auto scanned = HeadScanner::State::kMore;
  int n_empty_lines = 0;
  while (true) {
    while (scanner.length_bytes() == 0 && n_empty_lines < kMaxEmptyLines &&
           channel_->input().starts_with("\r\n")) {
      channel_->consume(2);
      ++n_empty_lines;
    }
    const std::string& input = channel_->input();
    if (input != "\r") scanned = scanner.scan(input);
    if (scanned == HeadScanner::State::kBad) {
      co_return ParseFailure{400, fmt::format("the request's head is malformed: {}", scanner.problem())};
    }
    if (scanner.length_bytes() > limits.head_bytes) {
      co_return ParseFailure{431,
                             fmt::format("the request's head is larger than {} bytes", limits.head_bytes)};
    }
    if (scanned == HeadScanner::State::kComplete) break;
    const auto wait = co_await channel_->more_input(deadline);
    if (wait == Channel::Wait::kClosed) co_return ParseFailure{0, ""};
    if (wait == Channel::Wait::kTimeout) co_return ParseFailure{408, "the request's head took too long"};
  }
  auto failure =
      exchange.parser.parse_head(std::string_view(channel_->input()).substr(0, scanner.length_bytes()));
  if (!failure) channel_->consume(scanner.length_bytes());
  co_return failure;
}

AnswerOptions Connection::answer_options(const Exchange& exchange) const {
  const RequestHead& head = exchange.parser.head();
  AnswerOptions options{.http_1_1 = head.http_1_1,
                        .head_only = head.method == "HEAD",
                        .keep_alive = exchange.keep_alive && !turn_away_,
                        .streamed_body = exchange.streamed_body,
                        .headers = exchange.admission.headers,
                        .write_stall = state_->options.limits.write_stall};
  options.headers.emplace_back("X-Request-Id", exchange.admission.request.id);
  if (exchange.admission.dialect == Dialect::kAnthropic) {
    options.headers.emplace_back("request-id", exchange.admission.request.id);
  }
  return options;
}

Task<void> Connection::respond(Exchange& exchange, Response response) {
  Answer answer(*channel_, state_->draining, answer_options(exchange));
  co_await answer.send(std::move(response));
  exchange.status = answer.status();
  exchange.complete = answer.is_complete();
  exchange.keep_alive = answer.keeps_alive() && exchange.complete;
}

// What has not been read of the request can no longer be told from the next one.
Task<void> Connection::refuse(Exchange& exchange, int status, std::string message) {
  exchange.keep_alive = false;
  linger_ = true;
  Response response =
      error_response(exchange.admission.dialect, status, message, exchange.admission.request.id);
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  co_await respond(exchange, std::move(response));
}

bool Connection::has_room(Exchange& exchange) const {
  if (exchange.admission.route->scope == Scope::kPublic) return true;
  return state_->stats.n_requests_in_flight < state_->options.limits.n_requests_in_flight;
}

Task<bool> Connection::serve() {
  Exchange exchange(*state_);
  std::string id = make_request_id();
  auto failure = co_await read_head(exchange);
  exchange.begin = Clock::now();
  const RequestHead& head = exchange.parser.head();
  if (failure) {
    if (failure->status == 0) co_return false;
    exchange.admission.request.id = std::move(id);
    exchange.admission.request.peer = endpoints_.peer;
    exchange.admission.dialect = dialect_of_raw(channel_->input());
    co_await refuse(exchange, failure->status, std::move(failure->message));
    tell_answered(exchange);
    co_return false;
  }
  exchange.admission = admit(*state_, head, endpoints_, std::move(id));
  exchange.keep_alive = !head.close;
  if (turn_away_) {
    co_await refuse(exchange, 503, "the server has as many connections as it may have; try again later");
  } else if (exchange.admission.response) {
    if (head.has_body) {
      exchange.keep_alive = false;
      linger_ = true;
    }
    Response response = std::move(*exchange.admission.response);
    co_await respond(exchange, std::move(response));
  } else if (!has_room(exchange)) {
    co_await refuse(exchange, 503, "the server is answering as many requests as it may; try again later");
  } else {
    exchange.count();
    co_await serve_admitted(exchange);
  }
  tell_answered(exchange);
  co_return exchange.keep_alive && !channel_->gone() && !state_->draining;
}

Task<void> Connection::serve_admitted(Exchange& exchange) {
  const uint64_t streamed_bytes = exchange.admission.route->streamed_body_bytes;
  auto too_large =
      exchange.parser.limit_body(streamed_bytes > 0 ? streamed_bytes : state_->options.limits.body_bytes);
  if (too_large) {
    co_await refuse(exchange, too_large->status, std::move(too_large->message));
  } else if (streamed_bytes > 0) {
    co_await serve_streamed(exchange);
  } else {
    co_await read_body(exchange);
    if (exchange.status == 0 && !channel_->broken()) co_await call_handler(exchange);
  }
}

Task<void> Connection::serve_streamed(Exchange& exchange) {
  const std::string coding = content_coding_of(exchange.parser.head());
  if (!coding.empty() && coding != "identity") {
    co_await refuse(exchange, 415, "expected a body without Content-Encoding");
    co_return;
  }
  StreamedBody body(*channel_, exchange.parser, state_->options.limits);
  exchange.admission.request.streamed_body = &body;
  exchange.streamed_body = &body;
  co_await call_handler(exchange);
  exchange.admission.request.streamed_body = nullptr;
  exchange.streamed_body = nullptr;
  if (body.is_whole()) co_return;
  exchange.keep_alive = false;
  linger_ = true;
}

Task<void> Connection::read_body(Exchange& exchange) {
  const RequestHead& head = exchange.parser.head();
  if (!head.has_body) co_return;
  const Limits& limits = state_->options.limits;
  auto decoder = make_content_decoder(content_coding_of(head));
  if (!decoder) {
    const int status = error_traits(decoder.error().code()).http_status;
    const bool unsupported = decoder.error().code() == ErrorCode::kUnsupported;
    co_await refuse(exchange, unsupported ? 415 : status, decoder.error().message());
    co_return;
  }
  if (head.expects_continue && channel_->input().empty()) {
    co_await channel_->write("HTTP/1.1 100 Continue\r\n\r\n", limits.write_stall);
  }
  std::string& body = exchange.admission.request.body;
  auto deadline = Clock::now() + limits.body_stall;
  size_t progress = 0;
  while (true) {
    std::string part;
    size_t n_taken = 0;
    auto failure = exchange.parser.parse_body(channel_->input(), part, n_taken);
    if (failure) {
      co_await refuse(exchange, failure->status, std::move(failure->message));
      co_return;
    }
    channel_->consume(n_taken);
    Result<void> decoded = (*decoder)->decode(part, body, limits.body_bytes);
    if (decoded && exchange.parser.complete()) decoded = (*decoder)->finish();
    exchange.set_body_bytes(body.size());
    if (!decoded) {
      const bool too_large = decoded.error().code() == ErrorCode::kResourceExhausted;
      co_await refuse(exchange, too_large ? 413 : 400, decoded.error().message());
      co_return;
    }
    if (exchange.parser.complete()) co_return;
    if (state_->stats.body_bytes > limits.all_body_bytes) {
      co_await refuse(exchange, 503, "the server holds as many bytes of requests as it may; try again later");
      co_return;
    }
    progress += n_taken;
    if (progress >= kMinBodyProgressBytes) {
      deadline = Clock::now() + limits.body_stall;
      progress = 0;
    }
    const auto wait = co_await channel_->more_input(deadline);
    if (wait == Channel::Wait::kTimeout || (wait == Channel::Wait::kInput && Clock::now() >= deadline)) {
      co_await refuse(exchange, 408, "the request's body took too long");
      co_return;
    }
    if (wait == Channel::Wait::kClosed) {
      exchange.status = kClientWentAway;
      exchange.keep_alive = false;
      co_return;
    }
  }
}

Task<void> Connection::call_handler(Exchange& exchange) {
  Answer answer(*channel_, state_->draining, answer_options(exchange));
  // While a body is read, its reader notices.
  if (exchange.admission.request.streamed_body == nullptr) channel_->watch([] {});
  std::exception_ptr error;
  try {
    co_await exchange.admission.route->handler(exchange.admission.request, answer);
  } catch (...) {
    error = std::current_exception();
  }
  channel_->watch(nullptr);
  exchange.model = answer.model();
  std::string what;
  const std::string& id = exchange.admission.request.id;
  const std::string& pattern = exchange.admission.route->pattern;
  if (is_true_error(error, what)) {
    state_->report(fmt::format("{} {}: the handler threw: {}", id, pattern, what));
  } else if (!answer.has_ended() && !answer.is_disconnected()) {
    state_->report(fmt::format("{} {}: the handler gave no whole answer", id, pattern));
  }
  if (!answer.has_begun() && !channel_->broken()) {
    if (channel_->gone()) {
      exchange.keep_alive = false;
      co_return;
    }
    co_await refuse(exchange, 500, "internal error");
    co_return;
  }
  exchange.status = answer.status();
  exchange.complete = answer.is_complete();
  exchange.keep_alive = answer.keeps_alive() && exchange.complete;
  // Whoever reads until the end of the connection must not take what there is for the whole.
  if (!answer.has_ended()) channel_->cut();
}

void Connection::tell_answered(const Exchange& exchange) {
  ++state_->stats.n_answered;
  if (!state_->options.on_answered) return;
  const Route* route = exchange.admission.route;
  state_->options.on_answered({.request = exchange.admission.request,
                               .route_pattern = route == nullptr ? std::string_view() : route->pattern,
                               .model = exchange.model,
                               .status = exchange.status == 0 ? kClientWentAway : exchange.status,
                               .complete = exchange.complete,
                               .duration = Clock::now() - exchange.begin});
}

}  // namespace hearth::server::http
