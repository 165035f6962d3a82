#include "text/grammar/grammar.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "base/utf8.h"
#include "text/grammar/grammar_fixture.h"

namespace hearth::text::grammar {
namespace {

using Node = GrammarBuilder::Node;

GrammarUnderTest built(const GrammarBuilder& builder, Node root) {
  auto grammar = builder.build(root);
  EXPECT_TRUE(grammar) << grammar.error().message();
  return GrammarUnderTest(*grammar);
}

TEST(Grammar, SequenceAndChoice_MatchWhatTheySay) {
  GrammarBuilder b;
  auto g = built(b, b.sequence({b.literal("a"), b.choice({b.literal("bc"), b.literal("bd"), b.empty()})}));
  EXPECT_TRUE(g.matches("a"));
  EXPECT_TRUE(g.matches("abc"));
  EXPECT_TRUE(g.matches("abd"));
  EXPECT_FALSE(g.matches("ab"));
  EXPECT_TRUE(g.begins("ab"));
  EXPECT_FALSE(g.begins("ac"));
  EXPECT_FALSE(g.begins("abcd"));
}

TEST(Grammar, Repetition_CountsExactly) {
  GrammarBuilder b;
  auto g = built(b, b.repeat(b.literal("ab"), 2, 4));
  for (int n = 0; n < 6; ++n) {
    std::string text;
    for (int i = 0; i < n; ++i) text += "ab";
    EXPECT_EQ(g.matches(text), n >= 2 && n <= 4) << n;
  }
}

// A choice beside a loop must not get into the loop.
TEST(Grammar, LoopInAChoice_DoesNotLeakIntoTheOthers) {
  GrammarBuilder b;
  auto g = built(b, b.choice({b.repeat(b.literal("a"), 0, std::nullopt), b.literal("b")}));
  EXPECT_TRUE(g.matches("aaa"));
  EXPECT_TRUE(g.matches("b"));
  EXPECT_FALSE(g.matches("ab"));
  EXPECT_FALSE(g.matches("ba"));
  EXPECT_FALSE(g.matches("bb"));
}

TEST(Grammar, LoopOfWhatMayBeEmpty_Ends) {
  GrammarBuilder b;
  const Node inner = b.repeat(b.optional(b.literal("a")), 0, std::nullopt);
  auto g = built(b, b.sequence({b.repeat(inner, 1, std::nullopt), b.literal("x")}));
  EXPECT_TRUE(g.matches("x"));
  EXPECT_TRUE(g.matches("aaax"));
  EXPECT_FALSE(g.matches("aaa"));
}

TEST(Grammar, Recursion_Nests) {
  GrammarBuilder b;
  const Rule list = b.declare("list");
  b.define(list, b.sequence({b.literal("["), b.repeat(b.call(list), 0, std::nullopt), b.literal("]")}));
  auto g = built(b, b.call(list));
  EXPECT_TRUE(g.matches("[[][[]]]"));
  EXPECT_FALSE(g.matches("[[]"));
  EXPECT_FALSE(g.begins("[]]"));
  const std::string deep(10'000, '[');
  EXPECT_TRUE(g.begins(deep));
  EXPECT_TRUE(g.matches(deep + std::string(10'000, ']')));
}

// The stack of a list written by recursion to its right must not grow with its items.
TEST(Grammar, RecursionAtTheEnd_ReturnsToNowhere) {
  GrammarBuilder b;
  const Rule items = b.declare("items");
  b.define(items, b.sequence({b.literal("a"), b.optional(b.call(items))}));
  auto g = built(b, b.call(items));
  EXPECT_TRUE(g.matches(std::string(1000, 'a')));
  EXPECT_LE(g.sets().n_sets(), 6U);
}

TEST(Grammar, LeftRecursion_IsRefusedByName) {
  GrammarBuilder b;
  const Rule sum = b.declare("sum");
  const Rule nothing = b.declare("gap");
  b.define(nothing, b.optional(b.literal(" ")));
  // Hidden behind what may be empty.
  b.define(sum, b.choice({b.literal("1"), b.sequence({b.call(nothing), b.call(sum), b.literal("+1")})}));
  const auto grammar = b.build(b.call(sum));
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(grammar.error().message().find("\"sum\""), std::string::npos) << grammar.error().message();
}

TEST(Grammar, RuleWithoutAnEnd_IsNeverEntered) {
  GrammarBuilder b;
  const Rule endless = b.declare("endless");
  b.define(endless, b.sequence({b.literal("x"), b.call(endless)}));
  auto g = built(b, b.choice({b.literal("a"), b.sequence({b.literal("b"), b.call(endless)})}));
  EXPECT_TRUE(g.matches("a"));
  EXPECT_FALSE(g.begins("b"));
  const auto nothing_else = b.build(b.call(endless));
  ASSERT_FALSE(nothing_else);
  EXPECT_EQ(nothing_else.error().code(), ErrorCode::kInvalidArgument);
}

TEST(Grammar, UndefinedRule_IsRefusedByName) {
  GrammarBuilder b;
  const auto grammar = b.build(b.call(b.declare("missing")));
  ASSERT_FALSE(grammar);
  EXPECT_NE(grammar.error().message().find("\"missing\""), std::string::npos);
}

// Against RFC 3629's own boundaries, and every code point on either side of a range's.
TEST(Grammar, Characters_AreTheirUtf8) {
  constexpr std::array<CodePointRange, 4> kRanges{
      {{'b', 'd'}, {0x7F, 0x81}, {0x7FF, 0x10001}, {0x10FFFE, 0x10FFFF}}};
  GrammarBuilder b;
  auto g = built(b, b.characters(kRanges));
  const auto text = [](char32_t c) {
    std::string out;
    append_utf8(out, c);
    return out;
  };
  for (const char32_t c : {U'b', U'd', U'\x7F', U'\x80', U'\x81', U'\x7FF', U'\x800', U'\x1234', U'\xD7FF',
                           U'\xE000', U'\xFFFF', U'\x10000', U'\x10001', U'\x10FFFE', U'\x10FFFF'})
    EXPECT_TRUE(g.matches(text(c))) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'a', U'e', U'\x7E', U'\x82', U'\x7FE', U'\x10002', U'\x10FFFD'})
    EXPECT_FALSE(g.matches(text(c))) << static_cast<uint32_t>(c);
  EXPECT_FALSE(g.begins("\xED\xA0"));  // a surrogate
  EXPECT_FALSE(g.begins("\xE0\x9F"));  // an overlong form
}

TEST(Grammar, ByteSets_AreExact) {
  GrammarBuilder b;
  auto g = built(b, b.bytes(ByteSet::of(0) | ByteSet::range(0x80, 0xFF)));
  EXPECT_TRUE(g.matches(std::string_view("\0", 1)));
  EXPECT_TRUE(g.matches("\xFF"));
  EXPECT_FALSE(g.matches("\x7F"));
}

TEST(Grammar, TooLarge_IsRefusedWithTheLimit) {
  GrammarBuilder b;
  Node node = b.literal("x");
  for (int i = 0; i < 8; ++i) node = b.repeat(node, 1000, 1000);
  const auto began = std::chrono::steady_clock::now();
  const auto grammar = b.build(node);
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST(Grammar, TooDeep_IsRefusedWithTheLimit) {
  GrammarBuilder b;
  Node node = b.literal("x");
  for (int i = 0; i < 1000; ++i) node = b.sequence({b.literal("("), node});
  EXPECT_EQ(b.status().error().code(), ErrorCode::kResourceExhausted);
  EXPECT_FALSE(b.build(node));
}

// Where one answer can be read in very many ways, following them all is refused instead of taking forever.
TEST(Grammar, TooAmbiguous_EndsInAStateOfItsOwn) {
  GrammarBuilder b;
  const Rule x = b.declare("x");
  const Rule y = b.declare("y");
  // Each level is closed by a state that remembers which of the two it was.
  b.define(x, b.sequence({b.literal("("), b.optional(b.choice({b.call(x), b.call(y)})), b.literal(")"),
                          b.optional(b.literal("x"))}));
  b.define(y, b.sequence({b.literal("("), b.optional(b.choice({b.call(x), b.call(y)})), b.literal(")"),
                          b.optional(b.literal("y"))}));
  auto grammar = b.build(b.call(x));
  ASSERT_TRUE(grammar);
  StateSets sets(*grammar);
  SetId set = sets.start();
  for (int i = 0; i < 30; ++i) set = sets.next(set, '(');
  EXPECT_EQ(set, StateSets::kTooMany);
  EXPECT_FALSE(sets.may_end(set));
}

}  // namespace
}  // namespace hearth::text::grammar
