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
  std::string input;  // of the block of a call
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
      input += delta.value("partial_json", "");
    } else if (sse.name == "content_block_stop") {
      if (!input.empty()) message["content"][event["index"].get<size_t>()]["input"] = Json::parse(input);
      input.clear();
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

constexpr const char* kTools =
    R"("tools":[{"name":"weather","description":"d","cache_control":{"type":"ephemeral"},
    "input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}])";

TEST_F(AnthropicMessages, Tools_ReachTheTemplate) {
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, kTools))->json()["error"]["message"],
            "tools: \"tiny\" does not support tools: its chat template does not show it any, or how it "
            "writes calls is not known");
  model_.opened.set_has_template_tools(true);
  post(kPath, with(kGood, kTools));
  EXPECT_EQ(Json::parse(last_generate().conversation_json())["tools"],
            Json::parse(R"([{"type":"function","function":{"name":"weather","description":"d",
    "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])"));
  EXPECT_TRUE(last_generate().has_tool_use());
}

TEST_F(AnthropicMessages, ToolChoice_SaysWhatMayBeCalled) {
  model_.opened.set_has_template_tools(true);
  const auto use_of = [&](const std::string& choice) {
    post(kPath, with(kGood, std::string(kTools) + R"(,"tool_choice":)" + choice));
    return last_generate().tool_use();
  };
  EXPECT_EQ(use_of(R"({"type":"auto"})").choice(), protocol::ToolUse::AUTO);
  EXPECT_TRUE(use_of(R"({"type":"auto","disable_parallel_tool_use":true})").one_call());
  EXPECT_EQ(use_of(R"({"type":"any"})").choice(), protocol::ToolUse::REQUIRED);
  EXPECT_EQ(use_of(R"({"type":"tool","name":"weather"})").name(), "weather");
  use_of(R"({"type":"none"})");
  EXPECT_FALSE(last_generate().has_tool_use());
  EXPECT_FALSE(Json::parse(last_generate().conversation_json()).contains("tools"));
}

TEST_F(AnthropicMessages, Format_IsAConstraint) {
  for (const char* format :
       {R"("output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}})",
        R"("output_format":{"type":"json_schema","schema":{"type":"object"}})"}) {
    post(kPath, with(kGood, format));
    EXPECT_EQ(last_generate().constraint().json_schema(), R"({"type":"object"})") << format;
  }
}

TEST_F(AnthropicMessages, BlocksOfTools_BecomeMessages) {
  post(kPath, R"({"model":"tiny","max_tokens":5,"messages":[{"role":"user","content":"a"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"b"},
        {"type":"tool_use","id":"t1","name":"f","input":{"x":1}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"r1"}]},
        {"type":"tool_result","tool_use_id":"t2","content":"no","is_error":true},{"type":"text","text":"and?"}]},
      {"role":"assistant","content":[{"type":"tool_use","id":"t3","name":"f","input":{}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"t3"}]}]})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"user","content":"a"},
      {"role":"assistant","content":"b","reasoning_content":"t","thinking":"t","tool_calls":[
        {"type":"function","id":"t1","function":{"name":"f","arguments":{"x":1}}},
        {"type":"function","id":"t2","function":{"name":"g","arguments":{}}}]},
      {"role":"tool","content":"r1","name":"f","tool_call_id":"t1"},
      {"role":"tool","content":"Error: no","name":"g","tool_call_id":"t2"},
      {"role":"user","content":"and?"},
      {"role":"assistant","content":"","tool_calls":[
        {"type":"function","id":"t3","function":{"name":"f","arguments":{}}}]},
      {"role":"tool","content":"","name":"f","tool_call_id":"t3"}])"));
}

TEST_F(AnthropicMessages, ToolUse_IsABlock) {
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  Json whole = post(kPath, with(kGood, kTools));
  EXPECT_EQ(whole["stop_reason"], "tool_use");
  ASSERT_EQ(whole["content"].size(), 3U);
  EXPECT_EQ(whole["content"][0]["text"], "Let me see.");
  EXPECT_TRUE(whole["content"][1]["id"].get<std::string>().starts_with("toolu_"));
  for (Json& block : whole["content"]) block.erase("id");
  EXPECT_EQ(whole["content"][1],
            Json::parse(R"({"type":"tool_use","name":"weather","input":{"city":"Oslo"}})"));
  EXPECT_EQ(whole["content"][2], Json::parse(R"({"type":"tool_use","name":"now","input":{}})"));
  Json streamed = reassemble(stream(kPath, with(kGood, std::string(kTools) + R"(,"stream":true)")));
  for (Json& block : streamed["content"]) block.erase("id");
  EXPECT_EQ(streamed["content"], whole["content"]);
  EXPECT_EQ(streamed["stop_reason"], "tool_use");
}

TEST_F(AnthropicMessages, CallThatALimitBrokeOff_IsNone) {
  model_.opened.set_has_template_tools(true);
  model_.replies = {accepted_reply(1), delta_reply("a"), call_reply(0, "weather", R"({"ci)", false),
                    finished_reply(Finished::LENGTH, 1, 1)};
  const Json whole = post(kPath, with(kGood, kTools));
  EXPECT_EQ(whole["stop_reason"], "max_tokens");
  ASSERT_EQ(whole["content"].size(), 1U);
  EXPECT_EQ(whole["content"][0]["text"], "a");
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
        "messages[0].content[0].type: content of type \"image\" is not supported, only text, thinking, "
        "tool_use and tool_result"},
       {R"("messages":[{"role":"user","content":[{"type":"document"}]}])",
        "messages[0].content[0].type: content of type \"document\" is not supported, only text, thinking, "
        "tool_use and tool_result"},
       {R"("messages":[{"role":"user","content":[{"type":"tool_result"}]}])",
        "messages[0].content[0].tool_use_id: is required"},
       {R"("messages":[{"role":"user","content":[{"type":"tool_use"}]}])",
        "messages[0].content[0].type: content of type \"tool_use\" is not supported, only text, thinking, "
        "tool_use and tool_result"},
       {R"("messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t"}]}])",
        "messages[0].content[0].name: is required"},
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
       {R"("output_config":{"format":{"type":"json_schema"}})", "output_config.format.schema: is required"},
       {R"("output_config":{"format":{"type":"xml"}})",
        "output_config.format.type: expected \"json_schema\", found \"xml\""},
       {R"("tools":[{"name":"t"}])", "tools[0].input_schema: is required"},
       {R"("tools":[{"type":"bash_20250124","name":"bash"}])",
        "tools[0].type: \"bash_20250124\" is not supported, only \"custom\""},
       {R"("tool_choice":{"type":"any"})", "tool_choice.type: there are no tools that could be called"},
       {R"("tool_choice":{"type":"tool","name":"t"})", "tool_choice.name: there is no tool \"t\""},
       {R"("tool_choice":{})", "tool_choice.type: is required"},
       {R"("tools":[{"name":"t","input_schema":{}}],"output_config":{"format":{"type":"json_schema","schema":{}}})",
        "tools: cannot be called in an answer that is constrained as well: leave out one of them, or forbid "
        "the "
        "calls"},
       {R"("container":"c")", "container: is not supported"}});
}

TEST_F(AnthropicMessages, CountTokens_CountsWhatTheTemplateMakes) {
  protocol::Reply reply;
  for (const int id : {4, 5, 6}) reply.mutable_tokens()->add_ids(id);
  model_.replies = {reply};
  const std::string path = "/v1/messages/count_tokens";
  const std::string body = R"({"model":"tiny","system":"S","messages":[{"role":"user","content":"hi"}]})";
  model_.opened.set_has_template_tools(true);
  post(path, with(body, R"("tools":[{"name":"f","input_schema":{}}])"));
  EXPECT_EQ(Json::parse(log().calls.back().render().conversation_json())["tools"][0]["function"]["name"],
            "f");
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
