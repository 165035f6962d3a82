// A Responder that keeps what it is given, and a way to run a handler against it.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/http/responder.h"
#include "server/http/router.h"

namespace hearth::server::wire {

// One that breaks the contract of Responder fails the test.
class RecordingResponder : public http::Responder {
 public:
  // --- What came
  int status = 0;
  std::string content_type;
  std::string model;  // that the audit log would have
  http::Headers headers;
  std::vector<std::string> parts;  // of a stream; one whole body otherwise
  bool streamed = false;
  bool ended = false;

  // --- The client
  // Goes away once it has had so many parts.
  size_t leaves_after_parts = SIZE_MAX;
  void disconnect() {
    if (std::exchange(gone_, true)) return;
    if (auto callback = std::exchange(on_disconnect_, nullptr)) callback();
  }

  std::string body() const {
    std::string whole;
    for (const std::string& part : parts) whole += part;
    return whole;
  }
  nlohmann::json json() const { return nlohmann::json::parse(body(), nullptr, false); }
  // Of an NDJSON stream.
  std::vector<nlohmann::json> lines() const {
    std::vector<nlohmann::json> lines;
    std::string rest = body();
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines.push_back(nlohmann::json::parse(rest.substr(0, end), nullptr, false));
      rest.erase(0, end + 1);
    }
    EXPECT_EQ(rest, "");
    return lines;
  }

  Task<bool> send(http::Response response) override {
    EXPECT_EQ(status, 0) << "two answers to one request";
    status = response.status;
    content_type = response.content_type;
    headers = response.headers;
    parts = {response.body};
    ended = true;
    co_return !gone_;
  }
  Task<bool> begin(int begun_status, std::string type, http::Headers more) override {
    EXPECT_EQ(status, 0) << "two answers to one request";
    status = begun_status;
    content_type = std::move(type);
    headers = std::move(more);
    streamed = true;
    co_return !gone_;
  }
  Task<bool> write(std::string part) override {
    EXPECT_TRUE(streamed && !ended);
    if (gone_) co_return false;
    parts.push_back(std::move(part));
    if (parts.size() >= leaves_after_parts) disconnect();
    co_return !gone_;
  }
  Task<bool> end() override {
    EXPECT_TRUE(streamed && !ended);
    ended = true;
    co_return !gone_;
  }
  void note_model(std::string_view name) override { model = name; }
  bool has_begun() const noexcept override { return status != 0; }
  void on_disconnect(std::function<void()> callback) override {
    on_disconnect_ = std::move(callback);
    if (gone_ && on_disconnect_) std::exchange(on_disconnect_, nullptr)();
  }
  bool is_disconnected() const noexcept override { return gone_; }

 private:
  bool gone_ = false;
  std::function<void()> on_disconnect_;
};

// Runs a coroutine to its end on `context`; what it throws fails the test.
inline void run_to_end(boost::asio::io_context& context, Task<void> task) {
  bool done = false;
  boost::asio::co_spawn(context, std::move(task), [&done](const std::exception_ptr& exception) {
    done = true;
    EXPECT_EQ(exception, nullptr) << "a handler threw";
  });
  context.restart();
  context.run();
  EXPECT_TRUE(done) << "a handler waits for what never comes";
}

// Finds the request's route and runs its handler. A path without a route fails the test.
inline void serve(boost::asio::io_context& context, const http::Router& router, http::Request request,
                  RecordingResponder& responder) {
  http::Router::Match match = router.match(request.method, request.path);
  ASSERT_NE(match.route, nullptr) << request.path;
  request.parameters = std::move(match.parameters);
  if (request.id.empty()) request.id = "req_0123456789abcdef01234567";
  run_to_end(context, match.route->handler(request, responder));
}

}  // namespace hearth::server::wire
