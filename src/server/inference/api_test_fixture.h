// What tests of an API have in common: routes over a fake model, requests, and the events of a stream.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/inference/dependencies.h"
#include "server/models/fake_model_service_fixture.h"
#include "server/wire/recording_responder_fixture.h"

namespace hearth::server::inference {

using Json = nlohmann::json;

struct SseEvent {
  std::string name;  // of its "event:" line; empty: none
  std::string data;
};

// The events of a stream; what is none fails the test.
inline std::vector<SseEvent> events_of(std::string stream) {
  std::vector<SseEvent> events;
  for (size_t end = stream.find("\n\n"); end != std::string::npos; end = stream.find("\n\n")) {
    SseEvent event;
    std::string block = stream.substr(0, end);
    stream.erase(0, end + 2);
    if (block.starts_with("event: ")) {
      event.name = block.substr(7, block.find('\n') - 7);
      block.erase(0, block.find('\n') + 1);
    }
    EXPECT_TRUE(block.starts_with("data: ")) << block;
    event.data = block.substr(std::min<size_t>(6, block.size()));
    EXPECT_EQ(event.data.find('\n'), std::string::npos);
    events.push_back(std::move(event));
  }
  EXPECT_EQ(stream, "");
  return events;
}

// One field of a request with a value that is wrong, and what the error must say of it.
struct WrongField {
  const char* member;  // `"name": value` in place of, or beside, those of the good request
  const char* message;
};

class ApiTest : public ::testing::Test {
 protected:
  Dependencies deps() {
    return {.models = &service_, .now = [] { return WallTime(std::chrono::seconds(1'800'000'000)); }};
  }

  std::unique_ptr<wire::RecordingResponder> request(
      http::Method method, const std::string& path, const std::string& body = "",
      std::vector<std::pair<std::string, std::string>> query = {}) {
    auto responder = std::make_unique<wire::RecordingResponder>();
    request_on(*responder, method, path, body, std::move(query));
    return responder;
  }
  void request_on(wire::RecordingResponder& responder, http::Method method, const std::string& path,
                  const std::string& body, std::vector<std::pair<std::string, std::string>> query = {}) {
    http::Request request;
    request.method = method;
    request.path = path;
    request.query = std::move(query);
    request.headers = headers_;
    request.body = body;
    request.identity.key_id = key_;
    wire::serve(context_, router_, std::move(request), responder);
  }

  // The body of a good answer.
  Json post(const std::string& path, const std::string& body) {
    const auto responder = request(http::Method::kPost, path, body);
    EXPECT_EQ(responder->status, 200) << responder->body();
    EXPECT_EQ(responder->content_type, "application/json");
    return responder->json();
  }
  Json get(const std::string& path, std::vector<std::pair<std::string, std::string>> query = {}) {
    const auto responder = request(http::Method::kGet, path, "", std::move(query));
    EXPECT_EQ(responder->status, 200) << responder->body();
    return responder->json();
  }
  std::vector<SseEvent> stream(const std::string& path, const std::string& body) {
    const auto responder = request(http::Method::kPost, path, body);
    EXPECT_EQ(responder->status, 200) << responder->body();
    EXPECT_EQ(responder->content_type, "text/event-stream");
    EXPECT_TRUE(responder->ended);
    return events_of(responder->body());
  }

  // The good request with one member more, or another in its place.
  static std::string with(const std::string& good, const std::string& member) {
    Json body = Json::parse(good);
    body.update(Json::parse("{" + member + "}"));
    return body.dump();
  }
  // Each is refused with 400 and the message, and no engine hears of it.
  void expect_refused(const std::string& path, const std::string& good,
                      const std::vector<WrongField>& fields) {
    for (const WrongField& field : fields) {
      const size_t n_calls = log().calls.size();
      const auto responder = request(http::Method::kPost, path, with(good, field.member));
      EXPECT_EQ(responder->status, 400) << field.member;
      EXPECT_EQ(responder->json()["error"]["message"], field.message) << field.member;
      EXPECT_EQ(log().calls.size(), n_calls) << field.member;
    }
  }

  // The fields that generating requests of every API have are refused in the same words.
  void expect_shared_fields_refused(const std::string& path, const std::string& good) {
    expect_refused(
        path, good,
        {{R"("model":3)", "model: expected a string, found 3"},
         {R"("model":null)", "model: is required"},
         {R"("model":"")", "model: is required"},
         {R"("stream":"yes")", "stream: expected true or false, found \"yes\""},
         {R"("temperature":"hot")", "temperature: expected a number, found \"hot\""},
         {R"("temperature":-1)", "temperature: expected a number of 0 or more that 32 bits hold, found -1"},
         {R"("top_p":2)", "top_p: expected a number from 0 to 1, found 2"},
         {R"("top_k":"x")", "top_k: expected an integer, found \"x\""},
         {R"("min_p":"x")", "min_p: expected a number, found \"x\""},
         {R"("metadata":"x")", "metadata: expected an object, found \"x\""},
         {R"("num_ctx":0)", "num_ctx: expected an integer of 1 or more, found 0"}});
  }
  // Whoever goes away in the middle of a stream ends its call, and lets the model go.
  void expect_cancelled_when_client_leaves(const std::string& path, const std::string& good) {
    model_.hangs = true;
    model_.replies.pop_back();
    wire::RecordingResponder responder;
    responder.leaves_after_parts = 2;
    request_on(responder, http::Method::kPost, path, with(good, R"("stream":true)"));
    EXPECT_EQ(log().n_cancelled, 1);
    EXPECT_EQ(log().n_open, 0);
    EXPECT_EQ(log().n_leases, 0);
    EXPECT_FALSE(responder.ended);
  }

  FakeModelLog& log() { return service_.log(); }
  const protocol::Generate& last_generate() { return log().calls.back().generate(); }
  Json last_messages() { return Json::parse(last_generate().conversation_json())["messages"]; }

  boost::asio::io_context context_;
  FakeModelService service_{context_.get_executor()};
  FakeModel& model_ = service_.add("tiny:latest");
  http::Router router_;
  std::string key_ = "key_1";
  std::vector<std::pair<std::string, std::string>> headers_;
};

// An answer that says something and calls two tools, the first in parts.
inline std::vector<protocol::Reply> replies_with_calls() {
  return {accepted_reply(7),
          delta_reply("Let me see."),
          call_reply(0, "weather", "", false),
          call_reply(0, "", R"({"city": )", false),
          call_reply(0, "", R"("Oslo"})", true),
          call_reply(1, "now", "{}", true),
          finished_reply(protocol::Finished::STOP, 7, 20)};
}

inline protocol::Reply with_logprob(protocol::Reply delta, int32_t id, std::string piece, float logprob) {
  protocol::TokenLogprob& token = *delta.mutable_delta()->add_logprobs();
  token.set_token(id);
  token.set_piece(piece);
  token.set_logprob(logprob);
  protocol::TokenLogprob& top = *token.add_top();
  top.set_token(id + 1);
  top.set_piece(piece + "?");
  top.set_logprob(logprob + 0.5F);
  return delta;
}

}  // namespace hearth::server::inference
