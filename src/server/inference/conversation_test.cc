#include "server/inference/conversation.h"

#include <gtest/gtest.h>

#include "server/inference/random_id.h"
#include "server/inference/thinking.h"

namespace hearth::server::inference {
namespace {

using wire::Json;
using wire::JsonBody;

Json messages_of(const Conversation& conversation) {
  return Json::parse(conversation.json())["messages"];
}

TEST(Conversation, SystemMessagesInARow_BecomeOne) {
  Conversation conversation;
  conversation.add("system", "Be brief.");
  conversation.add("system", "Be kind.");
  conversation.add("user", "a");
  conversation.add("user", "b");
  EXPECT_EQ(messages_of(conversation), Json::parse(R"([{"role":"system","content":"Be brief.\n\nBe kind."},
                                                       {"role":"user","content":"a"},
                                                       {"role":"user","content":"b"}])"));
}

TEST(Conversation, AllRolesMerged_TurnsAlternate) {
  Conversation conversation(Conversation::Merging::kAllRoles);
  conversation.add("user", "a");
  conversation.add("user", "b");
  conversation.add("assistant", "", "hm");
  conversation.add("assistant", "c", "so");
  EXPECT_EQ(messages_of(conversation), Json::parse(R"([{"role":"user","content":"a\n\nb"},
                            {"role":"assistant","content":"c","reasoning_content":"hm\n\nso",
                             "thinking":"hm\n\nso"}])"));
}

TEST(Conversation, Calls_AreTheAssistantsAndResultsStandAlone) {
  for (const auto merging : {Conversation::Merging::kSystem, Conversation::Merging::kAllRoles}) {
    Conversation conversation(merging);
    conversation.set_tools(Json::parse(R"([{"type":"function"}])"));
    conversation.add("user", "a");
    conversation.add("assistant", "b", "hm");
    conversation.add_tool_call("c1", "f", Json::parse(R"({"z":1,"a":2})"));
    conversation.add_tool_call("c2", "g", Json::object());
    conversation.add_tool_result("c2", "2");
    conversation.add_tool_result("c1", "1", "other");
    conversation.add_tool_result("c9", "?");
    EXPECT_EQ(conversation.json(),
              R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b",)"
              R"("reasoning_content":"hm","thinking":"hm","tool_calls":[)"
              R"({"type":"function","id":"c1","function":{"name":"f","arguments":{"z":1,"a":2}}},)"
              R"({"type":"function","id":"c2","function":{"name":"g","arguments":{}}}]},)"
              R"({"role":"tool","content":"2","name":"g","tool_call_id":"c2"},)"
              R"({"role":"tool","content":"1","name":"other","tool_call_id":"c1"},)"
              R"({"role":"tool","content":"?","tool_call_id":"c9"}],"tools":[{"type":"function"}]})");
  }
}

TEST(Conversation, CallWithoutAMessageBefore_MakesOne) {
  Conversation conversation;
  conversation.add("user", "a");
  conversation.add_tool_call("c1", "f", Json::object());
  EXPECT_EQ(messages_of(conversation), Json::parse(R"([{"role":"user","content":"a"},
      {"role":"assistant","content":"","tool_calls":[{"type":"function","id":"c1",
       "function":{"name":"f","arguments":{}}}]}])"));
}

struct ContentCase {
  const char* body;
  const char* text;
  const char* error;
};

TEST(ReadTextContent, StringOrParts_IsText) {
  const ContentCase cases[] = {
      {R"({"content":"hi"})", "hi", ""},
      {R"({"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})", "a\nb", ""},
      {R"({"content":null})", "", ""},
      {R"({"content":7})", "", "content: expected a string or a list of parts, found 7"},
      {R"({"content":[{"type":"text"}]})", "", "content[0].text: is required"},
      {R"({"content":[{"text":"a"}]})", "", "content[0].type: is required"},
      {R"({"content":[{"type":"text","text":3}]})", "", "content[0].text: expected a string, found 3"},
      {R"({"content":["a"]})", "", "content[0]: expected an object, found \"a\""},
      {R"({"content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]})", "a",
       "content[1].type: content of type \"image_url\" is not supported, only text"},
  };
  for (const ContentCase& c : cases) {
    auto body = JsonBody::parse(c.body);
    ASSERT_TRUE(body) << c.body;
    EXPECT_EQ(read_text_content((*body)["content"], {"text"}), c.text) << c.body;
    const auto checked = body->check();
    EXPECT_EQ(checked ? "" : checked.error().message, c.error) << c.body;
  }
}

TEST(RandomId, Twice_DiffersAndHasItsPrefix) {
  const std::string id = random_id("resp_");
  EXPECT_EQ(id.size(), 5U + 48U);
  EXPECT_TRUE(id.starts_with("resp_"));
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef", 5), std::string::npos);
  EXPECT_NE(id, random_id("resp_"));
}

}  // namespace
}  // namespace hearth::server::inference
