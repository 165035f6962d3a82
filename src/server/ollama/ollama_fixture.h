// The API over fake models, as a client sees it.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "server/models/fake_model_service_fixture.h"
#include "server/ollama/routes.h"
#include "server/wire/recording_responder_fixture.h"

namespace hearth::server::ollama {

class OllamaTest : public ::testing::Test {
 protected:
  OllamaTest() {
    add_ollama_routes(router_, {service_, "1.2.3"});
    tiny_.replies = {accepted_reply(5), delta_reply("Hel"), delta_reply("lo"),
                     finished_reply(protocol::Finished::STOP, 5, 2)};
  }

  wire::RecordingResponder ask(http::Method method, std::string path, std::string body = "") {
    wire::RecordingResponder responder;
    ask_into(responder, method, std::move(path), std::move(body));
    return responder;
  }
  void ask_into(wire::RecordingResponder& responder, http::Method method, std::string path,
                std::string body) {
    http::Request request;
    request.method = method;
    request.path = std::move(path);
    request.body = std::move(body);
    request.identity.key_id = key_id_;
    wire::serve(context_, router_, std::move(request), responder);
    EXPECT_EQ(service_.log().n_open, 0) << "a call is left";
    EXPECT_EQ(service_.log().n_leases, 0) << "a lease is left";
  }
  wire::RecordingResponder post(std::string path, std::string body) {
    return ask(http::Method::kPost, std::move(path), std::move(body));
  }
  // That the whole answer is an error of this status, and its text.
  std::string error(const wire::RecordingResponder& responder, int status) {
    EXPECT_EQ(responder.status, status) << responder.body();
    EXPECT_FALSE(responder.streamed);
    const nlohmann::json json = responder.json();
    if (!json.is_object() || json.size() != 1 || !json.contains("error"))
      return "no error: " + responder.body();
    return json["error"].get<std::string>();
  }
  // What the engine was given to generate last.
  protocol::Generate generated() {
    return service_.log().calls.empty() ? protocol::Generate() : service_.log().calls.back().generate();
  }

  boost::asio::io_context context_;
  FakeModelService service_{context_.get_executor()};
  FakeModel& tiny_ = service_.add("tiny:latest");
  http::Router router_;
  std::string key_id_;
};

}  // namespace hearth::server::ollama
