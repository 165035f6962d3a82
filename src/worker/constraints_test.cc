#include "worker/constraints.h"

#include <gtest/gtest.h>

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
    auto grammar = constraints_.grammar_of(call(regex), prompt);
    EXPECT_TRUE(grammar) << grammar.error().message();
    return *grammar;
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
};

TEST_F(ConstraintsTest, NoConstraint_IsNoGrammar) {
  const auto grammar = constraints_.grammar_of({}, {});
  ASSERT_TRUE(grammar);
  EXPECT_EQ(*grammar, nullptr);
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
