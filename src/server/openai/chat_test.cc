#include <cmath>

#include "server/inference/api_test_fixture.h"
#include "server/openai/routes.h"
#include "tests/support/openapi.h"
#include "tests/support/test_data.h"

namespace hearth::server::openai {
namespace {

using inference::Json;
using inference::SseEvent;
using inference::with_logprob;
using protocol::Delta;
using protocol::Finished;

constexpr const char* kPath = "/v1/chat/completions";
constexpr const char* kGood = R"({"model":"tiny","messages":[{"role":"user","content":"hi"}]})";

class OpenAiChat : public inference::ApiTest {
 protected:
  OpenAiChat() {
    add_openai_routes(router_, deps());
    model_.opened.set_has_template_thinking(true);
    protocol::Reply end = finished_reply(Finished::STOP, 7, 3);
    end.mutable_finished()->set_n_cached_tokens(4);
    end.mutable_finished()->set_n_thinking_tokens(1);
    model_.replies = {accepted_reply(7, 4), delta_reply("hm", Delta::THINKING),
                      with_logprob(delta_reply("Hel"), 5, "Hel", -0.5F),
                      with_logprob(delta_reply("lo \xC3\xA9"), 6, "lo \xC3\xA9", -1.5F), end};
  }
};

TEST_F(OpenAiChat, WholeAnswer_HasEveryMember) {
  const Json answer = post(kPath, kGood);
  EXPECT_TRUE(answer["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(answer["object"], "chat.completion");
  EXPECT_EQ(answer["created"], 1'800'000'000);
  EXPECT_EQ(answer["model"], "tiny");
  EXPECT_EQ(answer["system_fingerprint"], "fp_aaaaaaaaaaaa");
  EXPECT_EQ(answer["choices"], Json::parse(R"([{"index":0,"logprobs":null,"finish_reason":"stop","message":
      {"role":"assistant","content":"Hello \u00e9","refusal":null,"reasoning":"hm"}}])"));
  EXPECT_EQ(answer["usage"], Json::parse(R"({"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,
      "prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}})"));
}

TEST_F(OpenAiChat, Defaults_AreOpenAis) {
  post(kPath, kGood);
  const auto& generate = last_generate();
  EXPECT_EQ(generate.sampling().temperature(), 1);
  EXPECT_EQ(generate.sampling().top_p(), 1);
  EXPECT_FALSE(generate.sampling().has_seed());
  EXPECT_FALSE(generate.has_max_tokens());
  EXPECT_FALSE(generate.has_think());
  EXPECT_EQ(generate.tenant(), "key_1");
}

TEST_F(OpenAiChat, EveryField_ReachesTheEngine) {
  post(kPath, R"({"model":"tiny","messages":[{"role":"user","content":"hi"}],"temperature":0.5,"top_p":0.25,
      "frequency_penalty":1,"presence_penalty":-1,"seed":42,"stop":["a","b","c","d","e"],"max_tokens":5,
      "max_completion_tokens":9,"n":1,"logprobs":true,"top_logprobs":3,"logit_bias":{"12":-100,"13":1.5},
      "reasoning_effort":"minimal","num_ctx":2048,"keep_alive":"5m","top_k":7,"min_p":0.125,"repeat_penalty":1.5,
      "user":"u","tools":[],"tool_choice":"none","response_format":{"type":"text"},"metadata":{"a":"b"}})");
  const auto& generate = last_generate();
  const auto& sampling = generate.sampling();
  EXPECT_EQ(sampling.temperature(), 0.5F);
  EXPECT_EQ(sampling.top_p(), 0.25F);
  EXPECT_EQ(sampling.frequency_penalty(), 1);
  EXPECT_EQ(sampling.presence_penalty(), -1);
  EXPECT_EQ(sampling.seed(), 42);
  EXPECT_EQ(sampling.top_k(), 7);
  EXPECT_EQ(sampling.min_p(), 0.125F);
  EXPECT_EQ(sampling.repeat_penalty(), 1.5F);
  ASSERT_EQ(sampling.logit_bias_size(), 2);
  EXPECT_EQ(sampling.logit_bias(0).token(), 12);
  EXPECT_EQ(sampling.logit_bias(0).bias(), -100);
  EXPECT_EQ(generate.stop_size(), 5);
  EXPECT_EQ(generate.max_tokens(), 9);
  EXPECT_TRUE(generate.logprobs());
  EXPECT_EQ(generate.top_logprobs(), 3U);
  EXPECT_TRUE(generate.think().enabled());
  EXPECT_EQ(generate.think().effort(), "low");
  EXPECT_EQ(generate.context_tokens(), 2048);
  EXPECT_EQ(log().acquired.back().second.context_tokens, 2048);
  EXPECT_EQ(log().acquired.back().second.keep_alive, Seconds(300));
  post(kPath, with(kGood, R"("stop":"x","reasoning_effort":"none","max_tokens":-1)"));
  EXPECT_EQ(last_generate().stop(0), "x");
  EXPECT_TRUE(last_generate().has_think());
  EXPECT_FALSE(last_generate().think().enabled());
  EXPECT_EQ(last_generate().max_tokens(), -1);
}

TEST_F(OpenAiChat, Messages_BecomeTheTemplates) {
  post(kPath, R"({"model":"tiny","messages":[{"role":"developer","content":"Be brief."},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":"c","reasoning":"r"},{"role":"user","content":"d"}]})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"system","content":"Be brief."},
      {"role":"user","content":"a\nb"},{"role":"assistant","content":"c","reasoning_content":"r","thinking":"r"},
      {"role":"user","content":"d"}])"));
}

TEST_F(OpenAiChat, CallsAndTheirResults_BecomeTheTemplates) {
  post(kPath, R"({"model":"tiny","messages":[{"role":"user","content":"a"},
      {"role":"assistant","content":null,"tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"z\": 1, \"b\": \"x\"}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
      {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"r1"}]},
      {"role":"tool","tool_call_id":"c2","content":"r2"}]})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"user","content":"a"},
      {"role":"assistant","content":"","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":{"z":1,"b":"x"}}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":{}}}]},
      {"role":"tool","tool_call_id":"c1","name":"f","content":"r1"},
      {"role":"tool","tool_call_id":"c2","name":"g","content":"r2"}])"));
  EXPECT_NE(last_generate().conversation_json().find(R"({"z":1,"b":"x"})"),
            std::string::npos);  // in their order
}

constexpr const char* kTools = R"("tools":[{"type":"function","function":{"name":"f","strict":true}},
    {"type":"function","function":{"name":"g","description":"d","parameters":{"type":"object",
     "properties":{"x":{"type":"integer"}}}}}])";

TEST_F(OpenAiChat, Tools_ReachTheTemplate) {
  const auto refused = request(http::Method::kPost, kPath, with(kGood, kTools));
  EXPECT_EQ(refused->status, 400);
  EXPECT_EQ(refused->json()["error"]["message"],
            "tools: \"tiny\" does not support tools: its chat template does not show it any, or how it "
            "writes calls is not known");
  EXPECT_EQ(refused->json()["error"]["param"], "tools");
  model_.opened.set_has_template_tools(true);
  post(kPath, with(kGood, kTools));
  EXPECT_EQ(Json::parse(last_generate().conversation_json())["tools"], Json::parse(R"([
      {"type":"function","function":{"name":"f","description":"","parameters":{"type":"object","properties":{}}}},
      {"type":"function","function":{"name":"g","description":"d","parameters":{"type":"object",
       "properties":{"x":{"type":"integer"}}}}}])"));
  EXPECT_TRUE(last_generate().has_tool_use());
  post(kPath, with(kGood, R"("tools":[])"));
  EXPECT_FALSE(last_generate().has_tool_use());
}

TEST_F(OpenAiChat, ToolChoice_SaysWhatMayBeCalled) {
  model_.opened.set_has_template_tools(true);
  const auto use_of = [&](const std::string& choice) {
    post(kPath, with(kGood, std::string(kTools) + choice));
    return last_generate().tool_use();
  };
  EXPECT_EQ(use_of(R"(,"tool_choice":"auto")").choice(), protocol::ToolUse::AUTO);
  EXPECT_FALSE(use_of(R"(,"parallel_tool_calls":true)").one_call());
  EXPECT_TRUE(use_of(R"(,"parallel_tool_calls":false)").one_call());
  EXPECT_EQ(use_of(R"(,"tool_choice":"required")").choice(), protocol::ToolUse::REQUIRED);
  const protocol::ToolUse named = use_of(R"(,"tool_choice":{"type":"function","function":{"name":"g"}})");
  EXPECT_EQ(named.choice(), protocol::ToolUse::REQUIRED);
  EXPECT_EQ(named.name(), "g");
  EXPECT_TRUE(named.one_call());
  // Forbidden: nothing to look for, and room for a constraint.
  use_of(R"(,"tool_choice":"none","response_format":{"type":"json_object"})");
  EXPECT_FALSE(last_generate().has_tool_use());
  EXPECT_FALSE(Json::parse(last_generate().conversation_json()).contains("tools"));
  EXPECT_TRUE(last_generate().constraint().json_object());
}

TEST_F(OpenAiChat, ResponseFormat_IsAConstraint) {
  post(kPath, with(kGood, R"("response_format":{"type":"json_object"})"));
  EXPECT_TRUE(last_generate().constraint().json_object());
  post(kPath, R"({"model":"tiny","messages":[{"role":"user","content":"hi"}],"response_format":{
      "type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object","properties":{
      "z":{"type":"string"},"a":{"type":"integer"}}}}}})");
  EXPECT_EQ(last_generate().constraint().json_schema(),
            R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}}})");
  post(kPath, with(kGood, R"("guided_choice":["a","b"])"));
  EXPECT_EQ(last_generate().constraint().choices().texts_size(), 2);
  post(kPath, with(kGood, R"("response_format":{"type":"text"})"));
  EXPECT_FALSE(last_generate().has_constraint());
}

TEST_F(OpenAiChat, ToolCalls_AreMembersOfTheMessage) {
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  const Json choice = post(kPath, with(kGood, kTools))["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_EQ(choice["message"]["content"], "Let me see.");
  const Json& calls = choice["message"]["tool_calls"];
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0]["type"], "function");
  EXPECT_TRUE(calls[0]["id"].get<std::string>().starts_with("call_"));
  EXPECT_EQ(calls[0]["function"], Json({{"name", "weather"}, {"arguments", R"({"city": "Oslo"})"}}));
  EXPECT_EQ(calls[1]["function"]["name"], "now");
  model_.replies.erase(model_.replies.begin() + 1);
  EXPECT_TRUE(post(kPath, with(kGood, kTools))["choices"][0]["message"]["content"].is_null());
  model_.replies = {call_reply(0, "weather", R"({"ci)", false), finished_reply(Finished::LENGTH, 7, 3)};
  EXPECT_EQ(post(kPath, with(kGood, kTools))["choices"][0]["finish_reason"], "length");
}

TEST_F(OpenAiChat, ToolCallsOfAStream_AreTheWholeOnesInParts) {
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  Json calls = Json::array();
  std::string content;
  Json reason;
  size_t n_parts = 0;
  for (const SseEvent& event : stream(kPath, with(kGood, std::string(kTools) + R"(,"stream":true)"))) {
    if (event.data == "[DONE]") continue;
    const Json choice = Json::parse(event.data)["choices"][0];
    content += choice["delta"].value("content", "");
    if (choice["finish_reason"].is_string()) reason = choice["finish_reason"];
    for (const Json& part : choice["delta"].value("tool_calls", Json::array())) {
      ++n_parts;
      const auto index = part["index"].get<size_t>();
      if (index == calls.size()) {
        EXPECT_EQ(part["type"], "function");
        EXPECT_EQ(part["function"]["arguments"], "");
        calls.push_back(part);
      } else {
        EXPECT_FALSE(part.contains("id"));
        calls[index]["function"]["arguments"] = calls[index]["function"]["arguments"].get<std::string>() +
                                                part["function"]["arguments"].get<std::string>();
      }
    }
  }
  EXPECT_EQ(content, "Let me see.");
  EXPECT_EQ(reason, "tool_calls");
  EXPECT_EQ(n_parts, 5U);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0]["function"], Json({{"name", "weather"}, {"arguments", R"({"city": "Oslo"})"}}));
  EXPECT_EQ(calls[1]["function"], Json({{"name", "now"}, {"arguments", "{}"}}));
  EXPECT_NE(calls[0]["id"], calls[1]["id"]);
}

TEST_F(OpenAiChat, WrongField_IsNamed) {
  expect_shared_fields_refused(kPath, kGood);
  expect_refused(
      kPath, kGood,
      {{R"("messages":null)", "messages: is required"},
       {R"("messages":"hi")", "messages: expected a list, found \"hi\""},
       {R"("messages":[])", "messages: expected at least one message, found a list"},
       {R"("messages":["hi"])", "messages[0]: expected an object, found \"hi\""},
       {R"("messages":[{"content":"x"}])", "messages[0].role: is required"},
       {R"("messages":[{"role":"king","content":"x"}])",
        "messages[0].role: expected developer, system, user, assistant or tool, found \"king\""},
       {R"("messages":[{"role":"user"}])", "messages[0].content: is required"},
       {R"("messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}])",
        "messages[0].content[0].type: content of type \"image_url\" is not supported, only text"},
       {R"("messages":[{"role":"user","content":[{"type":"input_audio"}]}])",
        "messages[0].content[0].type: content of type \"input_audio\" is not supported, only text"},
       {R"("messages":[{"role":"assistant","tool_calls":[{}]}])",
        "messages[0].tool_calls[0].function: is required"},
       {R"("messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}])",
        "messages[0].tool_calls[0].function.arguments: expected a JSON object, or the text of one, found "
        "\"{\""},
       {R"("messages":[{"role":"user","content":"x","tool_calls":[{}]}])",
        "messages[0].tool_calls: is not supported"},
       {R"("stream_options":{"include_usage":true})",
        "stream_options: is only allowed with \"stream\": true"},
       {R"("stream":true,"stream_options":{"include_usage":1})",
        "stream_options.include_usage: expected true or false, found 1"},
       {R"("frequency_penalty":true)", "frequency_penalty: expected a number, found true"},
       {R"("presence_penalty":[])", "presence_penalty: expected a number, found a list"},
       {R"("seed":1.5)", "seed: expected an integer, found 1.5"},
       {R"("stop":7)", "stop: expected a string or a list of strings, found 7"},
       {R"("stop":[""])", "stop: expected texts, found an empty one"},
       {R"("n":0)", "n: expected an integer from 1 to 128, found 0"},
       {R"("n":"2")", "n: expected an integer, found \"2\""},
       {R"("max_tokens":0)", "max_tokens: expected an integer of 1 or more, or -1 for no limit, found 0"},
       {R"("max_completion_tokens":"5")", "max_completion_tokens: expected an integer, found \"5\""},
       {R"("logprobs":1)", "logprobs: expected true or false, found 1"},
       {R"("top_logprobs":2)", "top_logprobs: is only allowed with \"logprobs\": true"},
       {R"("logprobs":true,"top_logprobs":21)", "top_logprobs: expected an integer from 0 to 20, found 21"},
       {R"("logit_bias":{"5":101})", "logit_bias: expected biases from -100 to 100, found 101"},
       {R"("logit_bias":"none")", "logit_bias: expected an object or a list of pairs, found \"none\""},
       {R"("reasoning_effort":"much")",
        "reasoning_effort: expected none, minimal, low, medium, high, xhigh or max, found \"much\""},
       {R"("reasoning_effort":2)", "reasoning_effort: expected a string, found 2"},
       {R"("response_format":{})", "response_format.type: is required"},
       {R"("response_format":{"type":"xml"})",
        "response_format.type: expected \"text\", \"json_object\" or \"json_schema\", found \"xml\""},
       {R"("response_format":{"type":"json_schema"})", "response_format.json_schema: is required"},
       {R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}})",
        "response_format.json_schema.schema: is required"},
       {R"("response_format":"json")", "response_format: expected an object, found \"json\""},
       {R"("response_format":{"type":"json_object"},"guided_regex":"a")",
        "guided_regex: the answer is constrained by another field already, and only one can be kept"},
       {R"("tools":[{"type":"function"}])", "tools[0].function: is required"},
       {R"("tools":[{"type":"custom"}])", "tools[0].type: \"custom\" is not supported, only \"function\""},
       {R"("tools":{})", "tools: expected a list, found an object"},
       {R"("tool_choice":"required")", "tool_choice: there are no tools that could be called"},
       {R"("tool_choice":"never")",
        "tool_choice: expected \"none\", \"auto\", \"required\" or a function, found \"never\""},
       {R"("tool_choice":{"type":"function","function":{"name":"g"}})",
        "tool_choice.function.name: there is no tool \"g\""},
       {R"("tool_choice":{"type":"allowed_tools"})",
        "tool_choice.type: \"allowed_tools\" is not supported, only \"function\""},
       {R"("tools":[{"function":{"name":"f"}}],"response_format":{"type":"json_object"})",
        "tools: cannot be called in an answer that is constrained as well: leave out one of them, or forbid "
        "the "
        "calls"},
       {R"("functions":[{}])", "functions: is not supported"},
       {R"("modalities":["audio"])", "modalities[0]: expected \"text\", found \"audio\""},
       {R"("user":5)", "user: expected a string, found 5"},
       {R"("metadata":{"a":1})", "metadata.a: expected a string, found 1"}});
}

TEST_F(OpenAiChat, WrongField_IsTheErrorsParam) {
  const auto responder = request(http::Method::kPost, kPath, with(kGood, R"("top_p":2)"));
  EXPECT_EQ(responder->json()["error"]["param"], "top_p");
  EXPECT_EQ(responder->json()["error"]["type"], "invalid_request_error");
}

TEST_F(OpenAiChat, ModelOfTheRequest_IsNotedByItsOwnName) {
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, R"("model":"TINY")"))->model, "tiny:latest");
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, R"("model":"secret")"))->model, "");
  EXPECT_EQ(request(http::Method::kGet, "/v1/models/tiny")->model, "tiny:latest");
  EXPECT_EQ(request(http::Method::kGet, "/v1/models/secret")->model, "");
}

TEST_F(OpenAiChat, NoJson_IsRefused) {
  for (const char* body : {"", "{", "[]", "\"x\"", "{\"model\":\"tiny\",}"}) {
    EXPECT_EQ(request(http::Method::kPost, kPath, body)->status, 400) << body;
  }
}

TEST_F(OpenAiChat, ModelThatCannot_IsRefused) {
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, R"("model":"none")"))->status, 404);
  model_.opened.set_has_template_thinking(false);
  const auto thinks = request(http::Method::kPost, kPath, with(kGood, R"("reasoning_effort":"low")"));
  EXPECT_EQ(thinks->status, 400);
  EXPECT_EQ(thinks->json()["error"]["message"], "reasoning_effort: \"tiny\" does not support thinking");
  model_.opened.clear_chat_format();
  EXPECT_EQ(request(http::Method::kPost, kPath, kGood)->json()["error"]["message"],
            "\"tiny\" does not support chat: it has no chat template");
  model_.opened.set_is_encoder(true);
  EXPECT_EQ(request(http::Method::kPost, kPath, kGood)->json()["error"]["message"],
            "\"tiny\" does not support chat");
  EXPECT_TRUE(log().calls.empty());
}

TEST_F(OpenAiChat, Stream_IsTheWholeAnswerInParts) {
  const Json whole = post(kPath, with(kGood, R"("logprobs":true,"top_logprobs":1)"))["choices"][0];
  const auto events = stream(kPath, with(kGood, R"("stream":true,"logprobs":true,"top_logprobs":1,
      "stream_options":{"include_usage":true})"));
  ASSERT_GT(events.size(), 4U);
  EXPECT_EQ(Json::parse(events.front().data)["choices"][0]["delta"],
            Json::parse(R"({"role":"assistant","content":""})"));
  EXPECT_EQ(events.back().data, "[DONE]");
  std::string content;
  std::string reasoning;
  Json logprobs = Json::array();
  Json reason;
  for (size_t i = 0; i + 2 < events.size(); ++i) {
    const Json chunk = Json::parse(events[i].data);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_TRUE(chunk["usage"].is_null());
    const Json& choice = chunk["choices"][0];
    EXPECT_TRUE(reason.is_null());
    content += choice["delta"].value("content", "");
    reasoning += choice["delta"].value("reasoning", "");
    if (choice["logprobs"].is_object()) {
      for (const Json& token : choice["logprobs"]["content"]) logprobs.push_back(token);
    }
    reason = choice["finish_reason"];
  }
  EXPECT_EQ(content, whole["message"]["content"]);
  EXPECT_EQ(reasoning, whole["message"]["reasoning"]);
  EXPECT_EQ(logprobs, whole["logprobs"]["content"]);
  EXPECT_EQ(reason, whole["finish_reason"]);
  const Json last = Json::parse(events[events.size() - 2].data);
  EXPECT_EQ(last["choices"], Json::array());
  EXPECT_EQ(last["usage"]["total_tokens"], 10);
}

TEST_F(OpenAiChat, SeveralAnswers_EachHaveTheirIndex) {
  model_.replies = {accepted_reply(7), delta_reply("a", Delta::CONTENT, 1),
                    delta_reply("b", Delta::CONTENT, 0), finished_reply(Finished::LENGTH, 7, 2, 1),
                    finished_reply(Finished::STOP, 7, 3, 0)};
  const Json answer = post(kPath, with(kGood, R"("n":2)"));
  EXPECT_EQ(last_generate().n(), 2U);
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "b");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["choices"][1]["message"]["content"], "a");
  EXPECT_EQ(answer["choices"][1]["finish_reason"], "length");
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 7);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 5);
  std::string texts[2];
  for (const SseEvent& event : stream(kPath, with(kGood, R"("n":2,"stream":true)"))) {
    if (event.data == "[DONE]") continue;
    const Json choice = Json::parse(event.data)["choices"][0];
    texts[choice["index"].get<size_t>()] += choice["delta"].value("content", "");
  }
  EXPECT_EQ(texts[0], "b");
  EXPECT_EQ(texts[1], "a");
}

TEST_F(OpenAiChat, Logprobs_HaveBytesAndNoInfinity) {
  model_.replies = {accepted_reply(1), with_logprob(delta_reply("x"), 1, "\xE2\x82", -INFINITY),
                    finished_reply(Finished::STOP, 1, 1)};
  const Json token = post(kPath, with(kGood, R"("logprobs":true)"))["choices"][0]["logprobs"]["content"][0];
  EXPECT_EQ(token["bytes"], Json::parse("[226,130]"));
  EXPECT_EQ(token["logprob"], -9999.0);
}

TEST_F(OpenAiChat, ErrorBeforeTheAnswer_HasItsStatus) {
  model_.replies = {
      failure_reply(protocol::Failure::RESOURCE_EXHAUSTED, "the prompt has 9 tokens, the context 8")};
  for (const char* stream : {"false", "true"}) {
    const auto responder =
        request(http::Method::kPost, kPath, with(kGood, R"("stream":)" + std::string(stream)));
    EXPECT_EQ(responder->status, 400);
    EXPECT_EQ(responder->json()["error"]["message"], "the prompt has 9 tokens, the context 8");
  }
  model_.acquire_error = Error(ErrorCode::kUnavailable, "server busy");
  const auto busy = request(http::Method::kPost, kPath, kGood);
  EXPECT_EQ(busy->status, 503);
  EXPECT_EQ(busy->headers, (http::Headers{{"Retry-After", "1"}}));
}

TEST_F(OpenAiChat, ErrorWithinTheStream_IsItsLastEvent) {
  const std::vector<std::vector<protocol::Reply>> ends = {
      {failure_reply(protocol::Failure::UNAVAILABLE, "the engine died")},
      {},  // it just ends
      {finished_reply(Finished::CANCELLED, 1, 1)}};
  for (const auto& end : ends) {
    model_.replies = {accepted_reply(1), delta_reply("a")};
    model_.replies.insert(model_.replies.end(), end.begin(), end.end());
    const auto events = stream(kPath, with(kGood, R"("stream":true)"));
    EXPECT_TRUE(Json::parse(events.back().data).contains("error"));
    EXPECT_GE(request(http::Method::kPost, kPath, kGood)->status, 500);
  }
}

TEST_F(OpenAiChat, ClientLeaves_CallIsCancelled) {
  expect_cancelled_when_client_leaves(kPath, kGood);
}

TEST_F(OpenAiChat, Answers_AreWhatOpenAiDescribes) {
  HEARTH_NEEDS_TEST_DATA(description, "api/openai.json");
  const auto api = testing::OpenApi::load(description);
  EXPECT_EQ(api.check(post(kPath, kGood), "CreateChatCompletionResponse"), "");
  const std::string all =
      with(kGood, R"("logprobs":true,"top_logprobs":1,"stream_options":{"include_usage":true},
      "stream":true)");
  for (const SseEvent& event : stream(kPath, all)) {
    if (event.data == "[DONE]") continue;
    EXPECT_EQ(api.check(Json::parse(event.data), "CreateChatCompletionStreamResponse"), "") << event.data;
  }
  EXPECT_EQ(api.check(request(http::Method::kPost, kPath, "{}")->json(), "ErrorResponse"), "");
  model_.opened.set_has_template_tools(true);
  const auto plain = model_.replies;
  model_.replies = inference::replies_with_calls();
  EXPECT_EQ(api.check(post(kPath, with(kGood, kTools)), "CreateChatCompletionResponse"), "");
  for (const SseEvent& event : stream(kPath, with(kGood, std::string(kTools) + R"(,"stream":true)"))) {
    if (event.data == "[DONE]") continue;
    EXPECT_EQ(api.check(Json::parse(event.data), "CreateChatCompletionStreamResponse"), "") << event.data;
  }
  model_.replies = plain;
  // The check itself finds what is wrong.
  Json wrong = post(kPath, kGood);
  wrong["choices"][0]["finish_reason"] = "because";
  EXPECT_NE(api.check(wrong, "CreateChatCompletionResponse"), "");
  wrong = post(kPath, kGood);
  wrong["choices"][0].erase("message");
  EXPECT_NE(api.check(wrong, "CreateChatCompletionResponse"), "");
}

}  // namespace
}  // namespace hearth::server::openai
