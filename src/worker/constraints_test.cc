#include "worker/constraints.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "text/grammar/list_tokenizer_fixture.h"

namespace hearth::worker {
namespace {

using text::TokenId;

// A token for each byte, and two control tokens.
class ConstraintsTest : public ::testing::Test {
 protected:
  static constexpr TokenId kOpen = 257;
  static constexpr TokenId kClose = 258;

  static std::vector<std::string> texts() {
    std::vector<std::string> texts{"</s>"};
    for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
    texts.insert(texts.end(), {"<open>", "<close>"});
    return texts;
  }
  static Prompt thinking_prompt(bool begins_thinking, bool marks_are_tokens) {
    Prompt prompt;
    prompt.reasoning = {marks_are_tokens ? "<open>" : "<think>",
                        marks_are_tokens ? "<close>" : "</think>",
                        {"<answer>"},
                        false};
    prompt.begins_thinking = begins_thinking;
    if (marks_are_tokens) prompt.visible_control_tokens = {kOpen, kClose};
    return prompt;
  }
  static protocol::Generate call(const std::string& regex) {
    protocol::Generate call;
    call.mutable_constraint()->set_regex(regex);
    return call;
  }
  std::shared_ptr<text::grammar::TokenGrammar> grammar(const std::string& regex, const Prompt& prompt) {
    if (auto known = constraints_.find(call(regex), prompt)) return known;
    constraints_.compile({++last_id_, call(regex), prompt});
    const auto compiled = taken();
    EXPECT_EQ(compiled.size(), 1U);
    EXPECT_EQ(compiled.at(0).waiting.call_id, last_id_);
    EXPECT_TRUE(compiled.at(0).grammar) << compiled.at(0).grammar.error().message();
    return *compiled.at(0).grammar;
  }
  // Of all that wait.
  std::vector<Constraints::Compiled> taken() {
    std::vector<Constraints::Compiled> all;
    while (constraints_.n_waiting() > 0) {
      for (auto& compiled : constraints_.take(std::chrono::seconds(1))) all.push_back(std::move(compiled));
    }
    return all;
  }
  // Whether an answer of these tokens is whole; a token may be given by its byte.
  static bool is_whole(const std::shared_ptr<text::grammar::TokenGrammar>& grammar,
                       const std::vector<TokenId>& tokens) {
    text::grammar::Matcher matcher(grammar);
    for (const TokenId token : tokens) {
      if (!matcher.accept(token)) return false;
    }
    return matcher.may_end();
  }
  static std::vector<TokenId> bytes(std::string_view text) {
    std::vector<TokenId> tokens;
    for (const char c : text) tokens.push_back(1 + static_cast<TokenId>(static_cast<unsigned char>(c)));
    return tokens;
  }
  static std::vector<TokenId> joined(std::vector<TokenId> left, const std::vector<TokenId>& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
  }

  text::grammar::ListTokenizer tokenizer_{texts(), 2};
  Constraints constraints_{tokenizer_, 259 + 5};  // logits are padded
  uint64_t last_id_ = 0;
};

TEST_F(ConstraintsTest, FreeAnswer_IsNotConstrained) {
  EXPECT_FALSE(is_constrained({}));
  EXPECT_TRUE(is_constrained(call("a")));
}

TEST_F(ConstraintsTest, CallsOfOneSource_ShareItsGrammar) {
  for (uint64_t id = 1; id <= 3; ++id) constraints_.compile({id, call("shared"), {}});
  constraints_.compile({4, call("(wrong"), {}});
  EXPECT_EQ(constraints_.n_waiting(), 4U);
  auto compiled = taken();
  ASSERT_EQ(compiled.size(), 4U);
  EXPECT_EQ(constraints_.n_waiting(), 0U);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(compiled[i].waiting.call_id, i + 1);
    EXPECT_EQ(*compiled[i].grammar, *compiled[0].grammar);
  }
  EXPECT_EQ(compiled[3].grammar.error().code(), ErrorCode::kInvalidArgument);
}

// What is withdrawn does not come, wherever it was; others with its source do.
TEST_F(ConstraintsTest, WithdrawnCalls_DoNotCome) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::set<uint64_t> wanted;
    for (int i = 0; i < 6; ++i) {
      const std::string regex = fmt::format("round {} source {}", round, random() % 3);
      constraints_.compile({++last_id_, call(regex), {}});
      wanted.insert(last_id_);
      if (random() % 2 == 0) std::this_thread::yield();
      const uint64_t id = last_id_ - random() % 3;
      const auto withdrawn = constraints_.withdraw(id);
      ASSERT_EQ(withdrawn.has_value(), wanted.erase(id) == 1);
    }
    std::set<uint64_t> come;
    for (const auto& compiled : taken()) come.insert(compiled.waiting.call_id);
    EXPECT_EQ(come, wanted);
  }
}

TEST_F(ConstraintsTest, Destruction_ForgetsWhatWaits) {
  const uint64_t n = 20;
  Constraints constraints(tokenizer_, 259);
  for (uint64_t id = 1; id <= n; ++id) constraints.compile({id, call(fmt::format("a{{{}}}", id)), {}});
  EXPECT_EQ(constraints.n_waiting(), n);
}

TEST_F(ConstraintsTest, SameSource_IsCompiledOnce) {
  EXPECT_EQ(grammar("ab", {}), grammar("ab", {}));
  EXPECT_NE(grammar("ab", {}), grammar("abc", {}));
  EXPECT_NE(grammar("ab", {}), grammar("ab", thinking_prompt(true, false)));
  EXPECT_NE(grammar("ab", thinking_prompt(false, false)), grammar("ab", thinking_prompt(true, false)));
}

TEST_F(ConstraintsTest, ManySources_AreLetGoAgain) {
  const std::weak_ptr<text::grammar::TokenGrammar> first = grammar("first", {});
  for (size_t i = 0; i < Constraints::kMaxGrammars; ++i) grammar("a{" + std::to_string(i + 1) + "}", {});
  EXPECT_TRUE(first.expired());
}

TEST_F(ConstraintsTest, BegunThinking_IsFreeUpToItsMark) {
  const auto held = grammar("yes|no", thinking_prompt(/*begins_thinking=*/true, /*marks_are_tokens=*/false));
  EXPECT_TRUE(is_whole(held, bytes("let me see: \"<think>\" </thin</think>\n\nyes")));
  EXPECT_TRUE(is_whole(held, bytes("</think>no")));
  EXPECT_TRUE(is_whole(held, bytes("hm</think> <answer> no")));
  EXPECT_FALSE(is_whole(held, bytes("yes")));
  EXPECT_FALSE(is_whole(held, bytes("hm</think>maybe")));
  EXPECT_FALSE(is_whole(held, bytes("hm</think>\n\n\n\n\nno")));
}

TEST_F(ConstraintsTest, ThinkingNotBegun_MayBe) {
  const auto held = grammar("yes|no", thinking_prompt(false, false));
  EXPECT_TRUE(is_whole(held, bytes("yes")));
  EXPECT_TRUE(is_whole(held, bytes("<think>hm</think>yes")));
  EXPECT_FALSE(is_whole(held, bytes("hm</think>yes")));
}

// Marks that are control tokens are these tokens, and their names in a text are not.
TEST_F(ConstraintsTest, MarksOfControlTokens_AreTheTokens) {
  const auto held = grammar("yes|no", thinking_prompt(true, /*marks_are_tokens=*/true));
  EXPECT_TRUE(is_whole(held, joined(joined(bytes("hm"), {kClose}), bytes("yes"))));
  EXPECT_FALSE(is_whole(held, bytes("hm<close>yes")));
  EXPECT_FALSE(is_whole(held, {kOpen}));
  const auto free = grammar(".*", thinking_prompt(true, true));
  EXPECT_FALSE(is_whole(free, joined(joined(bytes("hm"), {kClose}), {kClose})));
}

}  // namespace
}  // namespace hearth::worker
