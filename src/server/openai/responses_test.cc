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

constexpr const char* kPath = "/v1/responses";
constexpr const char* kGood = R"({"model":"tiny","input":"hi"})";

class OpenAiResponses : public inference::ApiTest {
 protected:
  OpenAiResponses() {
    add_openai_routes(router_, deps());
    model_.opened.set_has_template_thinking(true);
    model_.replies = {accepted_reply(7),
                      delta_reply("hm", Delta::THINKING),
                      delta_reply(" so", Delta::THINKING),
                      with_logprob(delta_reply("Hel"), 5, "Hel", -0.5F),
                      with_logprob(delta_reply("lo"), 6, "lo", -1.5F),
                      finished_reply(Finished::STOP, 7, 4)};
  }
  std::string id_of(const Json& response) { return response["id"].get<std::string>(); }
};

TEST_F(OpenAiResponses, WholeAnswer_HasEveryMember) {
  const Json response =
      post(kPath, with(kGood, R"("instructions":"Be kind.","metadata":{"k":"v"},"temperature":0.5,
      "max_output_tokens":9,"reasoning":{"effort":"high"},"user":"u")"));
  EXPECT_TRUE(id_of(response).starts_with("resp_"));
  EXPECT_EQ(response["object"], "response");
  EXPECT_EQ(response["status"], "completed");
  EXPECT_EQ(response["created_at"], 1'800'000'000);
  EXPECT_EQ(response["completed_at"], 1'800'000'000);
  EXPECT_TRUE(response["error"].is_null());
  EXPECT_TRUE(response["incomplete_details"].is_null());
  EXPECT_EQ(response["instructions"], "Be kind.");
  EXPECT_EQ(response["metadata"], Json::parse(R"({"k":"v"})"));
  EXPECT_EQ(response["temperature"], 0.5);
  EXPECT_EQ(response["top_p"], 1);
  EXPECT_EQ(response["max_output_tokens"], 9);
  EXPECT_EQ(response["reasoning"]["effort"], "high");
  EXPECT_EQ(response["tools"], Json::array());
  EXPECT_EQ(response["store"], true);
  ASSERT_EQ(response["output"].size(), 2U);
  EXPECT_EQ(response["output"][0]["type"], "reasoning");
  EXPECT_EQ(response["output"][0]["content"], Json::parse(R"([{"type":"reasoning_text","text":"hm so"}])"));
  EXPECT_EQ(response["output"][1]["role"], "assistant");
  EXPECT_EQ(response["output"][1]["status"], "completed");
  EXPECT_EQ(response["output"][1]["content"],
            Json::parse(R"([{"type":"output_text","text":"Hello","annotations":[],"logprobs":[]}])"));
  EXPECT_EQ(response["usage"]["input_tokens"], 7);
  EXPECT_EQ(response["usage"]["output_tokens"], 4);
  EXPECT_EQ(last_messages(),
            Json::parse(R"([{"role":"system","content":"Be kind."},{"role":"user","content":"hi"}])"));
  EXPECT_EQ(last_generate().max_tokens(), 9);
  EXPECT_EQ(last_generate().think().effort(), "high");
  EXPECT_EQ(last_generate().sampling().temperature(), 0.5F);
  EXPECT_EQ(last_generate().tenant(), "key_1");
}

TEST_F(OpenAiResponses, Items_BecomeMessages) {
  post(kPath, R"({"model":"tiny","input":[{"role":"developer","content":"D"},
      {"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
      {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"r"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"c","annotations":[]}]},
      {"role":"user","content":"d"}]})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"system","content":"D"},{"role":"user","content":"a\nb"},
      {"role":"assistant","content":"c","reasoning_content":"r","thinking":"r"},{"role":"user","content":"d"}])"));
}

TEST_F(OpenAiResponses, PreviousResponse_IsGoneOnFrom) {
  const std::string first = id_of(post(kPath, with(kGood, R"("instructions":"Only once.")")));
  const std::string second =
      id_of(post(kPath, with(kGood, R"("input":"more","previous_response_id":")" + first + "\"")));
  const Json third = post(kPath, with(kGood, R"("input":"most","previous_response_id":")" + second + "\""));
  EXPECT_EQ(third["previous_response_id"], second);
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"user","content":"hi"},
      {"role":"assistant","content":"Hello","reasoning_content":"hm so","thinking":"hm so"},
      {"role":"user","content":"more"},
      {"role":"assistant","content":"Hello","reasoning_content":"hm so","thinking":"hm so"},
      {"role":"user","content":"most"}])"));
  // What was deleted cannot be gone on from, what came of it can.
  EXPECT_EQ(request(http::Method::kDelete, "/v1/responses/" + second)->json()["deleted"], true);
  EXPECT_EQ(
      request(http::Method::kPost, kPath, with(kGood, R"("previous_response_id":")" + second + "\""))->status,
      404);
  post(kPath, with(kGood, R"("previous_response_id":")" + id_of(third) + "\""));
  EXPECT_EQ(last_messages().size(), 7U);
}

TEST_F(OpenAiResponses, Stored_IsFoundByItsOwnerOnly) {
  const Json response = post(kPath, kGood);
  const std::string path = "/v1/responses/" + id_of(response);
  EXPECT_EQ(get(path), response);
  key_ = "key_2";
  for (const std::string& end : {std::string(), std::string("/input_items")}) {
    EXPECT_EQ(request(http::Method::kGet, path + end)->status, 404);
  }
  EXPECT_EQ(request(http::Method::kDelete, path)->status, 404);
  const auto going_on = request(http::Method::kPost, kPath,
                                with(kGood, R"("previous_response_id":")" + id_of(response) + "\""));
  EXPECT_EQ(going_on->status, 404);
  EXPECT_EQ(going_on->json()["error"]["param"], "previous_response_id");
  key_ = "key_1";
  EXPECT_EQ(get(path), response);
  const std::string unstored = id_of(post(kPath, with(kGood, R"("store":false)")));
  EXPECT_EQ(request(http::Method::kGet, "/v1/responses/" + unstored)->status, 404);
  EXPECT_EQ(request(http::Method::kGet, path, "", {{"stream", "true"}})->status, 400);
}

TEST_F(OpenAiResponses, InputItems_AreListedInPages) {
  const std::string id = id_of(post(kPath, R"({"model":"tiny","input":[{"role":"user","content":"a"},
      {"role":"assistant","content":"b"},{"role":"user","content":"c"}]})"));
  const std::string path = "/v1/responses/" + id + "/input_items";
  const Json newest = get(path, {{"limit", "2"}});
  EXPECT_EQ(newest["has_more"], true);
  EXPECT_EQ(newest["data"][0]["content"][0]["text"], "c");
  EXPECT_EQ(newest["data"][1]["content"][0]["type"], "output_text");
  const Json rest = get(path, {{"after", newest["last_id"].get<std::string>()}});
  ASSERT_EQ(rest["data"].size(), 1U);
  EXPECT_EQ(rest["has_more"], false);
  EXPECT_EQ(get(path, {{"order", "asc"}})["first_id"], rest["last_id"]);
  EXPECT_EQ(request(http::Method::kGet, path, "", {{"limit", "0"}})->status, 400);
  EXPECT_EQ(request(http::Method::kGet, path, "", {{"order", "up"}})->status, 400);
  EXPECT_EQ(request(http::Method::kGet, path, "", {{"after", "nope"}})->status, 400);
}

// What a client has that knows nothing but the events.
Json reassemble(const std::vector<SseEvent>& events) {
  Json output = Json::array();
  for (size_t i = 0; i < events.size(); ++i) {
    const Json event = Json::parse(events[i].data);
    EXPECT_EQ(event["type"], events[i].name);
    EXPECT_EQ(event["sequence_number"], i);
    const auto type = event["type"].get<std::string>();
    if (type == "response.output_item.added") {
      EXPECT_EQ(event["output_index"], output.size());
      output.push_back(event["item"]);
    } else if (type == "response.content_part.added") {
      output[event["output_index"].get<size_t>()]["content"].push_back(event["part"]);
    } else if (type == "response.output_text.delta" || type == "response.reasoning_text.delta") {
      Json& part =
          output[event["output_index"].get<size_t>()]["content"][event["content_index"].get<size_t>()];
      part["text"] = part["text"].get<std::string>() + event["delta"].get<std::string>();
      for (const Json& token : event.value("logprobs", Json::array())) part["logprobs"].push_back(token);
    } else if (type == "response.output_item.done") {
      Json& item = output[event["output_index"].get<size_t>()];
      item["status"] = event["item"]["status"];
      EXPECT_EQ(item, event["item"]);
    }
  }
  return output;
}

// Ids are random.
Json without_ids(Json output) {
  for (Json& item : output) item.erase("id");
  return output;
}

TEST_F(OpenAiResponses, Stream_IsTheWholeAnswerInParts) {
  const std::string all = with(kGood, R"("include":["message.output_text.logprobs"],"top_logprobs":1)");
  const Json whole = post(kPath, all);
  EXPECT_EQ(whole["output"][1]["content"][0]["logprobs"].size(), 2U);
  const auto events = stream(kPath, with(all, R"("stream":true)"));
  std::vector<std::string> names;
  for (const SseEvent& event : events) names.push_back(event.name);
  EXPECT_EQ(names,
            (std::vector<std::string>{
                "response.created", "response.in_progress", "response.output_item.added",
                "response.content_part.added", "response.reasoning_text.delta",
                "response.reasoning_text.delta", "response.reasoning_text.done", "response.content_part.done",
                "response.output_item.done", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
                "response.content_part.done", "response.output_item.done", "response.completed"}));
  const Json output = reassemble(events);
  EXPECT_EQ(without_ids(output), without_ids(whole["output"]));
  const Json completed = Json::parse(events.back().data)["response"];
  EXPECT_EQ(completed["output"], output);
  EXPECT_EQ(completed["usage"], whole["usage"]);
  EXPECT_EQ(get("/v1/responses/" + id_of(completed)), completed);
}

TEST_F(OpenAiResponses, LimitReached_IsIncomplete) {
  model_.replies = {accepted_reply(1), delta_reply("a"), finished_reply(Finished::LENGTH, 1, 1)};
  const Json response = post(kPath, kGood);
  EXPECT_EQ(response["status"], "incomplete");
  EXPECT_EQ(response["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(response["output"][0]["status"], "incomplete");
  EXPECT_EQ(stream(kPath, with(kGood, R"("stream":true)")).back().name, "response.incomplete");
}

TEST_F(OpenAiResponses, NothingSaid_IsAnEmptyMessage) {
  model_.replies = {accepted_reply(1), delta_reply("hm", Delta::THINKING),
                    finished_reply(Finished::STOP, 1, 1)};
  const Json output = post(kPath, kGood)["output"];
  ASSERT_EQ(output.size(), 2U);
  EXPECT_EQ(output[1]["content"][0]["text"], "");
  model_.replies = {finished_reply(Finished::STOP, 1, 0)};
  EXPECT_EQ(post(kPath, kGood)["output"].size(), 1U);
}

TEST_F(OpenAiResponses, ErrorWithinTheStream_IsItsLastEvent) {
  model_.replies = {accepted_reply(1), delta_reply("a"),
                    failure_reply(protocol::Failure::UNAVAILABLE, "died")};
  const auto events = stream(kPath, with(kGood, R"("stream":true)"));
  EXPECT_EQ(events.back().name, "response.failed");
  const Json response = Json::parse(events.back().data)["response"];
  EXPECT_EQ(response["status"], "failed");
  EXPECT_EQ(response["error"], Json::parse(R"({"code":"server_error","message":"died"})"));
  EXPECT_EQ(request(http::Method::kPost, kPath, kGood)->status, 503);
  EXPECT_EQ(request(http::Method::kGet, "/v1/responses/" + id_of(response))->status, 404);
}

TEST_F(OpenAiResponses, ClientLeaves_CallIsCancelled) {
  expect_cancelled_when_client_leaves(kPath, kGood);
}

constexpr const char* kTools =
    R"("tools":[{"type":"function","name":"weather","description":"d","strict":true,
    "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}])";

TEST_F(OpenAiResponses, Tools_ReachTheTemplateAndAreRepeated) {
  EXPECT_EQ(request(http::Method::kPost, kPath, with(kGood, kTools))->json()["error"]["message"],
            "tools: \"tiny\" does not support tools: its chat template does not show it any, or how it "
            "writes calls is not known");
  model_.opened.set_has_template_tools(true);
  const Json response = post(kPath, with(kGood, std::string(kTools) + R"(,"parallel_tool_calls":false,
      "tool_choice":{"type":"function","name":"weather"})"));
  EXPECT_EQ(Json::parse(last_generate().conversation_json())["tools"],
            Json::parse(R"([{"type":"function","function":{"name":"weather","description":"d",
    "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])"));
  EXPECT_EQ(last_generate().tool_use().name(), "weather");
  EXPECT_TRUE(last_generate().tool_use().one_call());
  EXPECT_EQ(response["tools"][0]["name"], "weather");
  EXPECT_EQ(response["tools"][0]["strict"], true);
  EXPECT_EQ(response["parallel_tool_calls"], false);
  EXPECT_EQ(response["tool_choice"]["name"], "weather");
  post(kPath, with(kGood, std::string(kTools) + R"(,"tool_choice":"none")"));
  EXPECT_FALSE(last_generate().has_tool_use());
  EXPECT_FALSE(Json::parse(last_generate().conversation_json()).contains("tools"));
}

TEST_F(OpenAiResponses, Format_IsAConstraint) {
  const Json response = post(kPath, with(kGood, R"("text":{"format":{"type":"json_schema","name":"n",
      "schema":{"type":"object"},"strict":true}})"));
  EXPECT_EQ(last_generate().constraint().json_schema(), R"({"type":"object"})");
  EXPECT_EQ(response["text"]["format"]["name"], "n");
  post(kPath, with(kGood, R"("text":{"format":{"type":"json_object"}})"));
  EXPECT_TRUE(last_generate().constraint().json_object());
  EXPECT_EQ(post(kPath, kGood)["text"]["format"]["type"], "text");
}

TEST_F(OpenAiResponses, Calls_AreItemsThatAreGoneOnFrom) {
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  const Json first = post(kPath, with(kGood, kTools));
  ASSERT_EQ(first["output"].size(), 3U);
  const Json call = first["output"][1];
  EXPECT_EQ(call["type"], "function_call");
  EXPECT_EQ(call["name"], "weather");
  EXPECT_EQ(call["arguments"], R"({"city": "Oslo"})");
  EXPECT_EQ(call["status"], "completed");
  EXPECT_TRUE(call["id"].get<std::string>().starts_with("fc_"));
  const auto call_id = call["call_id"].get<std::string>();
  const std::string second = R"({"model":"tiny","previous_response_id":")" + id_of(first) +
                             R"(","input":[{"type":"function_call_output","call_id":")" + call_id +
                             R"(","output":"cold"}]})";
  post(kPath, second);
  const Json messages = last_messages();
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[1]["content"], "Let me see.");
  ASSERT_EQ(messages[1]["tool_calls"].size(), 2U);
  EXPECT_EQ(messages[1]["tool_calls"][0]["id"], call_id);
  EXPECT_EQ(messages[1]["tool_calls"][0]["function"]["arguments"], Json({{"city", "Oslo"}}));
  EXPECT_EQ(messages[2],
            Json({{"role", "tool"}, {"content", "cold"}, {"name", "weather"}, {"tool_call_id", call_id}}));
}

TEST_F(OpenAiResponses, ItemsOfCalls_BecomeMessages) {
  post(kPath, R"({"model":"tiny","input":[{"role":"user","content":"a"},
      {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"r"}]},
      {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\":1}","status":"completed"},
      {"type":"function_call","call_id":"c2","name":"g","arguments":"{\"y","status":"incomplete"},
      {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"o"}]}]})");
  EXPECT_EQ(last_messages(), Json::parse(R"([{"role":"user","content":"a"},
      {"role":"assistant","content":"","reasoning_content":"r","thinking":"r","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":{"x":1}}}]},
      {"role":"tool","content":"o","name":"f","tool_call_id":"c1"}])"));
}

TEST_F(OpenAiResponses, CallsOfAStream_AreTheWholeOnesInParts) {
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  const auto events = stream(kPath, with(kGood, std::string(kTools) + R"(,"stream":true)"));
  std::vector<std::string> names;
  std::string arguments;
  Json done;
  for (const SseEvent& event : events) {
    const Json data = Json::parse(event.data);
    if (data.value("output_index", 0) != 1) continue;
    names.push_back(event.name);
    if (event.name == "response.function_call_arguments.delta") arguments += data["delta"];
    if (event.name == "response.function_call_arguments.done") done = data;
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"response.output_item.added", "response.function_call_arguments.delta",
                                      "response.function_call_arguments.delta",
                                      "response.function_call_arguments.done", "response.output_item.done"}));
  EXPECT_EQ(arguments, R"({"city": "Oslo"})");
  EXPECT_EQ(done["arguments"], arguments);
  const Json completed = Json::parse(events.back().data)["response"];
  EXPECT_EQ(completed["output"][1]["arguments"], arguments);
  EXPECT_EQ(completed["output"].size(), 3U);
  model_.replies = {accepted_reply(1), call_reply(0, "weather", R"({"ci)", false),
                    finished_reply(Finished::LENGTH, 1, 1)};
  const Json broken = post(kPath, with(kGood, kTools));
  EXPECT_EQ(broken["status"], "incomplete");
  ASSERT_EQ(broken["output"].size(), 1U);
  EXPECT_EQ(broken["output"][0]["status"], "incomplete");
}

TEST_F(OpenAiResponses, WrongField_IsNamed) {
  expect_shared_fields_refused(kPath, kGood);
  expect_refused(
      kPath, kGood,
      {{R"("input":null)", "input: is required"},
       {R"("input":5)", "input: expected a string or a list of items, found 5"},
       {R"("input":[])", "input: expected at least one item, found a list"},
       {R"("input":["x"])", "input[0]: expected an object, found \"x\""},
       {R"("input":[{"content":"x"}])", "input[0].role: is required"},
       {R"("input":[{"role":"tool","content":"x"}])",
        "input[0].role: expected user, assistant, system or developer, found \"tool\""},
       {R"("input":[{"role":"user","content":5}])",
        "input[0].content: expected a string or a list of parts, found 5"},
       {R"("input":[{"role":"user","content":[{"type":"input_image"}]}])",
        "input[0].content[0].type: content of type \"input_image\" is not supported, only text"},
       {R"("input":[{"type":"function_call"}])", "input[0].arguments: is required"},
       {R"("input":[{"type":"function_call","arguments":"[]","call_id":"c","name":"f"}])",
        "input[0].arguments: expected a JSON object, or the text of one, found \"[]\""},
       {R"("input":[{"type":"function_call_output","call_id":"c"}])", "input[0].output: is required"},
       {R"("input":[{"type":"web_search_call"}])",
        "input[0].type: items of type \"web_search_call\" are not supported, only messages, reasoning and "
        "function calls"},
       {R"("instructions":[])", "instructions: expected a string, found a list"},
       {R"("previous_response_id":5)", "previous_response_id: expected a string, found 5"},
       {R"("store":"no")", "store: expected true or false, found \"no\""},
       {R"("max_output_tokens":0)",
        "max_output_tokens: expected an integer of 1 or more, or -1 for no limit, found 0"},
       {R"("max_output_tokens":"9")", "max_output_tokens: expected an integer, found \"9\""},
       {R"("top_logprobs":1)",
        "top_logprobs: is only allowed where \"include\" has \"message.output_text.logprobs\""},
       {R"("include":["x"])",
        "include[0]: expected \"message.output_text.logprobs\" or \"reasoning.encrypted_content\", found "
        "\"x\""},
       {R"("include":"x")", "include: expected a list, found \"x\""},
       {R"("reasoning":"high")", "reasoning: expected an object, found \"high\""},
       {R"("reasoning":{"effort":"much"})",
        "reasoning.effort: expected none, minimal, low, medium, high, xhigh or max, found \"much\""},
       {R"("text":{"format":{"type":"json_schema"}})", "text.format.schema: is required"},
       {R"("text":{"format":{"type":"grammar"}})",
        "text.format.type: expected \"text\", \"json_object\" or \"json_schema\", found \"grammar\""},
       {R"("text":5)", "text: expected an object, found 5"},
       {R"("metadata":{"a":1})", "metadata.a: expected a string, found 1"},
       {R"("truncation":"auto")",
        "truncation: \"auto\" is not supported: no part of a conversation is dropped silently"},
       {R"("truncation":1)", "truncation: expected a string, found 1"},
       {R"("background":true)", "background: is not supported"},
       {R"("background":"x")", "background: expected true or false, found \"x\""},
       {R"("conversation":"conv_1")", "conversation: is not supported"},
       {R"("prompt":{"id":"p"})", "prompt: is not supported"},
       {R"("tools":[{"type":"web_search"}])",
        "tools[0].type: \"web_search\" is not supported, only \"function\""},
       {R"("tools":[{"type":"function"}])", "tools[0].name: is required"},
       {R"("tool_choice":{"type":"function"})", "tool_choice.name: is required"},
       {R"("tool_choice":{"type":"mcp"})", "tool_choice.type: \"mcp\" is not supported, only \"function\""},
       {R"("tools":[{"type":"function","name":"f"}],"text":{"format":{"type":"json_object"}})",
        "tools: cannot be called in an answer that is constrained as well: leave out one of them, or forbid "
        "the "
        "calls"},
       {R"("parallel_tool_calls":1)", "parallel_tool_calls: expected true or false, found 1"},
       {R"("user":1)", "user: expected a string, found 1"}});
}

TEST_F(OpenAiResponses, Answers_AreWhatOpenAiDescribes) {
  HEARTH_NEEDS_TEST_DATA(description, "api/openai.json");
  const auto api = testing::OpenApi::load(description);
  const std::string all = with(kGood, R"("include":["message.output_text.logprobs"],"top_logprobs":1)");
  const Json response = post(kPath, all);
  EXPECT_EQ(api.check(response, "Response"), "");
  for (const SseEvent& event : stream(kPath, with(all, R"("stream":true)"))) {
    EXPECT_EQ(api.check(Json::parse(event.data), "ResponseStreamEvent"), "") << event.data;
  }
  EXPECT_EQ(api.check(get("/v1/responses/" + id_of(response) + "/input_items"), "ResponseItemList"), "");
  model_.opened.set_has_template_tools(true);
  model_.replies = inference::replies_with_calls();
  const Json called = post(kPath, with(kGood, kTools));
  EXPECT_EQ(api.check(called, "Response"), "");
  for (const SseEvent& event : stream(kPath, with(kGood, std::string(kTools) + R"(,"stream":true)"))) {
    EXPECT_EQ(api.check(Json::parse(event.data), "ResponseStreamEvent"), "") << event.data;
  }
  const Json gone_on =
      post(kPath, R"({"model":"tiny","previous_response_id":")" + id_of(called) +
                      R"(","input":[{"type":"function_call_output","call_id":"c","output":"o"}]})");
  EXPECT_EQ(api.check(get("/v1/responses/" + id_of(gone_on) + "/input_items"), "ResponseItemList"), "");
  model_.replies = {accepted_reply(1), failure_reply(protocol::Failure::UNAVAILABLE, "died")};
  for (const SseEvent& event : stream(kPath, with(all, R"("stream":true)"))) {
    EXPECT_EQ(api.check(Json::parse(event.data), "ResponseStreamEvent"), "") << event.data;
  }
  Json wrong = response;
  wrong["output"][1]["content"][0].erase("annotations");
  EXPECT_NE(api.check(wrong, "Response"), "");
}

}  // namespace
}  // namespace hearth::server::openai
