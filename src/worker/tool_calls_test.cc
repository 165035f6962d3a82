#include "worker/tool_calls.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "models/checkpoint.h"
#include "worker/service_fixture.h"
#include "worker/tool_messages.h"

namespace hearth::worker {
namespace {

using Json = nlohmann::ordered_json;

// As Hermes and Qwen write calls.
constexpr const char* kToolTemplate =
    "{% if tools %}<tools>{% for tool in tools %}{{ tool | tojson }}{% endfor %}</tools>"
    "Call: <tool_call>{\"name\": ..., \"arguments\": ...}</tool_call>{% endif %}"
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";
constexpr const char* kConversation = R"({"messages":[{"role":"user","content":"hi"}],"tools":[
    {"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":
      {"on":{"type":"boolean"}},"required":["on"],"additionalProperties":false}}}]})";

protocol::Generate call_with(const char* conversation) {
  protocol::Generate call;
  call.set_conversation_json(conversation);
  call.mutable_tool_use()->set_choice(protocol::ToolUse::REQUIRED);
  return call;
}

TEST(CallRules, Templates_SayHowCallsAreWritten) {
  const auto rules = call_rules_of(call_with(kConversation), kToolTemplate);
  ASSERT_TRUE(rules) << rules.error().message();
  EXPECT_EQ(rules->tools.size(), 1U);
  EXPECT_TRUE(rules->use.required);
  const auto none = call_rules_of(call_with(R"({"messages":[],"tools":[]})"), kToolTemplate);
  EXPECT_EQ(none.error().code(), ErrorCode::kInvalidArgument);
  const auto unknown = call_rules_of(call_with(kConversation), "{{ tools }}{{ messages }}");
  EXPECT_EQ(unknown.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(unknown.error().message(),
            "tools: the model's chat template shows it tools, but how it writes calls is not known");
  EXPECT_EQ(call_rules_of(call_with(kConversation), "{{ messages }}").error().message(),
            "tools: the model's chat template says nothing of tools");
}

// Calls that are known are of no use where the model is told of no tools.
TEST(CallRules, TemplatesThatShowNoTools_AreRefused) {
  const char* source = "{% for m in messages %}{{ m.content }}{% endfor %}<tool_call></tool_call>";
  EXPECT_EQ(call_rules_of(call_with(kConversation), source).error().message(),
            "tools: the model's chat template says nothing of tools");
  EXPECT_FALSE(takes_tools(source));
  EXPECT_FALSE(takes_tools("{{ tools }}{{ messages }}"));
  EXPECT_TRUE(takes_tools(kToolTemplate));
}

TEST_F(ServiceTest, Tools_WhereTheirCallsAreRead_AreACapability) {
  make_llama(kToolTemplate);
  EXPECT_TRUE(open().opened().has_template_tools());
}

TEST_F(ServiceTest, Tools_WhoseCallsNobodyReads_AreNoCapability) {
  make_llama(
      "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_FALSE(open().opened().has_template_tools());
}

// However the text is cut, the same text and calls come of it.
TEST(CallDeltas, TextAndCalls_AreToldApart) {
  const auto rules = call_rules_of(call_with(kConversation), kToolTemplate);
  ASSERT_TRUE(rules) << rules.error().message();
  const std::string answer =
      "Well.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"on\": true}}\n</tool_call>\n"
      "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"on\": false}}\n</tool_call>";
  for (const size_t n : {size_t{1}, size_t{3}, answer.size()}) {
    CallDeltas calls(*rules);
    std::vector<protocol::Delta> deltas;
    for (size_t at = 0; at < answer.size(); at += n) {
      for (auto& delta : calls.push(answer.substr(at, n))) deltas.push_back(delta);
    }
    for (auto& delta : calls.finish()) deltas.push_back(delta);
    std::string text;
    std::vector<std::string> names(2);
    std::vector<std::string> arguments(2);
    int n_whole = 0;
    for (const protocol::Delta& delta : deltas) {
      if (delta.kind() == protocol::Delta::CONTENT) {
        text += delta.text();
        continue;
      }
      ASSERT_EQ(delta.kind(), protocol::Delta::TOOL_CALL);
      ASSERT_LT(delta.tool_call().index(), 2U);
      names[delta.tool_call().index()] += delta.tool_call().name();
      arguments[delta.tool_call().index()] += delta.tool_call().arguments();
      if (delta.tool_call().is_whole()) ++n_whole;
    }
    EXPECT_EQ(text.substr(0, 5), "Well.");
    EXPECT_EQ(text.find("tool_call"), std::string::npos);
    EXPECT_EQ(names, (std::vector<std::string>{"f", "f"}));
    EXPECT_EQ(Json::parse(arguments[0]), Json::parse(R"({"on":true})"));
    EXPECT_EQ(Json::parse(arguments[1]), Json::parse(R"({"on":false})"));
    EXPECT_EQ(n_whole, 2);
  }
}

TEST_F(ServiceTest, RequiredCall_ComesWholeAndValid) {
  make_llama(kToolTemplate, 1024);
  start();
  Call asked = call();
  *asked.mutable_generate() = call_with(kConversation);
  asked.mutable_generate()->mutable_tool_use()->set_one_call(true);
  asked.mutable_generate()->mutable_sampling()->set_seed(7);
  asked.mutable_generate()->set_n(2);
  const auto replies = replies_to(asked);
  for (const uint32_t answer : {0U, 1U}) {
    EXPECT_EQ(end_of(replies, answer).reason(), protocol::Finished::STOP);
    std::string name;
    std::string arguments;
    bool is_whole = false;
    for (const Reply& reply : replies) {
      if (!reply.has_delta() || reply.delta().answer() != answer) continue;
      EXPECT_EQ(reply.delta().kind(), protocol::Delta::TOOL_CALL) << reply.delta().text();
      name += reply.delta().tool_call().name();
      arguments += reply.delta().tool_call().arguments();
      is_whole = is_whole || reply.delta().tool_call().is_whole();
    }
    EXPECT_EQ(name, "f");
    EXPECT_TRUE(is_whole);
    const Json object = Json::parse(arguments, nullptr, /*allow_exceptions=*/false);
    EXPECT_TRUE(object.is_object() && object.contains("on") && object["on"].is_boolean()) << arguments;
  }
}

// As functionary's: the prompt ends with the mark of a part, and the answer says whom it is for.
constexpr const char* kRecipients =
    "{# >>>all\\n >>>${recipient} #}{{ tools }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor "
    "%}"
    "{{ '\\n\\n>>>' }}";

TEST_F(ServiceTest, TextsWithARecipient_AreTheTextAlone) {
  make_llama(kRecipients, 1024);
  start();
  for (const bool with_tools : {false, true}) {
    Call asked = call();
    *asked.mutable_generate() =
        call_with(with_tools ? kConversation : R"({"messages":[{"role":"user","content":"hi"}]})");
    asked.mutable_generate()->mutable_sampling()->set_seed(7);
    asked.mutable_generate()->set_max_tokens(64);
    if (with_tools) {
      asked.mutable_generate()->mutable_tool_use()->set_choice(protocol::ToolUse::AUTO);
    } else {
      asked.mutable_generate()->clear_tool_use();
      asked.mutable_generate()->mutable_constraint()->mutable_choices()->add_texts("Hi >>> you.");
    }
    const auto replies = replies_to(asked);
    EXPECT_GT(end_of(replies).n_generated_tokens(), 0);
    EXPECT_EQ(text_of(replies).find("all\n"), std::string::npos) << text_of(replies);
    if (!with_tools) {
      EXPECT_EQ(text_of(replies), "Hi >>> you.");
    }
  }
}

TEST_F(ServiceTest, ToolUseThatCannotBe_IsRefused) {
  make_llama("{{ messages }}", 512);
  start();
  Call asked = call();
  *asked.mutable_generate() = call_with(kConversation);
  EXPECT_EQ(only_reply_to(asked).failure().code(), protocol::Failure::UNSUPPORTED);
  asked = generation("a", 1);
  asked.mutable_generate()->mutable_tool_use();
  EXPECT_EQ(only_reply_to(asked).failure().code(), protocol::Failure::INVALID_ARGUMENT);
}

// --- Messages
// -----------------------------------------------------------------------------------------------

std::string fitted(const std::string& source) {
  hearth::testing::TinyLlamaShape shape;
  hearth::testing::TemporaryFolder folder;
  hearth::testing::TinyLlama(shape, 1).gguf().write(folder / "tiny.gguf");
  auto checkpoint = models::open_checkpoint((folder / "tiny.gguf").string());
  EXPECT_TRUE(checkpoint);
  auto tokenizer = (*checkpoint)->load_tokenizer();
  EXPECT_TRUE(tokenizer);
  const auto format = text::ChatFormat::create(source, "template", **tokenizer);
  EXPECT_TRUE(format) << source;
  return fit_tool_messages(
      *format, R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"",)"
               R"("tool_calls":[{"id":"call_1","function":{"name":"f","arguments":{"z":1,"a":2}}}]},)"
               R"({"role":"tool","content":"r","tool_call_id":"call_1"}]})");
}

TEST(ToolMessages, EachTemplate_HasThemAsItTakesThem) {
  const std::string calls = "{% for m in messages %}{% for c in m.tool_calls or [] %}";
  const std::string end = "{% endfor %}{% endfor %}";
  Json messages = Json::parse(fitted(calls + "{{ c.function.arguments | tojson }}" + end))["messages"];
  EXPECT_EQ(messages[1]["tool_calls"][0]["function"]["arguments"].dump(), R"({"z":1,"a":2})");
  EXPECT_EQ(messages[1]["tool_calls"][0]["id"], "call_1");
  EXPECT_EQ(messages[1]["content"], "");
  messages = Json::parse(fitted(calls + "{{ 'call ' + c.function.arguments }}" + end))["messages"];
  EXPECT_EQ(messages[1]["tool_calls"][0]["function"]["arguments"], R"({"z":1,"a":2})");
  messages = Json::parse(fitted(calls +
                                "{% if c.id | length != 9 %}{{ raise_exception('id') }}{% endif %}"
                                "{{ c.function | tojson }}" +
                                end))["messages"];
  const auto id = messages[1]["tool_calls"][0]["id"].get<std::string>();
  EXPECT_EQ(id.size(), 9U);
  EXPECT_EQ(messages[2]["tool_call_id"], id);
  messages = Json::parse(
      fitted("{% for m in messages %}{% if m.content is none %}{{ m.tool_calls[0].function | tojson "
             "}}{% endif %}{% endfor %}"))["messages"];
  EXPECT_TRUE(messages[1]["content"].is_null());
}

}  // namespace
}  // namespace hearth::worker
