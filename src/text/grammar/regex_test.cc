#include "text/grammar/regex.h"

#include <gtest/gtest.h>

#include <chrono>

#include "text/grammar/dfa.h"
#include "text/grammar/json_formats.h"
#include "text/grammar/json_text.h"

namespace hearth::text::grammar {
namespace {

Result<Dfa> dfa_of(std::string_view pattern, RegexText text = RegexText::kPlain, bool whole = false) {
  GrammarBuilder builder;
  HEARTH_ASSIGN(const GrammarBuilder::Node node, add_regex(builder, pattern, text, whole));
  return determinise(builder, node);
}

bool finds(std::string_view pattern, std::string_view text) {
  const auto dfa = dfa_of(pattern);
  if (!dfa) ADD_FAILURE() << pattern << ": " << dfa.error().message();
  return dfa && dfa->accepts(text);
}

ErrorCode code_of(std::string_view pattern) {
  const auto dfa = dfa_of(pattern);
  if (dfa) ADD_FAILURE() << pattern << " is accepted";
  return dfa ? ErrorCode::kIo : dfa.error().code();
}

TEST(Regex, Unanchored_IsFoundAnywhere) {
  EXPECT_TRUE(finds("a+", "xxaayy"));
  EXPECT_TRUE(finds("ab?", "a"));
  EXPECT_TRUE(finds("", ""));
  EXPECT_TRUE(finds("", "x\n\xC3\xA4"));
  EXPECT_FALSE(finds("ab", "ba"));
  EXPECT_TRUE(finds("a*?b{2,3}?", "bb"));
}

TEST(Regex, Anchors_HoldAtTheEndsOfTheText) {
  EXPECT_TRUE(finds("^a", "ab"));
  EXPECT_FALSE(finds("^a", "ba"));
  EXPECT_TRUE(finds("a$", "ba"));
  EXPECT_FALSE(finds("a$", "ab"));
  EXPECT_TRUE(finds("^ab$", "ab"));
  EXPECT_FALSE(finds("^ab$", "abc"));
  EXPECT_TRUE(finds("^a|b$", "ax"));
  EXPECT_TRUE(finds("^a|b$", "xb"));
  EXPECT_FALSE(finds("^a|b$", "xax"));
  EXPECT_TRUE(finds("^$", ""));
  EXPECT_TRUE(finds("$^", ""));
  EXPECT_FALSE(finds("$^", "a"));
  EXPECT_FALSE(finds("^$", "a"));
  EXPECT_TRUE(finds("x*^y*a", "ab"));
  EXPECT_FALSE(finds("x*^y*a", "xa"));
  EXPECT_TRUE(finds("a(?:$|,)", "xa"));
  EXPECT_TRUE(finds("a(?:$|,)", "a,b"));
  EXPECT_FALSE(finds("a(?:$|,)", "ab"));
  EXPECT_TRUE(finds("a$b*", "a"));
  EXPECT_FALSE(finds("a$b*", "ab"));
  EXPECT_TRUE(finds("(?:^|,)*b", "b"));
  EXPECT_TRUE(finds("(?:^|,)b", "a,b"));
  EXPECT_FALSE(finds("(?:^|,)b", "ab"));
  EXPECT_TRUE(finds("(?:^a|b)+$", "abb"));
  EXPECT_FALSE(finds("^(?:^a|b)+$", "aba"));
  EXPECT_TRUE(finds("(^a$)?", "zzz"));
  EXPECT_TRUE(finds("^(a|^b)c", "bc"));
}

TEST(Regex, Classes_AreUnicodes) {
  EXPECT_TRUE(finds("^[^a-c\\d]$", "x"));
  EXPECT_FALSE(finds("^[^a-c\\d]$", "b"));
  EXPECT_FALSE(finds("^[^a-c\\d]$", "7"));
  EXPECT_TRUE(finds("^[^a]$", "\xF0\x9F\x99\x82"));
  EXPECT_TRUE(finds("^.$", "\xC3\xA4"));
  EXPECT_FALSE(finds("^.$", "\n"));
  EXPECT_TRUE(finds("^\\p{Letter}+$", "\xCF\x80r"));
  EXPECT_FALSE(finds("^\\p{L}+$", "a1"));
  EXPECT_TRUE(finds("^\\P{L}+$", "1 "));
  EXPECT_TRUE(finds("^\\p{digit}$", "\xE0\xA7\xAA"));
  EXPECT_FALSE(finds("^\\d$", "\xE0\xA7\xAA"));
  EXPECT_FALSE(finds("^\\w$", "\xC3\xA9"));
  EXPECT_TRUE(finds("^\\s$", "\xE2\x80\x83"));
  EXPECT_TRUE(finds("^[\\s\\S]$", "\n"));
  EXPECT_FALSE(finds("^[]-]?x", "x"));  // an empty class
  EXPECT_TRUE(finds("^[\\]-]x", "-x"));
}

TEST(Regex, Escapes_AreCharacters) {
  EXPECT_TRUE(finds("^\\u0061\\x62\\u{1F642}\\ud83d\\ude42\\cJ\\t\\.\\-\\/$",
                    "ab\xF0\x9F\x99\x82\xF0\x9F\x99\x82\n\t.-/"));
  EXPECT_TRUE(dfa_of("^a\\0$")->accepts(std::string_view("a\0", 2)));
}

TEST(Regex, InAJsonString_SpeaksOfTheValue) {
  const auto dfa = dfa_of("^[\"\\n\\u0001x]+$", RegexText::kJsonString);
  ASSERT_TRUE(dfa);
  EXPECT_TRUE(dfa->accepts("\\\"\\n\\u0001x"));
  EXPECT_FALSE(dfa->accepts("\""));
  EXPECT_FALSE(dfa->accepts("\\u0078"));
  EXPECT_FALSE(dfa->accepts("\\"));
}

TEST(Regex, Refusals_AreNamed) {
  for (const char* pattern :
       {"(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "a\\b", "(a)\\1", "\\k<x>", "\\p{Script=Greek}", "(^a){2}"}) {
    EXPECT_EQ(code_of(pattern), ErrorCode::kUnsupported) << pattern;
  }
  for (const char* pattern : {"(", ")", "a)", "[a", "*", "a**", "a{2,1}", "a{2}{3}", "{2}", "[b-a]", "\\",
                              "\\q", "\\u12", "\\u{110000}", "[\\d-z]", "(?a)", "a{1", "\xFF"}) {
    EXPECT_EQ(code_of(pattern), ErrorCode::kInvalidArgument) << pattern;
  }
}

TEST(Regex, Bombs_EndSoon) {
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(code_of("((((a{99}){99}){99}){99}){99}"), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of("a{99999999999}"), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of("a.{30000}b"), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of(std::string(1000, '(') + std::string(1000, ')')), ErrorCode::kResourceExhausted);
  EXPECT_EQ(code_of(std::string(100'000, 'a')), ErrorCode::kResourceExhausted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

bool is_format(std::string_view format, std::string_view text) {
  const auto dfa = dfa_of(regex_of_format(format).value(), RegexText::kPlain, /*whole=*/true);
  if (!dfa) ADD_FAILURE() << format << ": " << dfa.error().message();
  return dfa && dfa->accepts(text);
}

TEST(Formats, Known_AllowTheirTextsAlone) {
  EXPECT_TRUE(is_format("date", "2024-02-29"));
  EXPECT_FALSE(is_format("date", "2023-02-29"));
  EXPECT_FALSE(is_format("date", "1900-02-29"));
  EXPECT_TRUE(is_format("date", "2000-02-29"));
  EXPECT_FALSE(is_format("date", "2024-04-31"));
  EXPECT_TRUE(is_format("date-time", "1990-12-31T15:59:50.123-08:00"));
  EXPECT_FALSE(is_format("date-time", "1990-12-31T15:59:60-08:01"));
  EXPECT_TRUE(is_format("time", "23:59:60Z"));
  EXPECT_FALSE(is_format("time", "22:59:60Z"));
  EXPECT_FALSE(is_format("time", "24:00:00Z"));
  EXPECT_TRUE(is_format("duration", "P4DT12H30M5S"));
  EXPECT_FALSE(is_format("duration", "P1YT"));
  EXPECT_TRUE(is_format("email", "te~st@example.com"));
  EXPECT_FALSE(is_format("email", ".a@b.com"));
  EXPECT_FALSE(is_format("email", "a..b@c.com"));
  EXPECT_TRUE(is_format("hostname", "www.example.com"));
  EXPECT_TRUE(is_format("hostname", std::string(62, 'a')));
  EXPECT_FALSE(is_format("hostname", std::string(64, 'a')));
  EXPECT_FALSE(is_format("hostname", "-a.b"));
  EXPECT_FALSE(is_format("hostname", "ab--c"));
  EXPECT_TRUE(is_format("hostname", "a-b-c.de"));
  EXPECT_TRUE(is_format("ipv4", "192.168.0.1"));
  EXPECT_FALSE(is_format("ipv4", "256.1.1.1"));
  EXPECT_FALSE(is_format("ipv4", "01.1.1.1"));
  for (const char* address : {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "::ffff:1.2.3.4",
                              "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2::7:8"})
    EXPECT_TRUE(is_format("ipv6", address)) << address;
  for (const char* address : {":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
                              "12345::", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.256",
                              ":1:2::3", "1:2:3:4:5:6:7::8:9"})
    EXPECT_FALSE(is_format("ipv6", address)) << address;
  EXPECT_TRUE(is_format("uuid", "2EB8AA08-aa98-11ea-b4aa-73b441d16380"));
  EXPECT_FALSE(is_format("uuid", "2eb8aa08aa9811eab4aa73b441d16380"));
  for (const char* text : {"http://foo.bar/?baz=qux#quux", "urn:oasis:names", "mailto:a@b.c",
                           "http://[::1]:80/x", "ldap://[2001:db8::7]/c=GB?objectClass?one"})
    EXPECT_TRUE(is_format("uri", text)) << text;
  for (const char* text : {"//foo.bar", "/abs", "foo", "http:// a", ":// x", "bar,baz:foo", "http://a/<x>",
                           "http://a/%zz", "https://[@example.org/test.txt"})
    EXPECT_FALSE(is_format("uri", text)) << text;
  EXPECT_TRUE(is_format("uri-reference", "/abs?x#y"));
  EXPECT_FALSE(is_format("uri-reference", "\\\\WIN"));
  EXPECT_FALSE(is_format("uri-reference", "1a:b"));
  EXPECT_TRUE(is_format("iri", "http://\xC6\x92\xC3\xB8\xC3\xB8.\xC3\x9F\xC3\xA5r/"));
  EXPECT_TRUE(is_format("json-pointer", "/foo//bar~0/baz~1/%a"));
  EXPECT_FALSE(is_format("json-pointer", "/foo/bar~"));
  EXPECT_TRUE(is_format("relative-json-pointer", "0#"));
  EXPECT_FALSE(is_format("relative-json-pointer", "-1/a"));
  EXPECT_EQ(regex_of_format("regex").error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace hearth::text::grammar
