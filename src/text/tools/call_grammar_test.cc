#include "text/tools/call_grammar.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "text/tools/call_grammar_fixture.h"

namespace hearth::text {
namespace {

using call_grammars::Calls;
using call_grammars::grammar_of;
using call_grammars::TemplateUnderTest;
using call_grammars::visit_templates;
using grammar::GrammarBuilder;
using grammar::GrammarUnderTest;
using template_calls::Case;
using template_calls::Json;

// Plain characters only: some templates write others as \uXXXX, of which a grammar knows the shortest form.
Json full_arguments(const std::string& source) {
  Json arguments = template_calls::arguments_of(source, 0);
  arguments["city"] = "New \"York\" </b>";
  arguments["nested"] = Json{{"k", "]}"}};
  return arguments;
}

Json with(Json arguments, const char* name, Json value) {
  arguments[name] = std::move(value);
  return arguments;
}

TEST(CallGrammar, WhatTemplatesWrite_IsAnAnswer) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  // Templates of a format share its grammar.
  std::map<std::string, std::unique_ptr<GrammarUnderTest>> grammars;
  visit_templates(
      [&](const TemplateUnderTest& under_test, const Case& known) {
        const std::string& source = under_test.source();
        auto& grammar = grammars[std::string(known.format) + (template_calls::knows_null(source) ? "" : "!")];
        if (!grammar) grammar = grammar_of(source, under_test.tools(), {.required = true});
        ASSERT_TRUE(grammar);
        Calls calls{{"get_weather", full_arguments(source)}};
        if (known.n_calls > 1) calls.emplace_back("get_weather", Json{{"city", "Rome"}, {"n", -40}});
        const std::string text = under_test.write(calls);
        EXPECT_TRUE(grammar->matches(text)) << text;
        EXPECT_FALSE(grammar->matches("Hello.")) << text;
        EXPECT_FALSE(grammar->matches(text.substr(0, text.size() / 2))) << text;
      },
      /*one_of_a_format=*/false);
}

TEST(CallGrammar, CallsThatAreInvalid_AreNoAnswers) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  visit_templates(
      [](const TemplateUnderTest& under_test, const Case&) {
        const auto grammar = grammar_of(under_test.source(), under_test.tools(), {});
        ASSERT_TRUE(grammar);
        const Json good{{"city", "Rome"}, {"n", 3}};
        const auto is_answer = [&](const std::string& name, const Json& arguments) {
          return grammar->matches(under_test.write({{name, arguments}}));
        };
        EXPECT_TRUE(is_answer("get_weather", good)) << under_test.write({{"get_weather", good}});
        EXPECT_TRUE(is_answer("stop", Json::object())) << under_test.write({{"stop", Json::object()}});
        EXPECT_FALSE(is_answer("get_wether", good));
        EXPECT_FALSE(is_answer("stop", good));
        EXPECT_FALSE(is_answer("get_weather", Json{{"city", "Rome"}}));
        EXPECT_FALSE(is_answer("get_weather", with(good, "n", "three")));
        EXPECT_FALSE(is_answer("get_weather", with(good, "b", "perhaps")));
        EXPECT_FALSE(is_answer("get_weather", with(good, "x", Json::array())));
        EXPECT_FALSE(is_answer("get_weather", with(good, "other", 1)));
      },
      /*one_of_a_format=*/true);
}

TEST(CallGrammar, TextCallsAndHowOften_AreAsAskedFor) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  visit_templates(
      [](const TemplateUnderTest& under_test, const Case& known) {
        const Json tools = under_test.tools();
        const std::string& source = under_test.source();
        const bool bare = known.format == "Llama 3";
        const std::string begin = under_test.format().text_begin();
        // Where parts have recipients, only the first call's mark is in the prompt.
        const std::string mark = begin.empty() ? "" : under_test.format().marks().front();
        const Json good{{"city", "Rome"}, {"n", 3}};
        const std::string one = under_test.write({{"get_weather", good}});
        const auto any = grammar_of(source, tools, {});
        ASSERT_TRUE(any);
        EXPECT_TRUE(any->matches(begin + "Hello <b>, {\"name\": 1} [x] >>> get_weather."));
        EXPECT_TRUE(any->matches(begin));
        EXPECT_EQ(any->matches("Hello."), begin.empty());
        EXPECT_TRUE(any->matches(one)) << one;
        // Whatever begins otherwise than a call is text, where calls have no mark.
        const std::string text = begin + "Let me see.\n" + mark;
        EXPECT_TRUE(any->matches(text + one)) << one;
        EXPECT_EQ(any->matches(text + one + "text"), bare) << one;
        EXPECT_TRUE(any->begins(one.substr(0, one.size() - 2)));
        EXPECT_FALSE(any->matches(one + "text"));

        const auto named = grammar_of(source, tools, {.required = true, .name = "stop", .one_call = true});
        ASSERT_TRUE(named);
        EXPECT_FALSE(named->matches(one));
        EXPECT_FALSE(named->matches(""));
        EXPECT_TRUE(named->matches(under_test.write({{"stop", Json::object()}})));
        if (known.n_calls < 2) return;
        const std::string two = under_test.write({{"get_weather", good}, {"stop", Json::object()}});
        EXPECT_TRUE(any->matches(two)) << two;
        const auto single = grammar_of(source, tools, {.one_call = true});
        ASSERT_TRUE(single);
        EXPECT_TRUE(single->matches(one));
        EXPECT_FALSE(single->matches(two)) << two;
      },
      /*one_of_a_format=*/true);
}

constexpr std::string_view kQwenCoder = "<tool_call><function=f><parameter=p></tool_call>";
constexpr std::string_view kGemma = "<|tool_call>call:f{}<tool_call|>";

Json tool_with(const std::string& parameters) {
  return Json::array(
      {{{"type", "function"}, {"function", {{"name", "f"}, {"parameters", Json::parse(parameters)}}}}});
}

TEST(CallGrammar, ParameterTexts_KeepWhatTheirSchemasSay) {
  const auto grammar =
      grammar_of(kQwenCoder, tool_with(R"({"type": "object", "required": ["p"], "properties": {
      "p": {"type": "string", "enum": ["a", "b \"c\""]}, "q": {"type": "string", "pattern": "^x\\n?y+$"},
      "r": {"$ref": "#/$defs/R"}, "s": {"type": ["string", "null"]}},
      "$defs": {"R": {"type": "string", "maxLength": 2}}})"),
                 {.required = true});
  ASSERT_TRUE(grammar);
  const auto call = [](const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string text = "<tool_call>\n<function=f>\n";
    for (const auto& [key, value] : parameters)
      text += "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
    return text + "</function>\n</tool_call>";
  };
  EXPECT_TRUE(grammar->matches(call({{"p", "a"}})));
  EXPECT_TRUE(grammar->matches(call({{"p", "b \"c\""}, {"q", "x\nyy"}, {"r", "é"}, {"s", "null"}})));
  EXPECT_TRUE(grammar->matches(call({{"p", "a"}, {"s", "\"text\""}})));
  EXPECT_TRUE(grammar->matches(call({{"p", "a"}, {"s", "none of it"}})));
  EXPECT_FALSE(grammar->matches(call({{"p", "a"}, {"s", "12"}})));
  EXPECT_FALSE(grammar->matches(call({{"p", "\"a\""}})));
  EXPECT_FALSE(grammar->matches(call({{"p", "a"}, {"q", "x\\ny"}})));
  EXPECT_FALSE(grammar->matches(call({{"p", "a"}, {"r", "abc"}})));
  EXPECT_FALSE(grammar->matches(call({{"q", "xy"}})));
  EXPECT_FALSE(grammar->matches(call({{"q", "xy"}, {"p", "a"}})));
}

// As the template writes them: also where a text could stand there.
TEST(CallGrammar, PythonsWords_StandForTheirsWhereverAllowed) {
  const auto grammar = grammar_of(kQwenCoder, tool_with(R"({"type": "object", "properties": {
      "a": {"type": ["string", "null"]}, "b": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "B"},
      "c": {"anyOf": [{"const": true}, {"type": "string"}]}, "d": {"type": ["boolean", "integer"]}}})"),
                                  {.required = true});
  ASSERT_TRUE(grammar);
  const auto call = [](const std::string& key, const std::string& value) {
    return "<tool_call><function=f><parameter=" + key + ">\n" + value +
           "\n</parameter></function></tool_call>";
  };
  for (const char* key : {"a", "b"}) {
    EXPECT_TRUE(grammar->matches(call(key, "None"))) << key;
    EXPECT_TRUE(grammar->matches(call(key, "null"))) << key;
    EXPECT_TRUE(grammar->matches(call(key, "Nobody"))) << key;
    EXPECT_FALSE(grammar->matches(call(key, "True"))) << key;
  }
  EXPECT_FALSE(grammar->matches(call("c", "True")));
  EXPECT_TRUE(grammar->matches(call("d", "False")));
  EXPECT_FALSE(grammar->matches(call("d", "None")));
}

TEST(CallGrammar, Literals_NestedByTheirSchemas_AreHeldToThem) {
  const auto grammar = grammar_of(kGemma, tool_with(R"({"type": "object", "required": ["o"], "properties": {
      "o": {"type": "object", "required": ["B"], "properties": {"B": {"$ref": "#/$defs/E"}, "a": {"type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]}}}},
      "n": {"type": ["number", "null"]}}, "$defs": {"E": {"enum": ["x", 1, null]}}})"),
                                  {.required = true});
  ASSERT_TRUE(grammar);
  const auto call = [](const std::string& arguments) {
    return "<|tool_call>call:f{" + arguments + "}<tool_call|>";
  };
  EXPECT_TRUE(grammar->matches(call("o:{B:1}")));
  EXPECT_TRUE(grammar->matches(call("n:-1.5,o:{a:[1,<|\"|>é<|\"|>],B:<|\"|>x<|\"|>}")));
  EXPECT_TRUE(grammar->matches(call("n:null,o:{B:None}")));
  EXPECT_FALSE(grammar->matches(call("n:1")));
  EXPECT_FALSE(grammar->matches(call("o:{B:2}")));
  EXPECT_FALSE(grammar->matches(call("o:{a:[<|\"|>ab<|\"|>],B:1}")));
  EXPECT_FALSE(grammar->matches(call("o:{B:1},n:1")));
  EXPECT_FALSE(grammar->matches(call(",o:{B:1}")));
}

TEST(CallGrammar, WhatCannotBeKept_IsRefusedByName) {
  const auto error_of = [](std::string_view source, const Json& tools, const ToolUse& use) {
    const auto known = tools_of(tools);
    GrammarBuilder builder;
    const auto answer = find_tool_format(source)->add_answer(builder, *known, use);
    return answer ? "" : answer.error().message();
  };
  EXPECT_EQ(
      error_of(kQwenCoder, tool_with(R"({"type": "object", "minProperties": 1})"), {}),
      "tool f: parameters: minProperties: cannot be guaranteed in the way that this model writes calls");
  EXPECT_EQ(
      error_of(kGemma,
               tool_with(R"({"type": "object", "properties": {"a": {"type": "array", "minItems": 2}}})"), {}),
      "tool f: parameters: properties/a: minItems: cannot be guaranteed in the way that this model writes "
      "calls");
  EXPECT_EQ(error_of(kQwenCoder, tool_with(R"({"type": "object", "properties": {}})"), {.name = "g"}),
            "expected the name of a tool, found \"g\"");
  Json tool = tool_with(R"({"type": "object"})");
  tool[0]["function"]["name"] = "all";
  EXPECT_EQ(error_of(R"('>>>all\n' >>>${recipient} '\n\n>>>')", tool, {}),
            "tool all: the model's answers name the user so: expected another name");
  EXPECT_NE(error_of("[TOOL_CALLS]",
                     tool_with(R"({"type": "object", "properties": {"a": {"type": "strange"}}})"), {})
                .find("tool f: "),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::text
