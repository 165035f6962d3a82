#include "text/grammar/gbnf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "tests/support/test_data.h"
#include "text/grammar/grammar_fixture.h"

namespace hearth::text::grammar {
namespace {

GrammarUnderTest parsed(std::string_view source) {
  auto grammar = parse_gbnf(source);
  EXPECT_TRUE(grammar) << grammar.error().message();
  return GrammarUnderTest(*grammar);
}

std::string error_of(std::string_view source) {
  const auto grammar = parse_gbnf(source);
  EXPECT_FALSE(grammar);
  return grammar ? "" : grammar.error().message();
}

TEST(Gbnf, Arithmetic_MatchesItsTexts) {
  auto g = parsed(R"GBNF(# sums
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws   # a comment
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
)GBNF");
  EXPECT_TRUE(g.matches("a+(1-2)*x9 = 42\n"));
  EXPECT_TRUE(g.matches("1=2\n3=4\n"));
  EXPECT_FALSE(g.matches("1=2"));
  EXPECT_FALSE(g.begins("1+=2"));
}

TEST(Gbnf, RulesOverSeveralLines_AreOne) {
  auto g = parsed("root ::= (\n  \"a\" # one\n  \"b\"\n) |\n  \"c\"\nother ::= \"d\"\n");
  EXPECT_TRUE(g.matches("ab"));
  EXPECT_TRUE(g.matches("c"));
  EXPECT_FALSE(g.matches("d"));
}

TEST(Gbnf, Repetitions_AreRead) {
  auto g = parsed(R"(root ::= "a"{2} "b"{1,} "c"{0,2} "d"? "e"{1,1}?)");
  EXPECT_TRUE(g.matches("aab"));
  EXPECT_TRUE(g.matches("aabbbccde"));
  EXPECT_FALSE(g.matches("ab"));
  EXPECT_FALSE(g.matches("aabccc"));
}

TEST(Gbnf, ClassesAndEscapes_AreRead) {
  auto g = parsed(R"(root ::= [^\x00-\x7F"] "\u00e9\U0001F600\x41\"\\" [\]\-a] . [-x] [ -~])");
  EXPECT_TRUE(g.matches("\u4E2D\u00e9\U0001F600A\"\\]\U0001F601-~"));
  EXPECT_TRUE(g.matches("\u00FF\u00e9\U0001F600A\"\\-zx "));
  EXPECT_FALSE(g.begins("a"));
}

TEST(Gbnf, Errors_SayWhereAndWhat) {
  EXPECT_EQ(error_of("root ::= \"a"),
            "line 1 of the grammar: expected '\"' at the end of a text, found its end");
  EXPECT_EQ(error_of("root ::= \"a\"\nb = c"), "line 2 of the grammar: expected \"::=\", found \"= c\"");
  EXPECT_EQ(error_of("root ::= a"), "rule \"a\" is used but not defined");
  EXPECT_EQ(error_of("a ::= \"x\""),
            "the grammar has no rule \"root\": expected one, which the whole answer matches");
  EXPECT_EQ(error_of("root ::= \"a\"\nroot ::= \"b\""), "rule \"root\" is defined twice in the grammar");
  EXPECT_EQ(error_of("root ::= [b-a]"),
            "a class of the grammar has the range U+0062 to U+0061: expected the lower one first");
  EXPECT_EQ(
      error_of("root ::= \"\\q\""),
      "line 1 of the grammar: expected one of the escapes \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\- \\^, "
      "found \"\\\\q\\\"\"");
  EXPECT_EQ(error_of("root ::= \"\\xF\""),
            "line 1 of the grammar: expected 2 hexadecimal digits, found \"F\\\"\"");
  EXPECT_EQ(error_of("root ::= \"a\"{3,2}"), "the grammar repeats {3,2}: expected the lower number first");
  EXPECT_EQ(error_of("root ::= root \"a\" | \"b\""),
            "rule \"root\" begins with itself (left recursion): expected it to read something first");
  const auto tokens = parse_gbnf("root ::= <think> \"a\"");
  ASSERT_FALSE(tokens);
  EXPECT_EQ(tokens.error().code(), ErrorCode::kUnsupported);
}

TEST(Gbnf, Bombs_EndInAnError) {
  EXPECT_NE(error_of("root ::= (((\"a\"{1000}){1000}){1000}){1000}").find("too large"), std::string::npos);
  EXPECT_NE(error_of("root ::= \"a\"{4000000000}").find("too large"), std::string::npos);
  EXPECT_NE(error_of("root ::= " + std::string(100'000, '(')).find("groups within each other"),
            std::string::npos);
  EXPECT_NE(error_of("root ::= \"a\"" + std::string(100'000, '*')).find("nested too deeply"),
            std::string::npos);
}

// Inputs of a fuzzer: each is a grammar or an error, and none is dear.
TEST(Gbnf, FuzzersInputs_AreParsedOrRefusedQuickly) {
  HEARTH_NEEDS_TEST_DATA(folder, "grammar/gbnf_parser");
  int n_grammars = 0;
  int n = 0;
  auto slowest = std::chrono::steady_clock::duration::zero();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string source = testing::read_file(entry.path());
    const auto began = std::chrono::steady_clock::now();
    const auto first = parse_gbnf(source);
    slowest = std::max(slowest, std::chrono::steady_clock::now() - began);
    const auto second = parse_gbnf(source);
    ASSERT_EQ(first.has_value(), second.has_value()) << entry.path();
    if (first) {
      StateSets sets(*first);
      EXPECT_TRUE(sets.may_go_on(sets.start()) || sets.may_end(sets.start())) << entry.path();
      ++n_grammars;
    } else {
      EXPECT_EQ(first.error().message(), second.error().message()) << entry.path();
    }
    ++n;
  }
  EXPECT_EQ(n, 913);
  RecordProperty("grammars", n_grammars);
  std::cout << n << " inputs, " << n_grammars << " of them grammars; the dearest took "
            << std::chrono::duration_cast<std::chrono::microseconds>(slowest).count() << " us\n";
}

}  // namespace
}  // namespace hearth::text::grammar
