#include "text/grammar/matcher.h"

#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "text/grammar/control_text.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/list_tokenizer_fixture.h"

namespace hearth::text::grammar {
namespace {

// Bytes, words of all lengths, words with quotation marks and parts of characters.
std::vector<std::string> many_texts() {
  std::vector<std::string> texts{"</s>"};
  for (int byte = 0; byte < 256; ++byte) texts.emplace_back(1, static_cast<char>(byte));
  std::mt19937 random(5);
  const std::vector<std::string> characters{"a",          "b",    "c",  " ",  "1",  "é", "中",
                                            "\U0001F600", "\xC3", "\"", "\\", "\n", ",", "{"};
  for (int i = 0; i < 3000; ++i) {
    // Mostly of the first eight, which are words' characters.
    const size_t n_kinds = i % 3 == 0 ? characters.size() : 8;
    std::string text;
    for (size_t n = 1 + random() % 24; n > 0; --n) text += characters[random() % n_kinds];
    texts.push_back(text);
  }
  return texts;
}

struct Vocabulary {
  explicit Vocabulary(std::vector<std::string> texts, size_t n_control = 0, std::vector<TokenId> visible = {})
      : tokenizer(std::move(texts), n_control),
        masked(std::make_shared<MaskedVocabulary>(tokenizer, static_cast<size_t>(tokenizer.vocabulary_size()),
                                                  visible)) {}
  ListTokenizer tokenizer;
  std::shared_ptr<const MaskedVocabulary> masked;

  std::shared_ptr<TokenGrammar> grammar(std::string_view gbnf) const {
    auto parsed = parse_gbnf(gbnf);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return std::make_shared<TokenGrammar>(*parsed, masked);
  }
};

// Against every token's bytes, one after the other.
TEST(Matcher, AllowedTokens_AreThoseThatCanFollow) {
  const Vocabulary vocabulary(many_texts());
  for (const std::string_view gbnf : {
           R"(root ::= "\"" [^"\\\x00-\x1F]* "\"")",         // a string of any length
           R"(root ::= "\"" [^"\\\x00-\x1F]{0,9} "\"")",     // a few characters
           R"(root ::= "\"" [^"\\\x00-\x1F]{3,40} "\" ,")",  // more than a short word has
           R"(root ::= [^"\\\x00-\x1F]{2} [abc]* "\n")",     // first any, then some
           R"(root ::= ([a-c] | "é" | "中")+ ("," root)?)",  // not all words
           R"(root ::= [^\n]+ "\n")",                        // quotation marks too
           R"(root ::= [^a]* "a")",                          // all but one
       }) {
    auto grammar = vocabulary.grammar(gbnf);
    std::mt19937 random(3);
    for (int walk = 0; walk < 5; ++walk) {
      Matcher matcher(grammar);
      StateSets sets(*parse_gbnf(gbnf));
      SetId set = sets.start();
      for (int step = 0; step < 12; ++step) {
        const auto allowed = matcher.allowed();
        ASSERT_TRUE(allowed);
        std::vector<TokenId> choices;
        for (TokenId token = 0; token < vocabulary.tokenizer.vocabulary_size(); ++token) {
          SetId next = set;
          for (const char c : vocabulary.tokenizer.token_bytes(token, false))
            next = sets.next(next, static_cast<uint8_t>(c));
          const bool may_follow = token == 0 ? sets.may_end(set) : next != StateSets::kDead;
          ASSERT_EQ((*allowed)->contains(token), may_follow) << gbnf << " token " << token;
          if (may_follow && token != 0) choices.push_back(token);
        }
        if (choices.empty()) break;
        const TokenId token = choices[random() % choices.size()];
        for (const char c : vocabulary.tokenizer.token_bytes(token, false))
          set = sets.next(set, static_cast<uint8_t>(c));
        ASSERT_TRUE(matcher.accept(token));
      }
    }
  }
}

TEST(Matcher, TokenThatIsNotAllowed_ChangesNothing) {
  const Vocabulary vocabulary({"</s>", "a", "b", "ab"});
  Matcher matcher(vocabulary.grammar(R"(root ::= "ab")"));
  EXPECT_FALSE(matcher.accept(0));
  EXPECT_FALSE(matcher.accept(2));
  EXPECT_TRUE(matcher.accept(1));
  EXPECT_FALSE(matcher.accept(1));
  EXPECT_TRUE(matcher.accept(2));
  EXPECT_TRUE(matcher.must_end());
  EXPECT_TRUE(matcher.accept(0));
  EXPECT_EQ((*matcher.allowed())->size(), 1U);
}

TEST(Matcher, ForcedText_IsWhatCannotBeOtherwise) {
  const Vocabulary vocabulary({"</s>", "{", "x", "y"});
  auto grammar = vocabulary.grammar(R"(root ::= "{\"name\": \"" [xy] "\"}" )");
  Matcher matcher(grammar);
  EXPECT_EQ(matcher.forced_text(100).text, "{\"name\": \"");
  EXPECT_FALSE(matcher.forced_text(100).is_whole_answer);
  EXPECT_EQ(matcher.forced_text(3).text, "{\"n");
  Matcher whole(vocabulary.grammar(R"(root ::= "{x}")"));
  EXPECT_EQ(whole.forced_text(100).text, "{x}");
  EXPECT_TRUE(whole.forced_text(100).is_whole_answer);
}

// The name of a control token in the text is not the token.
TEST(Matcher, ControlTokens_MatchMarksOnly) {
  const Vocabulary vocabulary({"</s>", "<", "end", ">", "x", "\"", "<end>", "<other>"}, 2, {6});
  GrammarBuilder builder;
  builder.set_control_names({"<end>"});
  const auto mark = builder.mark("x<end>");
  const auto text = builder.sequence({builder.literal("\""), builder.repeat(builder.any_character(), 0, 6)});
  const auto grammar = builder.build(builder.choice({mark, text}));
  ASSERT_TRUE(grammar);
  const auto tokens = std::make_shared<TokenGrammar>(*grammar, vocabulary.masked);
  Matcher marked(tokens);
  EXPECT_FALSE(marked.accept(6));
  EXPECT_TRUE(marked.accept(4));
  EXPECT_FALSE(marked.accept(1));
  EXPECT_FALSE(marked.accept(7));
  EXPECT_TRUE(marked.accept(6));
  EXPECT_TRUE(marked.must_end());
  Matcher free(tokens);
  EXPECT_TRUE(free.accept(5));
  EXPECT_FALSE(free.accept(6));
  EXPECT_TRUE(free.accept(1));
  EXPECT_TRUE(free.accept(2));
  EXPECT_TRUE(free.accept(3));
}

// An answer goes on in a new table where its own has become too large, and never notices.
TEST(Matcher, FullTable_IsLeftWithoutNotice) {
  const Vocabulary vocabulary({"</s>", "[", "]"});
  // Each depth is another set.
  auto grammar = vocabulary.grammar(R"(root ::= "[" root? "]" )");
  Matcher matcher(grammar);
  const auto first_table = grammar->table();
  int depth = 0;
  while (!first_table->is_full()) {
    ASSERT_TRUE(matcher.accept(1));
    ++depth;
  }
  ASSERT_TRUE(matcher.allowed());
  EXPECT_NE(grammar->table(), first_table);
  for (int i = 0; i < depth; ++i) {
    ASSERT_FALSE(matcher.may_end());
    if (i % 1000 == 0) {
      ASSERT_TRUE(matcher.allowed());
    }
    ASSERT_TRUE(matcher.accept(2)) << i;
  }
  EXPECT_TRUE(matcher.must_end());
}

TEST(Matcher, TooAmbiguousGrammar_FailsWithAReason) {
  const Vocabulary vocabulary({"</s>", "(", ")", "x", "y"});
  Matcher matcher(vocabulary.grammar(R"GBNF(root ::= x
x ::= "(" (x | y)? ")" "x"?
y ::= "(" (x | y)? ")" "y"?)GBNF"));
  int n = 0;
  while (n < 100 && matcher.allowed() && matcher.accept(1)) ++n;
  EXPECT_LT(n, 30);
  const auto allowed = matcher.allowed();
  ASSERT_FALSE(allowed);
  EXPECT_EQ(allowed.error().code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace hearth::text::grammar
