#include "text/grammar/dfa.h"

#include <gtest/gtest.h>

#include <random>

#include "text/grammar/byte_set.h"

namespace hearth::text::grammar {
namespace {

using Node = GrammarBuilder::Node;

Dfa dfa_of(const GrammarBuilder& builder, Node node) {
  auto dfa = determinise(builder, node);
  EXPECT_TRUE(dfa) << dfa.error().message();
  return *dfa;
}

// Every text over {a, b} of up to `n` characters.
std::vector<std::string> texts(size_t n) {
  std::vector<std::string> all{""};
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].size() == n) continue;
    all.push_back(all[i] + "a");
    all.push_back(all[i] + "b");
  }
  return all;
}

Node random_node(GrammarBuilder& b, std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 6U : 2U)) {
    case 0:
      return b.literal(random() % 2 == 0 ? "a" : "b");
    case 1:
      return b.bytes(ByteSet::range('a', 'b'));
    case 2:
      return b.sequence({random_node(b, random, depth - 1), random_node(b, random, depth - 1)});
    case 3:
      return b.choice({random_node(b, random, depth - 1), random_node(b, random, depth - 1)});
    case 4:
      return b.repeat(random_node(b, random, depth - 1), 0, std::nullopt);
    default:
      return b.repeat(random_node(b, random, depth - 1), random() % 2, 2);
  }
}

TEST(Dfa, Operations_AreThoseOfSets) {
  std::mt19937 random(7);
  const std::vector<std::string> all = texts(7);
  for (int i = 0; i < 60; ++i) {
    GrammarBuilder b;
    const Dfa left = dfa_of(b, random_node(b, random, 4));
    const Dfa right = dfa_of(b, random_node(b, random, 4));
    const Dfa both = *intersect(left, right);
    const Dfa either = *unite(left, right);
    const Dfa only_left = *subtract(left, right);
    for (const std::string& text : all) {
      const bool in_left = left.accepts(text);
      const bool in_right = right.accepts(text);
      EXPECT_EQ(both.accepts(text), in_left && in_right) << text;
      EXPECT_EQ(either.accepts(text), in_left || in_right) << text;
      EXPECT_EQ(only_left.accepts(text), in_left && !in_right) << text;
    }
    EXPECT_TRUE(subtract(left, left)->empty());
    // The smallest automaton of a language is one.
    EXPECT_EQ(unite(left, left)->n_states(), left.n_states());
    EXPECT_EQ(unite(both, left)->n_states(), left.n_states());
  }
}

TEST(Dfa, ClassicMinimum_IsReached) {
  GrammarBuilder b;
  const Node any = b.bytes(ByteSet::range('a', 'b'));
  // The third character from the end is an a: 2^3 states, and the dead one.
  const Dfa dfa = dfa_of(b, b.sequence({b.repeat(any, 0, std::nullopt), b.literal("a"), any, any}));
  EXPECT_EQ(dfa.n_states(), 9U);
}

TEST(Dfa, Explosion_IsRefused) {
  GrammarBuilder b;
  const Node any = b.bytes(ByteSet::range('a', 'b'));
  const Node node = b.sequence({b.repeat(any, 0, std::nullopt), b.literal("a"), b.repeat(any, 30, 30)});
  const auto dfa = determinise(b, node);
  ASSERT_FALSE(dfa);
  EXPECT_EQ(dfa.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Dfa, WorkBeyondTheBudget_IsRefused) {
  GrammarBuilder b;
  const Node any = b.repeat(b.bytes(ByteSet::range('a', 'b')), 0, std::nullopt);
  const Node text = b.sequence({any, b.literal("a"), b.repeat(b.bytes(ByteSet::range('a', 'b')), 8, 8)});
  WorkBudget plenty(1'000'000);
  const auto dfa = determinise(b, text, Dfa::kDefaultMaxStates, &plenty);
  ASSERT_TRUE(dfa);
  EXPECT_FALSE(plenty.is_spent());
  EXPECT_GT(plenty.spent(), dfa->n_states());
  const uint64_t spent = plenty.spent();
  ASSERT_TRUE(subtract(*dfa, *dfa, &plenty));
  EXPECT_GT(plenty.spent(), spent);
  WorkBudget little(spent / 2);
  EXPECT_EQ(determinise(b, text, Dfa::kDefaultMaxStates, &little).error().code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(intersect(*dfa, *dfa, &little).error().code(), ErrorCode::kResourceExhausted);
}

TEST(Dfa, UnionOfMany_HasEachOfThem) {
  EXPECT_TRUE(unite(std::vector<Dfa>())->empty());
  for (size_t n = 1; n < 9; ++n) {
    GrammarBuilder b;
    std::vector<Dfa> parts;
    for (size_t i = 0; i < n; ++i) parts.push_back(dfa_of(b, b.literal(std::string(i, 'a') + "b")));
    const auto any = unite(parts);
    ASSERT_TRUE(any);
    for (size_t i = 0; i < 9; ++i)
      EXPECT_EQ(any->accepts(std::string(i, 'a') + "b"), i < n) << i << " of " << n;
  }
}

TEST(Dfa, Count_SaysHowManyTextsThereAre) {
  GrammarBuilder b;
  EXPECT_EQ(dfa_of(b, b.nothing()).count(10), 0U);
  EXPECT_EQ(dfa_of(b, b.empty()).count(10), 1U);
  EXPECT_EQ(dfa_of(b, b.repeat(b.bytes(ByteSet::range('a', 'c')), 0, 2)).count(100), 13U);
  EXPECT_EQ(dfa_of(b, b.repeat(b.bytes(ByteSet::range('a', 'c')), 0, 2)).count(12), std::nullopt);
  EXPECT_EQ(dfa_of(b, b.repeat(b.literal("a"), 0, std::nullopt)).count(1000), std::nullopt);
}

TEST(Dfa, CallOfARule_IsRefused) {
  GrammarBuilder b;
  const Rule rule = b.declare("other");
  b.define(rule, b.literal("x"));
  const auto dfa = determinise(b, b.call(rule));
  ASSERT_FALSE(dfa);
  EXPECT_EQ(dfa.error().code(), ErrorCode::kUnsupported);
}

TEST(Dfa, InAGrammar_MatchesTheSame) {
  GrammarBuilder b;
  const Dfa dfa = dfa_of(b, b.choice({b.literal("ab"), b.repeat(b.literal("b"), 1, std::nullopt)}));
  const Dfa again = dfa_of(b, b.language(dfa));
  for (const std::string& text : texts(4)) EXPECT_EQ(again.accepts(text), dfa.accepts(text)) << text;
}

}  // namespace
}  // namespace hearth::text::grammar
