#include "server/anthropic/routes.h"
#include "server/inference/api_test_fixture.h"

namespace hearth::server::anthropic {
namespace {

using inference::Json;
using inference::SseEvent;
using protocol::Delta;
using protocol::Finished;

constexpr const char* kPath = "/v1/messages";
constexpr const char* kGood =
    R"({"model":"tiny","max_tokens":99,"messages":[{"role":"user","content":"hi"}]})";

class AnthropicMessages : public inference::ApiTest {
 protected:
  AnthropicMessages() {
    add_anthropic_routes(router_, deps());
    model_.opened.set_has_template_thinking(true);
    protocol::Reply end = finished_reply(Finished::STOP, 7, 4);
    end.mutable_finished()->set_n_cached_tokens(5);
    model_.replies = {accepted_reply(7, 5),
                      delta_reply("hm", Delta::THINKING),
                      delta_reply(" so", Delta::THINKING),
                      delta_reply("Hel"),
                      delta_reply("lo"),
                      end};
  }
};

TEST_F(AnthropicMessages, WholeAnswer_HasEveryMember) {
  Json message = post(kPath, kGood);
  EXPECT_TRUE(message["id"].get<std::string>().starts_with("msg_"));
  message.erase("id");
  EXPECT_EQ(message, Json::parse(R"({"type":"message","role":"assistant","model":"tiny","content":[
      {"type":"thinking","thinking":"hm so","signature":"unsigned"},{"type":"text","text":"Hello"}],
      "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":2,"cache_creation_input_tokens":0,
      "cache_read_input_tokens":5,"output_tokens":4}})"));
  EXPECT_EQ(last_generate().max_tokens(), 99);
  EXPECT_EQ(last_generate().tenant(), "key_1");
  EXPECT_EQ(last_generate().sampling().temperature(), 1);
}

TEST_F(AnthropicMessages, EveryField_ReachesTheEngine) {
  post(kPath, R"({"model":"tiny","max_tokens":5,"system":[{"type":"text","text":"Be kind.",
      "cache_control":{"type":"ephemeral"}},{"type":"text","text":"Be brief."}],
      "messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"user","content":"c"},{"role":"assistant","content":[
      {"type":"thinking","thinking":"t","signature":"s"},{"type":"redacted_thinking","data":"x"},
      {"type":"text","text":"d"}]},{"role":"user","content":"e"}],
      "temperature":0.5,"top_p":0.25,"top_k":7,"stop_sequences":["x","y"],"metadata":{"user_id":"u"},
      "thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"max"},"tools":[],
      "tool_choice":{"type":"none"},"service_tier":"auto","num_ctx":2048,"keep_alive":-1})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"system","content":"Be kind.\nBe brief."},
      {"role":"user","content":"a\nb\n\nc"},
      {"role":"assistant","content":"d","reasoning_content":"t","thinking":"t"},{"role":"user","content":"e"}])"));
  const auto& generate = last_generate();
  EXPECT_EQ(generate.sampling().temperature(), 0.5F);
  EXPECT_EQ(generate.sampling().top_p(), 0.25F);
  EXPECT_EQ(generate.sampling().top_k(), 7);
  EXPECT_EQ(generate.stop_size(), 2);
  EXPECT_TRUE(generate.think().enabled());
  EXPECT_EQ(generate.think().effort(), "high");
  EXPECT_EQ(generate.context_tokens(), 2048);
}

TEST_F(AnthropicMessages, Thinking_IsAsAskedFor) {
  post(kPath, kGood);
  EXPECT_TRUE(last_generate().has_think());
  EXPECT_FALSE(last_generate().think().enabled());
  post(kPath, with(kGood, R"("thinking":{"type":"disabled"})"));
  EXPECT_FALSE(last_generate().think().enabled());
  post(kPath, with(kGood, R"("thinking":{"type":"adaptive"})"));
  EXPECT_FALSE(last_generate().has_think());
  post(kPath, with(kGood, R"("thinking":{"type":"adaptive"},"output_config":{"effort":"low"})"));
  EXPECT_EQ(last_generate().think().effort(), "low");
  model_.opened.set_has_template_thinking(false);
  post(kPath, with(kGood, R"("thinking":{"type":"adaptive"},"output_config":{"effort":"low"})"));
  EXPECT_FALSE(last_generate().has_think());
  const auto wanted = request(http::Method::kPost, kPath,
                              with(kGood, R"("thinking":{"type":"enabled","budget_tokens":1024})"));
  EXPECT_EQ(wanted->status, 400);
  EXPECT_EQ(wanted->json()["error"]["message"], "thinking: \"tiny\" does not support thinking");
}

TEST_F(AnthropicMessages, StopReason_SaysWhy) {
  model_.replies = {accepted_reply(1), finished_reply(Finished::LENGTH, 1, 1)};
  EXPECT_EQ(post(kPath, kGood)["stop_reason"], "max_tokens");
  model_.replies = {accepted_reply(1), finished_reply(Finished::CONTEXT, 1, 1)};
  EXPECT_EQ(post(kPath, kGood)["stop_reason"], "model_context_window_exceeded");
  model_.replies = {accepted_reply(1), finished_reply(Finished::STOP, 1, 1)};
  model_.replies.back().mutable_finished()->set_stop("END");
  const Json stopped = post(kPath, with(kGood, R"("stop_sequences":["END"])"));
  EXPECT_EQ(stopped["stop_reason"], "stop_sequence");
  EXPECT_EQ(stopped["stop_sequence"], "END");
  EXPECT_EQ(stopped["content"], Json::array());
}

// What the Anthropic SDK makes of the events.
Json reassemble(const std::vector<SseEvent>& events) {
  Json message;
  for (const SseEvent& sse : events) {
    const Json event = Json::parse(sse.data);
    EXPECT_EQ(event["type"], sse.name);
    if (sse.name == "message_start") {
      message = event["message"];
    } else if (sse.name == "content_block_start") {
      EXPECT_EQ(event["index"], message["content"].size());
      message["content"].push_back(event["content_block"]);
    } else if (sse.name == "content_block_delta") {
      Json& block = message["content"][event["index"].get<size_t>()];
      const Json& delta = event["delta"];
      for (const char* key : {"text", "thinking", "signature"}) {
        if (delta.contains(key)) block[key] = block[key].get<std::string>() + delta[key].get<std::string>();
      }
    } else if (sse.name == "message_delta") {
      message.update(event["delta"]);
      message["usage"].update(event["usage"]);
    }
  }
  return message;
}

TEST_F(AnthropicMessages, Stream_IsTheWholeAnswerInParts) {
  Json whole = post(kPath, kGood);
  const auto events = stream(kPath, with(kGood, R"("stream":true)"));
  std::vector<std::string> names;
  for (const SseEvent& event : events) names.push_back(event.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"message_start", "ping", "content_block_start", "content_block_delta",
                                      "content_block_delta", "content_block_delta", "content_block_stop",
                                      "content_block_start", "content_block_delta", "content_block_delta",
                                      "content_block_stop", "message_delta", "message_stop"}));
  EXPECT_EQ(Json::parse(events[0].data)["message"]["usage"]["input_tokens"], 2);
  EXPECT_EQ(Json::parse(events[0].data)["message"]["usage"]["cache_read_input_tokens"], 5);
  EXPECT_EQ(Json::parse(events[5].data)["delta"]["type"], "signature_delta");
  Json message = reassemble(events);
  message.erase("id");
  whole.erase("id");
  EXPECT_EQ(message, whole);
}

TEST_F(AnthropicMessages, Error_HasAnthropicsShape) {
  model_.replies = {failure_reply(protocol::Failure::RESOURCE_EXHAUSTED, "too long")};
  for (const char* flag : {"false", "true"}) {
    const auto early = request(http::Method::kPost, kPath, with(kGood, R"("stream":)" + std::string(flag)));
    EXPECT_EQ(early->status, 400);
    EXPECT_EQ(early->json(), Json::parse(R"({"type":"error","error":{"type":"invalid_request_error",
        "message":"too long"},"request_id":"req_0123456789abcdef01234567"})"));
  }
  model_.replies = {accepted_reply(1), delta_reply("a"),
                    failure_reply(protocol::Failure::UNAVAILABLE, "died")};
  const auto events = stream(kPath, with(kGood, R"("stream":true)"));
  EXPECT_EQ(events.back().name, "error");
  EXPECT_EQ(Json::parse(events.back().data)["error"]["type"], "overloaded_error");
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, R"("model":"nope")"))->status, 404);
  model_.replies = {failure_reply(protocol::Failure::MALFORMED, model_.entry.path + ": tensor x is damaged")};
  EXPECT_EQ(request(http::Method::kPost, kPath, kGood)->json()["error"]["message"],
            "tiny:latest: tensor x is damaged");
}

TEST_F(AnthropicMessages, ClientLeaves_CallIsCancelled) {
  expect_cancelled_when_client_leaves(kPath, kGood);
}

TEST_F(AnthropicMessages, WrongField_IsNamed) {
  expect_shared_fields_refused(kPath, kGood);
  expect_refused(
      kPath, kGood,
      {{R"("max_tokens":null)", "max_tokens: is required"},
       {R"("max_tokens":0)", "max_tokens: expected an integer of 1 or more, found 0"},
       {R"("max_tokens":"5")", "max_tokens: expected an integer, found \"5\""},
       {R"("messages":null)", "messages: is required"},
       {R"("messages":{})", "messages: expected a list, found an object"},
       {R"("messages":[])", "messages: expected at least one message, found a list"},
       {R"("messages":[{"role":"system","content":"x"}])",
        "messages[0].role: expected \"user\" or \"assistant\", found \"system\""},
       {R"("messages":[{"role":"user"}])", "messages[0].content: is required"},
       {R"("messages":[{"role":"user","content":1}])",
        "messages[0].content: expected a string or a list of blocks, found 1"},
       {R"("messages":[{"role":"user","content":[{"type":"image","source":{}}]}])",
        "messages[0].content[0].type: content of type \"image\" is not supported, only text and thinking"},
       {R"("messages":[{"role":"user","content":[{"type":"document"}]}])",
        "messages[0].content[0].type: content of type \"document\" is not supported, only text and thinking"},
       {R"("messages":[{"role":"user","content":[{"type":"tool_result"}]}])",
        "messages[0].content[0].type: content of type \"tool_result\" is not supported, only text and "
        "thinking"},
       {R"("messages":[{"role":"user","content":[{"type":"text"}]}])",
        "messages[0].content[0].text: is required"},
       {R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}])",
        "messages[1].role: to go on with an answer of the assistant's is not supported; the last message "
        "must be "
        "the user's"},
       {R"("system":5)", "system: expected a string or a list of parts, found 5"},
       {R"("system":[{"type":"image"}])",
        "system[0].type: content of type \"image\" is not supported, only text"},
       {R"("stop_sequences":"x")", "stop_sequences: expected a list, found \"x\""},
       {R"("stop_sequences":[1])", "stop_sequences[0]: expected a string, found 1"},
       {R"("metadata":{"user_id":1})", "metadata.user_id: expected a string, found 1"},
       {R"("thinking":true)", "thinking: expected an object, found true"},
       {R"("thinking":{"type":"on"})",
        "thinking.type: expected \"enabled\", \"adaptive\" or \"disabled\", found \"on\""},
       {R"("thinking":{"type":"enabled"})", "thinking.budget_tokens: is required"},
       {R"("thinking":{"type":"enabled","budget_tokens":"x"})",
        "thinking.budget_tokens: expected an integer, found \"x\""},
       {R"("output_config":{"effort":1})", "output_config.effort: expected a string, found 1"},
       {R"("output_config":{"format":{"type":"json_schema"}})", "output_config.format: is not supported yet"},
       {R"("tools":[{"name":"t"}])", "tools: tools are not supported yet"},
       {R"("tool_choice":{"type":"any"})", "tool_choice.type: tools are not supported yet"},
       {R"("container":"c")", "container: is not supported"}});
}

TEST_F(AnthropicMessages, CountTokens_CountsWhatTheTemplateMakes) {
  protocol::Reply reply;
  for (const int id : {4, 5, 6}) reply.mutable_tokens()->add_ids(id);
  model_.replies = {reply};
  const std::string path = "/v1/messages/count_tokens";
  const std::string body = R"({"model":"tiny","system":"S","messages":[{"role":"user","content":"hi"}]})";
  EXPECT_EQ(post(path, body), Json::parse(R"({"input_tokens":3})"));
  const protocol::Render& render = log().calls.back().render();
  EXPECT_EQ(Json::parse(render.conversation_json())["messages"].size(), 2U);
  EXPECT_FALSE(render.think().enabled());
  EXPECT_EQ(request(http::Method::kPost, path, R"({"model":"tiny"})")->status, 400);
  model_.replies = {failure_reply(protocol::Failure::INVALID_ARGUMENT, "no such role")};
  EXPECT_EQ(request(http::Method::kPost, path, body)->json()["error"]["message"], "no such role");
}

}  // namespace
}  // namespace hearth::server::anthropic
