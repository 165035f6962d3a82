#include "text/chat_template/chat_template.h"

#include <gtest/gtest.h>

#include <limits>
#include <thread>

namespace hearth::text {
namespace {

Result<std::string> render(std::string_view source, const Value& context = Value::dict({}),
                           const RenderOptions& options = {}) {
  const auto parsed = ChatTemplate::parse(source, "test");
  return parsed ? parsed->render(context, options) : Result<std::string>(parsed.error());
}

void expect_error(const Result<std::string>& result, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(result) << *result;
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_NE(result.error().message().find(message), std::string::npos) << result.error().message();
}

TEST(ChatTemplate, Render_ValuesBuiltByTheCaller_AreSeenInTheirOrder) {
  const Value context = Value::dict({
      {"messages", Value::list({Value::dict({{"role", Value::string("user")}, {"n", Value::integer(1)}})})},
      {"flag", Value::boolean(true)},
      {"x", Value::real(0.5)},
      {"nothing", Value()},
  });
  const auto text = render("{{ messages }}{{ flag }}{{ x }}{{ nothing }}", context);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "[{'role': 'user', 'n': 1}]True0.5None");
}

TEST(ChatTemplate, Render_ContextThatIsNoDict_IsRefused) {
  expect_error(render("a", Value()), ErrorCode::kInvalidArgument, "dict");
}

TEST(ChatTemplate, Parse_SyntaxError_NamesTheLine) {
  expect_error(render("a\n\n{{ 1 + }}"), ErrorCode::kMalformed, "test:3: expected an expression, found '}}'");
  expect_error(render("{% if a %}\n{% if b %}\n{% endif %}"), ErrorCode::kMalformed, "test:3");
}

TEST(ChatTemplate, Render_Failure_NamesTheLine) {
  expect_error(render("a\n{{ raise_exception('roles must alternate') }}"), ErrorCode::kInvalidArgument,
               "test:2: roles must alternate");
  expect_error(render("\n\n{{ a.b }}"), ErrorCode::kInvalidArgument, "test:3: 'a' is undefined");
}

TEST(ChatTemplate, Parse_TagsThatReachOtherFiles_AreUnsupported) {
  for (const char* source : {"{% include 'a' %}", "{% import 'a' as b %}", "{% from 'a' import b %}",
                             "{% extends 'a' %}", "{% block a %}{% endblock %}"}) {
    expect_error(render(source), ErrorCode::kUnsupported, "stands alone");
  }
}

TEST(ChatTemplate, StrftimeNow_GivenTime_FormatsIt) {
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 6;
  now.tm_wday = 6;
  now.tm_hour = 9;
  RenderOptions options;
  options.now = now;
  const auto text =
      render("{{ strftime_now('%d %b %Y|%A %-d|%H:%M:%S.%f|%%|%Q|%') }}", Value::dict({}), options);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "06 Jul 2024|Saturday 6|09:00:00.000000|%|%Q|%");
}

TEST(ChatTemplate, StrftimeNow_NoTimeGiven_IsTheClocks) {
  const auto text = render("{{ strftime_now('%Y') | int > 2020 }}");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "True");
}

TEST(ChatTemplate, RenderWithRanges_GenerationBlocks_AreWhereTheyStandInTheText) {
  const auto parsed = ChatTemplate::parse(
      "U{% generation %}one{% endgeneration %}|{% for x in [1, 2] %}{% generation %}{{ x }}!{% endgeneration "
      "%}{% "
      "endfor %}{% macro m() %}{% generation %}hidden{% endgeneration %}{% endmacro %}{{ m() }}",
      "test");
  ASSERT_TRUE(parsed) << parsed.error().message();
  const auto rendering = parsed->render_with_ranges(Value::dict({}));
  ASSERT_TRUE(rendering) << rendering.error().message();
  EXPECT_EQ(rendering->text, "Uone|1!2!hidden");
  std::vector<std::string> parts;
  for (const auto& [begin, end] : rendering->generated)
    parts.push_back(rendering->text.substr(begin, end - begin));
  EXPECT_EQ(parts, (std::vector<std::string>{"one", "1!", "2!"}));
}

TEST(ChatTemplate, Integers_BeyondSixtyFourBits_AreErrorsNotWraps) {
  const Value context = Value::dict({{"big", Value::integer(std::numeric_limits<int64_t>::max())},
                                     {"small", Value::integer(std::numeric_limits<int64_t>::min())}});
  for (const char* source : {"{{ big + 1 }}", "{{ small - 1 }}", "{{ big * 2 }}", "{{ -small }}",
                             "{{ small // -1 }}", "{{ 10 ** 19 }}", "{{ small | abs }}"}) {
    expect_error(render(source, context), ErrorCode::kInvalidArgument, "64 bits");
  }
  expect_error(render("{{ 9223372036854775808 }}"), ErrorCode::kMalformed, "64 bits");
  const auto text =
      render("{{ big }} {{ small }} {{ small % -1 }} {{ (2 ** 62) == (2.0 ** 62) }} {{ big == 2.0 ** 63 }}",
             context);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "9223372036854775807 -9223372036854775808 0 True False");
}

TEST(ChatTemplate, Limits_Each_IsNamedInTheError) {
  expect_error(render("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"),
               ErrorCode::kResourceExhausted, "1000000 steps");
  expect_error(render("{% for a in range(100) %}{{ 'x' * 100000 }}{% endfor %}"),
               ErrorCode::kResourceExhausted, "writes more than 4194304 bytes");
  expect_error(render("{{ ('x' * 10**9) | length }}"), ErrorCode::kResourceExhausted, "works on more than");
  expect_error(render("{{ range(10**12) }}"), ErrorCode::kResourceExhausted, "at most 100000 items");
  expect_error(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), ErrorCode::kResourceExhausted,
               "more than 100 deep");
  expect_error(render("{{ " + std::string(200, '(') + "1" + std::string(200, ')') + " }}"),
               ErrorCode::kResourceExhausted, "nested more than 100 deep");
  expect_error(render(std::string((1U << 20U) + 1, 'x')), ErrorCode::kResourceExhausted, "1048576 bytes");
}

TEST(ChatTemplate, Limits_LongFlatExpression_IsNotDeep) {
  std::string source = "{{ 0";
  for (int i = 0; i < 5000; ++i) source += " + 1";
  const auto text = render(source + " }}");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "5000");
}

TEST(ChatTemplate, Namespace_HoldingItself_IsFreed) {
  // The leak checker of the sanitized build is the judge.
  const auto text = render("{% set ns = namespace() %}{% set ns.me = [ns, {'a': ns}] %}{{ ns.me | length }}");
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(*text, "2");
}

TEST(ChatTemplate, Render_FromSeveralThreads_GivesTheSameText) {
  const auto parsed = ChatTemplate::parse("{% for x in xs %}{{ x * loop.index }},{% endfor %}", "test");
  ASSERT_TRUE(parsed);
  const Value context = Value::dict({{"xs", Value::list({Value::integer(2), Value::integer(3)})}});
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (std::string& text : texts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) text = parsed->render(context).value_or("");
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, "2,6,");
}

TEST(ValueFromJson, Objects_KeepTheirOrderAndLastDuplicate) {
  const auto value = value_from_json(R"({"b": 1, "a": [true, null, 1.5, "\u00e9"], "b": 2})");
  ASSERT_TRUE(value) << value.error().message();
  const auto text = render("{{ v }}", Value::dict({{"v", *value}}));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "{'b': 2, 'a': [True, None, 1.5, 'é']}");
}

TEST(ValueFromJson, WhatIsNoJson_IsRefused) {
  for (const char* json : {"", "{", "[1,]", "{\"a\"}", "nul", "\"\\ud800\"", "1 2"}) {
    const auto value = value_from_json(json);
    ASSERT_FALSE(value) << json;
    EXPECT_EQ(value.error().code(), ErrorCode::kMalformed) << json;
  }
}

TEST(ValueFromJson, NestedTooDeep_IsRefused) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(value_from_json(nested(100)));
  const auto value = value_from_json(nested(101));
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace hearth::text
