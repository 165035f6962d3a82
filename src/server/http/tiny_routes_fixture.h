// Few routes that do what tests want to see.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/http/live_server_fixture.h"

namespace hearth::server::http {

inline Task<void> sleep_for(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
}

// Waits for the client to go away, or for a time that no test waits.
inline Task<void> wait_for_disconnect(Responder& responder) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::seconds(20));
  bool gone = false;
  responder.on_disconnect([&] {
    gone = true;
    timer.cancel();
  });
  boost::system::error_code woken;
  if (!gone) co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

// What handlers saw, told to the thread of the test.
struct Seen {
  std::mutex mutex;
  std::vector<std::string> lines;
  std::promise<std::chrono::steady_clock::time_point> disconnected;

  void add(std::string line) {
    const std::lock_guard lock(mutex);
    lines.push_back(std::move(line));
  }
  std::vector<std::string> all() {
    const std::lock_guard lock(mutex);
    return lines;
  }
};

inline void add_route(Router& router, Method method, std::string pattern, Handler handler,
                      Scope scope = Scope::kInference) {
  router.add({.method = method,
              .pattern = std::move(pattern),
              .scope = scope,
              .dialect = Dialect::kOllama,
              .handler = std::move(handler)});
}

inline Router tiny_router(const std::shared_ptr<Seen>& seen) {
  Router router;
  add_route(
      router, Method::kGet, "/",
      [](const Request&, Responder& responder) -> Task<void> {
        Response response{.content_type = "text/plain", .body = "alive"};
        co_await responder.send(std::move(response));
      },
      Scope::kPublic);
  add_route(router, Method::kPost, "/echo", [](const Request& request, Responder& responder) -> Task<void> {
    Response response{.content_type = "application/octet-stream", .body = request.body};
    co_await responder.send(std::move(response));
  });
  add_route(router, Method::kGet, "/stream", [](const Request&, Responder& responder) -> Task<void> {
    co_await responder.begin(200, "text/event-stream");
    co_await responder.write("one\n");
    co_await sleep_for(std::chrono::milliseconds(30));
    co_await responder.write("two\n");
    co_await responder.end();
  });
  add_route(router, Method::kGet, "/wait", [seen](const Request&, Responder& responder) -> Task<void> {
    seen->add("waiting");
    responder.note_model("tiny");
    co_await wait_for_disconnect(responder);
    seen->disconnected.set_value(std::chrono::steady_clock::now());
    EXPECT_TRUE(responder.is_disconnected());
    EXPECT_FALSE(co_await responder.begin(200, "text/plain"));
  });
  add_route(router, Method::kGet, "/flood", [seen](const Request&, Responder& responder) -> Task<void> {
    co_await responder.begin(200, "text/plain");
    while (co_await responder.write(std::string(64 * 1024, 'x'))) {
    }
    seen->add("cut");
  });
  add_route(router, Method::kGet, "/throw", [](const Request&, Responder&) -> Task<void> {
    co_await sleep_for(std::chrono::milliseconds(1));
    throw std::runtime_error("secret 0x7f001234 at /home/somebody");
  });
  add_route(router, Method::kGet, "/nothing", [](const Request&, Responder&) -> Task<void> { co_return; });
  add_route(router, Method::kGet, "/broken-stream", [](const Request&, Responder& responder) -> Task<void> {
    co_await responder.begin(200, "text/plain");
    co_await responder.write("half");
    throw std::runtime_error("in the middle");
  });
  add_route(
      router, Method::kGet, "/admin",
      [](const Request&, Responder& responder) -> Task<void> {
        Response response;
        co_await responder.send(std::move(response));
      },
      Scope::kAdmin);
  return router;
}

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

}  // namespace hearth::server::http
