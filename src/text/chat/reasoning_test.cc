#include "text/chat/reasoning.h"

#include <gtest/gtest.h>

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Kind = ReasoningParser::Kind;

struct Divided {
  std::string thinking;
  std::string content;
  bool operator==(const Divided&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Divided& divided) {
  return out << '(' << divided.thinking << ")(" << divided.content << ')';
}

void add(Divided& divided, const std::vector<ReasoningParser::Piece>& pieces) {
  for (const ReasoningParser::Piece& piece : pieces) {
    EXPECT_FALSE(piece.text.empty());
    (piece.kind == Kind::kThinking ? divided.thinking : divided.content) += piece.text;
  }
}

// The answer cut at two places.
Divided divide(const ReasoningFormat& format, bool thinking, std::string_view answer, size_t a, size_t b) {
  ReasoningParser parser(format, thinking);
  Divided divided;
  add(divided, parser.push(answer.substr(0, a)));
  add(divided, parser.push(answer.substr(a, b - a)));
  add(divided, parser.push(answer.substr(b)));
  add(divided, parser.finish());
  return divided;
}

// However the answer is cut.
void expect_divided(const ReasoningFormat& format, bool thinking, std::string_view answer,
                    const Divided& expected) {
  for (size_t a = 0; a <= answer.size(); ++a) {
    for (size_t b = a; b <= answer.size(); ++b)
      ASSERT_EQ(divide(format, thinking, answer, a, b), expected) << a << ' ' << b << ": " << answer;
  }
  ReasoningParser parser(format, thinking);
  Divided by_byte;
  for (size_t i = 0; i < answer.size(); ++i) add(by_byte, parser.push(answer.substr(i, 1)));
  add(by_byte, parser.finish());
  EXPECT_EQ(by_byte, expected) << answer;
}

ReasoningFormat format_in(std::string_view source) {
  const auto format = find_reasoning_format(source);
  EXPECT_TRUE(format) << source;
  return format.value_or(ReasoningFormat());
}

TEST(ReasoningParser, ThinkTags_CutAnywhere_AreDropped) {
  const ReasoningFormat format = format_in("{{ '<think>' + x + '</think>' }}");
  expect_divided(format, false, "<think>\nOne, two.\n</think>\n\nThree.", {"One, two.", "Three."});
  expect_divided(format, false, "\n <think>a\n\nb</think>c\n", {"a\n\nb", "c\n"});
  expect_divided(format, true, "\nOne.\n</think>\n\nTwo.", {"One.", "Two."});
  expect_divided(format, false, "<think>\n\n</think>\n\nJust this.", {"", "Just this."});
  expect_divided(format, false, "No thoughts.", {"", "No thoughts."});
  expect_divided(format, false, " \n No thoughts.\n", {"", " \n No thoughts.\n"});
  expect_divided(format, true, "Cut off\n", {"Cut off", ""});
  expect_divided(format, true, "a < b </thin", {"a < b </thin", ""});
  expect_divided(format, false, "<thin", {"", "<thin"});
  expect_divided(format, false, "", {"", ""});
}

TEST(ReasoningParser, ThinkTags_InTheMiddleOfAnAnswer_AreText) {
  const ReasoningFormat format = format_in("</think>");
  expect_divided(format, false, "Write <think> and </think>.", {"", "Write <think> and </think>."});
  expect_divided(format, false, "<think>x</think>It ends with </think>.", {"x", "It ends with </think>."});
  expect_divided(format, true, "<think>again</think>y", {"again", "y"});
}

TEST(ReasoningParser, ResponseTags_CutAnywhere_AreDropped) {
  const ReasoningFormat format = format_in("between <think></think> and <response></response>");
  expect_divided(format, false, "<think>a b</think>\n<response>\nc\n\nd\n</response>\n", {"a b", "c\n\nd"});
  expect_divided(format, false, "e\n", {"", "e\n"});
}

TEST(ReasoningParser, HarmonyChannels_CutAnywhere_AreDropped) {
  const ReasoningFormat format = format_in(
      "<|start|>assistant<|channel|>analysis<|message|> <|channel|>final<|message|> "
      "<|channel|>commentary<|message|><|return|>");
  EXPECT_FALSE(begins_thinking(format, "<|start|>assistant"));
  expect_divided(format, false,
                 "<|channel|>analysis<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>So.",
                 {"Why?", "So."});
  expect_divided(
      format, false,
      "<|channel|>commentary<|message|>Wait.<|end|><|start|>assistant<|channel|>analysis<|message|>Hm",
      {"Hm", "Wait."});
  expect_divided(format, false, "<|channel|>final<|message|>No thoughts.", {"", "No thoughts."});
}

TEST(ReasoningParser, OtherMarks_CutAnywhere_AreDropped) {
  expect_divided(format_in("[THINK]x[/THINK]"), false, "[THINK]a[b][/THINK]c [/d]", {"a[b]", "c [/d]"});
  expect_divided(format_in("'<|channel>thought\n<channel|>'"), false, "<|channel>thought\na\n<channel|>b",
                 {"a", "b"});
  expect_divided(format_in("<|START_THINKING|><|END_THINKING|><|START_RESPONSE|><|END_RESPONSE|>"), false,
                 "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", {"a", "b"});
  expect_divided(format_in("<|begin|>assistant<|think|><|content|>"), false,
                 "<|think|>a<|end|><|begin|>assistant<|content|>b", {"a", "b"});
  expect_divided(format_in("<|inner_prefix|><|inner_suffix|>"), false,
                 "<|inner_prefix|>a<|inner_suffix|>b <|inner_prefix|>c<|inner_suffix|> d", {"ac", "b d"});
  expect_divided(format_in("<seed:think></seed:think>"), false, "<seed:think>a</seed:think>b", {"a", "b"});
  expect_divided(format_in("'Here are my reasoning steps:\n' [BEGIN FINAL RESPONSE]"), true,
                 "a\n[BEGIN FINAL RESPONSE]\nb", {"a", "b"});
}

TEST(ReasoningParser, TextThatBeginsNoMark_IsShownAtOnce) {
  ReasoningParser parser(format_in("</think>"), true);
  using Pieces = std::vector<ReasoningParser::Piece>;
  EXPECT_EQ(parser.push("a b"), (Pieces{{Kind::kThinking, "a b"}}));
  EXPECT_EQ(parser.push(" c <"), (Pieces{{Kind::kThinking, " c"}}));
  EXPECT_EQ(parser.push("x"), (Pieces{{Kind::kThinking, " <x"}}));
  EXPECT_EQ(parser.push("</think>d"), (Pieces{{Kind::kContent, "d"}}));
  EXPECT_EQ(parser.push(" <"), (Pieces{{Kind::kContent, " <"}})) << "no mark counts any more";
  EXPECT_TRUE(parser.finish().empty());
}

TEST(ReasoningFormat, Prompt_ThatEndsWithTheOpeningMark_BeginsThinking) {
  const ReasoningFormat format = format_in("</think>");
  EXPECT_TRUE(begins_thinking(format, "<|im_start|>assistant\n<think>\n"));
  EXPECT_TRUE(begins_thinking(format, "<think>"));
  EXPECT_FALSE(begins_thinking(format, "<think>\n\n</think>\n\n"));
  EXPECT_FALSE(begins_thinking(format, "what is <think>?<|im_end|>\n"));
  EXPECT_FALSE(begins_thinking(format, " \n"));
}

TEST(ReasoningFormat, TemplateWithoutMarks_HasNone) {
  EXPECT_FALSE(find_reasoning_format("{{ messages[0].content }} I think <b>so</b>"));
  EXPECT_FALSE(find_reasoning_format(""));
}

TEST(ReasoningFormat, Vocabulary_WithMarks_TellsWhatTheTemplateDoesNot) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  const auto plain = vocabulary.create();
  ASSERT_TRUE(plain);
  EXPECT_FALSE(find_reasoning_format("{{ messages }}", *plain));

  const TokenId open = vocabulary.add("[THINK]", TokenType::kControl);
  const TokenId close = vocabulary.add("[/THINK]", TokenType::kControl);
  vocabulary.add("[INST]", TokenType::kControl);
  const auto tokenizer = vocabulary.create();
  ASSERT_TRUE(tokenizer);
  const auto format = find_reasoning_format("{{ messages }}", *tokenizer);
  ASSERT_TRUE(format);
  EXPECT_EQ(format->open, "[THINK]");
  EXPECT_EQ(mark_tokens(*format, *tokenizer), (std::vector<TokenId>{open, close}));
  EXPECT_EQ(find_reasoning_format("</think>", *tokenizer)->open, "<think>") << "the template comes first";
}

}  // namespace
}  // namespace hearth::text
