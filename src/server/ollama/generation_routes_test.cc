#include <gtest/gtest.h>

#include <limits>

#include "server/ollama/ollama_fixture.h"
#include "server/wire/stream_text.h"

namespace hearth::server::ollama {
namespace {

using nlohmann::json;

class Generation : public OllamaTest {
 protected:
  static std::string generate(const std::string& more = "") {
    return R"({"model":"tiny","prompt":"hi")" + (more.empty() ? "" : "," + more) + "}";
  }
  static std::string chat(const std::string& more = "") {
    return R"({"model":"tiny","messages":[{"role":"user","content":"hi"}])" +
           (more.empty() ? "" : "," + more) + "}";
  }
  // Both endpoints take what is not about the prompt.
  void for_both(const std::string& more, const std::function<void(const wire::RecordingResponder&)>& check) {
    check(post("/api/generate", generate(more)));
    check(post("/api/chat", chat(more)));
  }
};

void expect_figures(const json& last) {
  EXPECT_GT(last["total_duration"].get<int64_t>(), 0);
  EXPECT_TRUE(last["load_duration"].is_number_integer());
  EXPECT_EQ(last["prompt_eval_count"], 5);
  EXPECT_EQ(last["prompt_eval_duration"], 11'000'000);
  EXPECT_EQ(last["eval_count"], 2);
  EXPECT_EQ(last["eval_duration"], 22'000'000);
}

TEST_F(Generation, GenerateByDefault_StreamsLinesAndEndsWithDone) {
  const auto answer = post("/api/generate", generate());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/x-ndjson");
  EXPECT_TRUE(answer.ended);
  const auto lines = answer.lines();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["response"], "Hel");
  EXPECT_EQ(lines[1]["response"], "lo");
  for (const json& line : lines) {
    EXPECT_EQ(line["model"], "tiny");  // as it was asked for
    EXPECT_EQ(line["created_at"].get<std::string>().size(), 30U);
    EXPECT_EQ(line["done"], &line == &lines.back());
  }
  EXPECT_EQ(lines[2]["response"], "");
  EXPECT_EQ(lines[2]["done_reason"], "stop");
  EXPECT_EQ(lines[2]["load_duration"], 250'000'000);
  expect_figures(lines[2]);
}

TEST_F(Generation, GenerateWhole_IsOneObject) {
  const auto answer = post("/api/generate", generate(R"("stream":false)"));
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_FALSE(answer.streamed);
  const json whole = answer.json();
  EXPECT_EQ(whole["response"], "Hello");
  EXPECT_EQ(whole["done"], true);
  EXPECT_FALSE(whole.contains("thinking"));
  EXPECT_FALSE(whole.contains("logprobs"));
  expect_figures(whole);
}

TEST_F(Generation, Chat_StreamsMessages) {
  const auto lines = post("/api/chat", chat()).lines();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["message"], json({{"role", "assistant"}, {"content", "Hel"}}));
  EXPECT_FALSE(lines[0].contains("response"));
  EXPECT_EQ(lines[2]["message"]["content"], "");
  EXPECT_EQ(lines[2]["done"], true);
  expect_figures(lines[2]);
  const json whole = post("/api/chat", chat(R"("stream":false)")).json();
  EXPECT_EQ(whole["message"], json({{"role", "assistant"}, {"content", "Hello"}}));
  expect_figures(whole);
}

TEST_F(Generation, LimitsReached_AreLength) {
  for (const auto reason : {protocol::Finished::LENGTH, protocol::Finished::CONTEXT}) {
    tiny_.replies = {delta_reply("x"), finished_reply(reason, 5, 1)};
    for_both("", [](const auto& answer) { EXPECT_EQ(answer.lines().back()["done_reason"], "length"); });
  }
}

TEST_F(Generation, Thinking_IsOnByItselfAndStandsApart) {
  tiny_.opened.set_has_template_thinking(true);
  tiny_.replies = {delta_reply("hm", protocol::Delta::THINKING), delta_reply("yes"),
                   finished_reply(protocol::Finished::STOP, 5, 2)};
  const auto lines = post("/api/chat", chat()).lines();
  EXPECT_TRUE(generated().think().enabled());
  EXPECT_EQ(lines[0]["message"]["thinking"], "hm");
  EXPECT_EQ(lines[0]["message"]["content"], "");
  EXPECT_FALSE(lines[1]["message"].contains("thinking"));
  const json whole = post("/api/generate", generate(R"("stream":false,"think":"max")")).json();
  EXPECT_EQ(generated().think().effort(), "high");
  EXPECT_EQ(whole["thinking"], "hm");
  EXPECT_EQ(whole["response"], "yes");
  post("/api/chat", chat(R"("think":false)"));
  EXPECT_TRUE(generated().has_think() && !generated().think().enabled());
}

TEST_F(Generation, ThinkOnAModelThatCannot_Is400) {
  for_both(R"("think":true)", [this](const auto& answer) {
    EXPECT_EQ(error(answer, 400), "\"tiny\" does not support thinking");
  });
  for_both(R"("think":false)", [](const auto& answer) { EXPECT_EQ(answer.status, 200); });
  EXPECT_FALSE(generated().has_think());
}

TEST_F(Generation, Options_ReachTheEngine) {
  const std::string options =
      R"("options":{"temperature":0,"top_k":3,"seed":42,"num_predict":7,"num_ctx":2048,"stop":["a","","b"],
      "num_keep":4,"num_batch":1,"num_gpu":-1,"main_gpu":0,"use_mmap":true,"num_thread":2,"draft_num_predict":1},
      "keep_alive":"1h30m")";
  for_both(options, [this](const auto& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body();
    EXPECT_TRUE(answer.headers.empty());
    const protocol::Generate sent = generated();
    EXPECT_EQ(sent.sampling().temperature(), 0.0F);
    EXPECT_TRUE(sent.sampling().has_temperature());
    EXPECT_EQ(sent.sampling().top_k(), 3);
    EXPECT_EQ(sent.sampling().seed(), 42);
    EXPECT_EQ(sent.max_tokens(), 7);
    EXPECT_EQ(sent.context_tokens(), 2048);
    EXPECT_EQ(sent.stop_size(), 2);
    EXPECT_EQ(service_.log().acquired.back().second.context_tokens, 2048);
    EXPECT_EQ(service_.log().acquired.back().second.keep_alive, Seconds(5400));
  });
}

TEST_F(Generation, SamplingOptions_ReachTheEngine) {
  const std::string options =
      R"("options":{"top_p":0.5,"min_p":0.25,"typical_p":0.75,"repeat_last_n":-1,"repeat_penalty":1.5,
      "presence_penalty":0.125,"frequency_penalty":-0.5})";
  for_both(options, [this](const auto& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body();
    const protocol::Sampling sent = generated().sampling();
    EXPECT_EQ(sent.top_p(), 0.5F);
    EXPECT_EQ(sent.min_p(), 0.25F);
    EXPECT_EQ(sent.typical_p(), 0.75F);
    EXPECT_EQ(sent.repeat_last_n(), -1);
    EXPECT_EQ(sent.repeat_penalty(), 1.5F);
    EXPECT_EQ(sent.presence_penalty(), 0.125F);
    EXPECT_EQ(sent.frequency_penalty(), -0.5F);
  });
}

TEST_F(Generation, ShiftAndTruncate_CutNoPrompt) {
  for (const char* more : {R"("shift":true)", R"("shift":false)", R"("truncate":true)"}) {
    post("/api/generate", generate(more));
    EXPECT_EQ(json::parse(generated().conversation_json())["messages"].size(), 1U) << more;
  }
  tiny_.replies = {delta_reply("x"), finished_reply(protocol::Finished::CONTEXT, 5, 1)};
  for_both(R"("shift":true)",
           [](const auto& answer) { EXPECT_EQ(answer.lines().back()["done_reason"], "length"); });
}

TEST_F(Generation, ToolsOfMessages_MayBeDescribed) {
  post("/api/chat", R"({"model":"tiny","messages":[{"role":"assistant","tool_calls":[{"function":
      {"name":"f","description":"what it does","index":0,"arguments":{}}}]},{"role":"user","content":"u"}]})");
  const json call = json::parse(generated().conversation_json())["messages"][0]["tool_calls"][0];
  EXPECT_EQ(call["function"], json::parse(R"({"name":"f","arguments":{}})"));
}

TEST_F(Generation, NoOptions_LeaveTheDefaults) {
  post("/api/generate", generate(R"("options":{"num_predict":-1,"num_ctx":0,"stop":"x"})"));
  EXPECT_FALSE(generated().has_max_tokens());
  EXPECT_EQ(generated().context_tokens(), 0);
  EXPECT_EQ(generated().sampling().ByteSizeLong(), 0U);
  EXPECT_EQ(generated().stop_size(), 1);
  EXPECT_FALSE(service_.log().acquired.back().second.context_tokens);
  EXPECT_FALSE(service_.log().acquired.back().second.keep_alive);
}

TEST_F(Generation, UnknownOptions_AreIgnoredWithAWarning) {
  for_both(R"("options":{"tfs_z":1,"evil\r\nSet-Cookie: a":2})", [](const auto& answer) {
    EXPECT_EQ(answer.status, 200);
    ASSERT_EQ(answer.headers.size(), 1U);
    EXPECT_EQ(answer.headers[0].first, "Hearth-Warning");
    EXPECT_EQ(answer.headers[0].second, "ignored unknown options: tfs_z, evil\\r\\nSet-Cookie: a");
  });
}

TEST_F(Generation, ContextBeyondTheModels_IsCutWithAWarning) {
  const auto answer = post("/api/chat", chat(R"("options":{"num_ctx":100000})"));
  EXPECT_EQ(generated().context_tokens(), 8192);
  ASSERT_EQ(answer.headers.size(), 1U);
  EXPECT_EQ(answer.headers[0].second, "num_ctx 100000 is more than the model's 8192");
}

TEST_F(Generation, Tenant_IsTheKey) {
  key_id_ = "key_7";
  for_both("", [this](const auto&) { EXPECT_EQ(generated().tenant(), "key_7"); });
}

TEST_F(Generation, GenerateWithATemplate_SendsSystemAndPromptAsConversation) {
  post("/api/generate", generate(R"("system":"be brief","template":"{{ messages }}!")"));
  EXPECT_EQ(
      json::parse(generated().conversation_json()),
      json::parse(R"({"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}]})"));
  EXPECT_EQ(generated().template_source(), "{{ messages }}!");
}

TEST_F(Generation, GenerateRaw_SendsTheTextWithItsControlTokens) {
  post("/api/generate", generate(R"("raw":true)"));
  EXPECT_EQ(generated().text().text(), "hi");
  EXPECT_TRUE(generated().text().control_tokens());
  for (const char* more :
       {R"("raw":true,"system":"x")", R"("raw":true,"template":"x")", R"("raw":true,"context":[1])"})
    EXPECT_NE(error(post("/api/generate", generate(more)), 400), "") << more;
  tiny_.opened.set_has_template_thinking(true);
  for (const char* think : {"true", R"("high")"}) {
    EXPECT_EQ(error(post("/api/generate", generate(fmt::format(R"("raw":true,"think":{})", think))), 400),
              "think: raw mode does not support thinking");
  }
  EXPECT_EQ(post("/api/generate", generate(R"("raw":true,"think":false)")).status, 200);
}

TEST_F(Generation, ModelWithoutTemplate_GoesOnWithTheText) {
  tiny_.opened.clear_chat_format();
  tiny_.opened.clear_chat_template();
  post("/api/generate", generate());
  EXPECT_EQ(generated().text().text(), "hi");
  EXPECT_FALSE(generated().text().control_tokens());
  EXPECT_NE(error(post("/api/generate", generate(R"("system":"x")")), 400), "");
  EXPECT_EQ(error(post("/api/chat", chat()), 400), "\"tiny\" does not support chat");
}

TEST_F(Generation, Context_IsGoneOnWithAndGivenBack) {
  tiny_.answer = [](const protocol::Call& call) -> std::vector<protocol::Reply> {
    protocol::Reply reply;
    if (call.has_render()) {
      for (const int32_t id : {1, 30, 31}) reply.mutable_tokens()->add_ids(id);
      return {reply};
    }
    if (call.has_tokenize()) {
      reply.mutable_tokens()->add_ids(1);  // BOS
      return {reply};
    }
    reply = finished_reply(protocol::Finished::STOP, 5, 2);
    for (const int32_t id : {1, 2, 30, 31, 9}) reply.mutable_finished()->add_token_ids(id);
    return {reply};
  };
  const auto lines = post("/api/generate", generate(R"("context":[1,2])")).lines();
  const protocol::Generate sent = generated();
  const auto& ids = sent.tokens().ids();
  EXPECT_EQ(std::vector<int32_t>(ids.begin(), ids.end()), (std::vector<int32_t>{1, 2, 30, 31}));
  EXPECT_EQ(lines.back()["context"], json({1, 2, 30, 31, 9}));
  EXPECT_FALSE(post("/api/chat", chat()).lines().back().contains("context"));
}

TEST_F(Generation, Logprobs_AreListedWithTheirBytes) {
  protocol::Reply delta = delta_reply("\u20ac");
  auto& token = *delta.mutable_delta()->add_logprobs();
  token.set_piece("\u20ac");
  token.set_logprob(-0.5F);
  token.add_top()->set_piece("\xE2");
  token.mutable_top(0)->set_logprob(-std::numeric_limits<float>::infinity());
  tiny_.replies = {delta, finished_reply(protocol::Finished::STOP, 5, 1)};
  for_both(R"("logprobs":true,"top_logprobs":1)", [this](const auto& answer) {
    EXPECT_TRUE(generated().logprobs());
    EXPECT_EQ(generated().top_logprobs(), 1U);
    const json first = answer.lines()[0]["logprobs"][0];
    EXPECT_EQ(first["token"], "\u20ac");
    EXPECT_EQ(first["logprob"], -0.5);
    EXPECT_EQ(first["bytes"], json({0xE2, 0x82, 0xAC}));
    EXPECT_EQ(first["top_logprobs"][0]["bytes"], json::array({0xE2}));
    EXPECT_TRUE(first["top_logprobs"][0]["logprob"].is_number());
  });
  const json whole = post("/api/generate", generate(R"("stream":false,"logprobs":true)")).json();
  EXPECT_EQ(whole["logprobs"].size(), 1U);
  for_both(R"("logprobs":true,"top_logprobs":21)", [this](const auto& answer) {
    EXPECT_EQ(error(answer, 400), "top_logprobs: expected an integer from 0 to 20, found 21");
  });
}

TEST_F(Generation, EmptyPrompt_LoadsOrUnloads) {
  for (const char* path : {"/api/generate", "/api/chat"}) {
    const auto loaded = post(path, R"({"model":"tiny","keep_alive":"10m"})");
    EXPECT_FALSE(loaded.streamed);
    EXPECT_EQ(loaded.json()["done_reason"], "load");
    EXPECT_EQ(loaded.json()["done"], true);
    EXPECT_TRUE(tiny_.loaded);
    EXPECT_EQ(service_.log().acquired.back().second.keep_alive, Seconds(600));
    const auto unloaded = post(path, R"({"model":"tiny","keep_alive":0})");
    EXPECT_EQ(unloaded.json()["done_reason"], "unload");
    EXPECT_FALSE(tiny_.loaded);
  }
  EXPECT_EQ(post("/api/generate", R"({"model":"tiny","prompt":""})").json()["done_reason"], "load");
  EXPECT_TRUE(service_.log().calls.empty());
  EXPECT_EQ(post("/api/chat", R"({"model":"tiny","messages":[]})").json()["message"]["role"], "assistant");
}

TEST_F(Generation, Messages_ReachTheTemplateWhole) {
  post("/api/chat", R"({"model":"tiny","messages":[{"role":"system","content":"s"},
      {"role":"assistant","content":"","thinking":"t","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"b":1,"a":2}}}]},
      {"role":"tool","content":"r","tool_name":"f","tool_call_id":"c1"},{"role":"user","content":"u"}]})");
  EXPECT_EQ(generated().conversation_json(),
            R"({"messages":[{"role":"system","content":"s"},{"role":"assistant","content":"","thinking":"t",)"
            R"("reasoning_content":"t","tool_calls":[{"type":"function","id":"c1","function":{"name":"f",)"
            R"("arguments":{"b":1,"a":2}}}]},{"role":"tool","content":"r","name":"f","tool_call_id":"c1"},)"
            R"({"role":"user","content":"u"}]})");
}

TEST_F(Generation, TruncateAskedFor_DropsTheOldestMessagesThatDoNotFit) {
  tiny_.opened.set_context_tokens(40);
  tiny_.answer = [](const protocol::Call& call) -> std::vector<protocol::Reply> {
    protocol::Reply reply;
    if (!call.has_render()) return {finished_reply(protocol::Finished::STOP, 5, 1)};
    // Ten tokens a message.
    const size_t n = json::parse(call.render().conversation_json())["messages"].size();
    for (size_t i = 0; i < 10 * n; ++i) reply.mutable_tokens()->add_ids(7);
    return {reply};
  };
  std::string messages = R"({"role":"system","content":"s"})";
  for (int i = 0; i < 9; ++i) messages += fmt::format(R"(,{{"role":"user","content":"{}"}})", i);
  const std::string body = R"({"model":"tiny","messages":[)" + messages + "]";
  post("/api/chat", body + R"(,"truncate":true})");
  const json kept = json::parse(generated().conversation_json())["messages"];
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0]["content"], "s");
  EXPECT_EQ(kept[2]["content"], "8");
  // Not asked for: nothing is left out in silence, and the engine refuses what is too long.
  post("/api/chat", body + "}");
  EXPECT_EQ(json::parse(generated().conversation_json())["messages"].size(), 10U);
}

TEST_F(Generation, Format_IsAConstraint) {
  for_both(R"("format":"json")",
           [this](const auto&) { EXPECT_TRUE(generated().constraint().json_object()); });
  for_both(R"("format":{"type":"object","properties":{"z":{"type":"string"},"a":{"const":1.50}}})",
           [this](const auto&) {
             EXPECT_EQ(generated().constraint().json_schema(),
                       R"({"type":"object","properties":{"z":{"type":"string"},"a":{"const":1.5}}})");
           });
  for_both(R"("grammar":"root ::= \"a\"")",
           [this](const auto&) { EXPECT_EQ(generated().constraint().gbnf(), "root ::= \"a\""); });
  for_both(R"("regex":"a+")", [this](const auto&) { EXPECT_EQ(generated().constraint().regex(), "a+"); });
  for (const char* none : {R"("format":"")", R"("format":null)"}) {
    for_both(none, [this](const auto& answer) {
      EXPECT_EQ(answer.status, 200);
      EXPECT_FALSE(generated().has_constraint());
    });
  }
  for (const char* wrong : {R"("format":"yaml")", R"("format":3)"}) {
    for_both(wrong, [this](const auto& answer) {
      EXPECT_TRUE(error(answer, 400).starts_with("format: expected \"json\" or a JSON schema"))
          << answer.body();
    });
  }
  for_both(R"("format":"json","regex":"a")", [this](const auto& answer) {
    EXPECT_EQ(error(answer, 400),
              "regex: the answer is constrained by another field already, and only one can be kept");
  });
  tiny_.replies = {failure_reply(protocol::Failure::UNSUPPORTED, "#/not: not supported")};
  for_both(R"("format":{"not":{}})",
           [this](const auto& answer) { EXPECT_EQ(error(answer, 400), "#/not: not supported"); });
}

constexpr const char* kTools = R"("tools":[{"type":"function","function":{"name":"weather","description":"d",
    "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])";

TEST_F(Generation, Tools_ReachTheTemplate) {
  EXPECT_EQ(error(post("/api/chat", chat(kTools)), 400),
            "\"tiny\" does not support tools: its chat template does not show it any, or how it writes calls "
            "is not known");
  tiny_.opened.set_has_template_tools(true);
  EXPECT_EQ(post("/api/chat", chat(kTools)).status, 200);
  EXPECT_EQ(json::parse(generated().conversation_json())["tools"],
            json::parse(R"([{"type":"function","function":{"name":"weather","description":"d",
    "parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])"));
  EXPECT_TRUE(generated().has_tool_use());
  EXPECT_EQ(generated().tool_use().choice(), protocol::ToolUse::AUTO);
  EXPECT_EQ(post("/api/chat", chat(R"("tools":[])")).status, 200);
  EXPECT_FALSE(generated().has_tool_use());
  EXPECT_EQ(error(post("/api/chat", chat(R"("tools":[{"function":{}}])")), 400),
            "tools[0].function.name: is required");
  EXPECT_EQ(
      error(post("/api/chat", chat(std::string(kTools) + R"(,"format":"json")")), 400),
      "tools: cannot be called in an answer that is constrained as well: leave out one of them, or forbid "
      "the calls");
  EXPECT_EQ(error(post("/api/generate", generate(kTools)), 400), "tools: are for /api/chat");
}

TEST_F(Generation, ToolCalls_ComeWhole) {
  tiny_.opened.set_has_template_tools(true);
  tiny_.replies = {accepted_reply(5),
                   delta_reply("So."),
                   call_reply(0, "weather", "", false),
                   call_reply(0, "", R"({"z": 1, )", false),
                   call_reply(0, "", R"("city": "Oslo"})", true),
                   call_reply(1, "now", "{}", true),
                   finished_reply(protocol::Finished::STOP, 5, 2)};
  const auto streamed = post("/api/chat", chat(kTools));
  const auto lines = streamed.lines();
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0]["message"]["content"], "So.");
  EXPECT_FALSE(lines[0]["message"].contains("tool_calls"));
  const json first = lines[1]["message"]["tool_calls"][0];
  EXPECT_EQ(first["function"],
            json::parse(R"({"index":0,"name":"weather","arguments":{"z":1,"city":"Oslo"}})"));
  EXPECT_TRUE(first["id"].get<std::string>().starts_with("call_"));
  EXPECT_EQ(first["id"].get<std::string>().size(), 13U);
  EXPECT_NE(streamed.body().find(R"("arguments":{"z":1,"city":"Oslo"})"),
            std::string::npos);  // in their order
  EXPECT_EQ(lines[2]["message"]["tool_calls"][0]["function"]["index"], 1);
  EXPECT_FALSE(lines[3]["message"].contains("tool_calls"));
  EXPECT_EQ(lines[3]["done_reason"], "stop");
  const json whole = post("/api/chat", chat(std::string(kTools) + R"(,"stream":false)")).json();
  EXPECT_EQ(whole["message"]["content"], "So.");
  ASSERT_EQ(whole["message"]["tool_calls"].size(), 2U);
  EXPECT_EQ(whole["message"]["tool_calls"][0]["function"], first["function"]);
}

TEST_F(Generation, CallThatALimitBrokeOff_IsNone) {
  tiny_.opened.set_has_template_tools(true);
  tiny_.replies = {call_reply(0, "weather", R"({"ci)", false),
                   finished_reply(protocol::Finished::LENGTH, 5, 2)};
  const json whole = post("/api/chat", chat(std::string(kTools) + R"(,"stream":false)")).json();
  EXPECT_FALSE(whole["message"].contains("tool_calls"));
  EXPECT_EQ(whole["done_reason"], "length");
  EXPECT_EQ(post("/api/chat", chat(kTools)).lines().size(), 1U);
}

TEST_F(Generation, WhatIsNotPartOfThisVersion_IsRefusedAndNotIgnored) {
  EXPECT_EQ(error(post("/api/generate", generate(R"("images":["aGk="])")), 400),
            "\"tiny\" does not support vision");
  EXPECT_EQ(error(post("/api/chat",
                       R"({"model":"tiny","messages":[{"role":"user","content":"x","images":["aGk="]}]})"),
                  400),
            "\"tiny\" does not support vision");
  EXPECT_EQ(error(post("/api/generate", generate(R"("suffix":"x")")), 400),
            "\"tiny\" does not support insert");
  EXPECT_TRUE(service_.log().calls.empty() || !generated().has_text());
}

TEST_F(Generation, SuffixOfATemplateThatHasIt_IsGivenToIt) {
  tiny_.opened.set_chat_template("<pre>{{ prompt }}<suf>{{ suffix }}<mid>");
  post("/api/generate", generate(R"("suffix":"end")"));
  EXPECT_EQ(json::parse(generated().conversation_json())["suffix"], "end");
  // In Go's language it is a field.
  tiny_.opened.set_chat_template("{{ .Prompt }} the suffix");
  EXPECT_EQ(error(post("/api/generate", generate(R"("suffix":"x")")), 400),
            "\"tiny\" does not support insert");
  tiny_.opened.set_chat_template("{{ .Prompt }}{{ .Suffix }}");
  post("/api/generate", generate(R"("suffix":"more")"));
  EXPECT_EQ(json::parse(generated().conversation_json())["suffix"], "more");
}

TEST_F(Generation, TemplateInGosLanguage_IsGivenToTheEngine) {
  post("/api/generate", generate(R"("template":"{{ .System }}<{{ .Prompt }}>","system":"be brief")"));
  EXPECT_EQ(generated().template_source(), "{{ .System }}<{{ .Prompt }}>");
}

TEST_F(Generation, RenderOnly_ShowsThePrompt) {
  protocol::Reply rendered;
  rendered.mutable_tokens()->set_text("<|user|>hi");
  tiny_.replies = {rendered};
  for_both(R"("_debug_render_only":true)", [](const auto& answer) {
    EXPECT_EQ(answer.json()["_debug_info"]["rendered_template"], "<|user|>hi");
  });
}

TEST_F(Generation, UnknownModel_Is404) {
  for (const char* path : {"/api/generate", "/api/chat"})
    EXPECT_EQ(error(post(path, R"({"model":"nope"})"), 404), "model 'nope' not found");
  EXPECT_EQ(error(post("/api/chat", ""), 400), "missing request body");
  EXPECT_EQ(error(post("/api/chat", "{}"), 400), "model: is required");
}

TEST_F(Generation, Encoder_NeitherGeneratesNorChats) {
  tiny_.opened.set_is_encoder(true);
  EXPECT_EQ(error(post("/api/generate", generate()), 400), "\"tiny\" does not support generate");
  EXPECT_EQ(error(post("/api/chat", chat()), 400), "\"tiny\" does not support chat");
}

TEST_F(Generation, ErrorBeforeTheFirstByte_HasItsStatus) {
  tiny_.replies = {
      failure_reply(protocol::Failure::RESOURCE_EXHAUSTED, "5000 tokens exceed the context of 4096")};
  for_both("", [this](const auto& answer) {
    EXPECT_EQ(error(answer, 400), "5000 tokens exceed the context of 4096");
  });
  tiny_.acquire_error = Error(ErrorCode::kUnavailable, "too many wait for /models/tiny:latest.gguf");
  for_both("", [this](const auto& answer) {
    EXPECT_EQ(error(answer, 503), "too many wait for tiny:latest");  // without the path
    EXPECT_EQ(answer.headers, (http::Headers{{"Retry-After", "1"}}));
  });
}

TEST_F(Generation, ErrorInTheMiddle_IsALineAndTheStreamEnds) {
  tiny_.replies = {delta_reply("Hel"), failure_reply(protocol::Failure::UNAVAILABLE, "the engine died")};
  for_both("", [](const auto& answer) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.ended);
    ASSERT_EQ(answer.lines().size(), 2U);
    EXPECT_EQ(answer.lines().back(), json({{"error", "the engine died"}}));
  });
  for_both(R"("stream":false)",
           [this](const auto& answer) { EXPECT_EQ(error(answer, 503), "the engine died"); });
  tiny_.replies = {delta_reply("Hel")};  // and then nothing
  for_both("", [](const auto& answer) { EXPECT_TRUE(answer.lines().back().contains("error")); });
}

TEST_F(Generation, ClientThatLeaves_CancelsItsCallAndFreesItsModel) {
  tiny_.hangs = true;
  for (const std::string stream : {"true", "false"}) {
    wire::RecordingResponder responder;
    responder.leaves_after_parts = 1;
    if (stream == "false") tiny_.when_hanging = [&responder] { responder.disconnect(); };
    ask_into(responder, http::Method::kPost, "/api/generate", generate(R"("stream":)" + stream));
  }
  EXPECT_EQ(service_.log().n_cancelled, 2);
}

TEST_F(Generation, LongDelta_ComesInLinesThatClientsRead) {
  tiny_.replies = {delta_reply(std::string(3'000'000, '\x01')),
                   finished_reply(protocol::Finished::STOP, 5, 1)};
  const auto answer = post("/api/generate", generate());
  EXPECT_EQ(answer.parts.size(), 4U);
  for (const std::string& part : answer.parts) EXPECT_LT(part.size(), wire::kMaxLineBytes);
}

}  // namespace
}  // namespace hearth::server::ollama
