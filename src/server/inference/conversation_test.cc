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
