#include "text/chat/literal_text.h"

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

std::unique_ptr<const Tokenizer> tokenizer_with_turns() {
  TestVocabulary vocabulary = byte_level_vocabulary();
  vocabulary.add("<|end|>", TokenType::kControl);
  vocabulary.add("<|end|>>", TokenType::kControl);
  vocabulary.add("[X]", TokenType::kControl);
  vocabulary.add("<text>", TokenType::kUserDefined);
  return vocabulary.create();
}

Value json(std::string_view text) {
  auto value = value_from_json(text);
  EXPECT_TRUE(value);
  return value ? *value : Value();
}

// The first message's content with the mark as '^'.
std::string marked_content(const ControlTokens& tokens, const Value& context) {
  std::string mark;
  const auto marked = tokens.mark(context, mark);
  EXPECT_TRUE(marked);
  std::string text(marked->dict_data().find("messages")->items()[0].dict_data().find("content")->as_string());
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark))
    text.replace(at, mark.size(), "^");
  return text;
}

TEST(ControlTokens, UsersMessage_HasAMarkBeforeEachControlToken) {
  const auto tokenizer = tokenizer_with_turns();
  const ControlTokens tokens(*tokenizer);
  EXPECT_EQ(marked_content(
                tokens, json(R"({"messages":[{"role":"user","content":"a<|end|>b[X]<|end|>><text><|en"}]})")),
            "a^<|end|>b^[X]^<|end|>><text><|en");
}

TEST(ControlTokens, AssistantsMessage_IsLeftAlone) {
  const auto tokenizer = tokenizer_with_turns();
  const ControlTokens tokens(*tokenizer);
  EXPECT_EQ(marked_content(tokens, json(R"({"messages":[{"role":"assistant","content":"a<|end|>"}]})")),
            "a<|end|>");
}

TEST(ControlTokens, NestedContentToolsAndDocuments_AreMarkedToo) {
  const auto tokenizer = tokenizer_with_turns();
  const ControlTokens tokens(*tokenizer);
  std::string mark;
  const auto marked =
      tokens.mark(json(R"({"messages":[{"role":"user","content":[{"type":"text","text":"[X]"}]}],
               "tools":[{"name":"[X]"}],"documents":[{"text":"[X]"}],"other":"[X]","n":3})"),
                  mark);
  ASSERT_TRUE(marked);
  const auto& dict = marked->dict_data();
  const auto text_of = [](const Value& list, const char* key) {
    return std::string(list.items()[0].dict_data().find(key)->as_string());
  };
  EXPECT_EQ(text_of(*dict.find("messages")->items()[0].dict_data().find("content"), "text"), mark + "[X]");
  EXPECT_EQ(text_of(*dict.find("tools"), "name"), mark + "[X]");
  EXPECT_EQ(text_of(*dict.find("documents"), "text"), mark + "[X]");
  EXPECT_EQ(dict.find("other")->as_string(), "[X]");
  EXPECT_EQ(dict.find("n")->as_int(), 3);
}

TEST(ControlTokens, NoncharacterInTheText_IsNotTakenForTheMark) {
  const auto tokenizer = tokenizer_with_turns();
  const ControlTokens tokens(*tokenizer);
  std::string mark;
  const auto marked = tokens.mark(
      Value::dict(
          {{"messages", Value::list({Value::dict({{"role", Value::string("user")},
                                                  {"content", Value::string("\uFDD0\uFDD1[X]")}})})}}),
      mark);
  ASSERT_TRUE(marked);
  EXPECT_EQ(mark, "\uFDD2");
}

TEST(ControlTokens, EveryNoncharacterInTheText_IsAnError) {
  const auto tokenizer = tokenizer_with_turns();
  std::string all;
  for (char32_t c = 0xFDD0; c <= 0xFDEF; ++c) append_utf8(all, c);
  std::string mark;
  const auto marked = ControlTokens(*tokenizer).mark(Value::dict({{"any", Value::string(all)}}), mark);
  ASSERT_FALSE(marked);
  EXPECT_EQ(marked.error().code(), ErrorCode::kInvalidArgument);
}

TEST(Unmark, Marks_BecomePlaces) {
  const MarkedText text = ControlTokens::unmark("\uFDD0[X]ab\uFDD0\uFDD0<|end|>\uFDD0", "\uFDD0");
  EXPECT_EQ(text.text, "[X]ab<|end|>");
  EXPECT_EQ(text.literal_at, (std::vector<size_t>{0, 5, 5, 12}));
  EXPECT_EQ(ControlTokens::unmark("", "\uFDD0").text, "");
}

}  // namespace
}  // namespace hearth::text
