// What the APIs make of a request's body: its first line is the route, "POST /v1/messages", the rest the
// body. Behind the handlers stands a model that answers whatever it is asked. Whatever comes, there is one
// whole answer, and it is never the server that was at fault.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "metrics/server_metrics.h"
#include "server/front/wiring.h"
#include "server/models/fake_model_service_fixture.h"
#include "server/wire/recording_responder_fixture.h"

namespace {

using namespace hearth;
using namespace hearth::server;

std::vector<protocol::Reply> replies_to(const protocol::Call& call) {
  protocol::Reply reply;
  switch (call.what_case()) {
    case protocol::Call::kGenerate: {
      std::vector<protocol::Reply> replies = {accepted_reply(3)};
      for (uint32_t answer = 0; answer < std::max(call.generate().n(), 1U); ++answer) {
        replies.push_back(delta_reply("hm", protocol::Delta::THINKING, answer));
        replies.push_back(delta_reply("a \"tale\"\n", protocol::Delta::CONTENT, answer));
        replies.push_back(finished_reply(protocol::Finished::STOP, 3, 2, answer));
      }
      return replies;
    }
    case protocol::Call::kEmbed:
      for (int i = 0; i < call.embed().texts_size(); ++i) {
        auto& numbers = *reply.mutable_vectors()->add_vectors()->mutable_numbers();
        for (const float number : {0.6F, 0.8F}) numbers.Add(number);
      }
      reply.mutable_vectors();
      return {reply};
    case protocol::Call::kTokenize:
    case protocol::Call::kRender:
      for (const int id : {1, 2}) {
        reply.mutable_tokens()->add_ids(id);
        reply.mutable_tokens()->add_pieces("\xC3");
      }
      return {reply};
    case protocol::Call::kDetokenize:
      reply.mutable_text()->set_text("a tale");
      return {reply};
    default:
      return {failure_reply(protocol::Failure::UNSUPPORTED, "not here")};
  }
}

http::Method method_of(std::string_view name) {
  for (const http::Method method : {http::Method::kHead, http::Method::kPost, http::Method::kDelete}) {
    if (http::method_name(method) == name) return method;
  }
  return http::Method::kGet;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  testing::GTEST_FLAG(break_on_failure) = true;  // the fixtures' expectations count as checks
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = input.find('\n');
  const size_t space = input.find(' ');
  if (line_end == std::string_view::npos || space > line_end) return -1;
  http::Request request;
  request.method = method_of(input.substr(0, space));
  request.path = input.substr(space + 1, line_end - space - 1);
  request.body = input.substr(line_end + 1);

  boost::asio::io_context context{1};
  FakeModelService models(context.get_executor());
  FakeModel& chat = models.add("chat:latest");
  chat.opened.set_has_template_thinking(true);
  chat.answer = replies_to;
  FakeModel& encoder = models.add("embed:latest");
  encoder.opened.set_is_encoder(true);
  encoder.answer = replies_to;
  metrics::ServerMetrics metrics("0");
  admin::AdminDeps admin;
  admin.models = &models;
  admin.metrics = &metrics;
  const http::Router router = make_router(std::move(admin), {});
  if (router.match(request.method, request.path).route == nullptr) return -1;

  wire::RecordingResponder responder;
  wire::serve(context, router, std::move(request), responder);
  HEARTH_CHECK(responder.ended);
  HEARTH_CHECK(responder.status >= 200 && responder.status < 600 && responder.status != 500);
  if (responder.content_type == "application/json" && !responder.body().empty()) {
    HEARTH_CHECK(!responder.json().is_discarded());
  }
  HEARTH_CHECK(models.log().n_open == 0 && models.log().n_leases == 0);
  return 0;
}
