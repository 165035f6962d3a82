#include "text/grammar/json_schema.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/sanitized.h"
#include "text/grammar/grammar_fixture.h"

namespace hearth::text::grammar {
namespace {

using Json = nlohmann::ordered_json;

Result<std::shared_ptr<const Grammar>> grammar_of(const Json& schema) {
  GrammarBuilder builder;
  HEARTH_ASSIGN(const GrammarBuilder::Node node, add_json_schema(builder, schema));
  return builder.build(node);
}

// Texts that the schema, in JSON, generates, and others.
void expect(std::string_view schema, const std::vector<std::string>& generated,
            const std::vector<std::string>& others) {
  const auto grammar = grammar_of(Json::parse(schema));
  ASSERT_TRUE(grammar) << schema << ": " << grammar.error().message();
  GrammarUnderTest text(*grammar);
  for (const std::string& its : generated) EXPECT_TRUE(text.matches(its)) << schema << ": " << its;
  for (const std::string& its : others) EXPECT_FALSE(text.matches(its)) << schema << ": " << its;
}

Error refusal_of(std::string_view schema) {
  const auto grammar = grammar_of(Json::parse(schema));
  if (grammar) ADD_FAILURE() << schema << " is accepted";
  return grammar ? Error(ErrorCode::kIo, "") : grammar.error();
}

void expect_refused(std::string_view schema, ErrorCode code, std::string_view where) {
  const Error error = refusal_of(schema);
  EXPECT_EQ(error.code(), code) << schema << ": " << error.message();
  EXPECT_EQ(error.message().rfind(where, 0), 0U) << schema << ": " << error.message();
}

TEST(JsonSchema, Object_HasItsPropertiesInOrder) {
  expect(
      R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}},
             "required": ["a", "c"], "additionalProperties": false})",
      {R"({"a":1,"c":null})", R"({"a":-20,"b":"x\n\"\u0001é","c":null})", "{ \"a\": 1,\n    \"c\": null\n}"},
      {"{}", R"({"a":1})", R"({"c":null,"a":1})", R"({"a":1,"b":"x","b":"y","c":null})",
       R"({"a":1,"c":null,"d":1})", R"({"a":1.5,"c":null})", R"({"a":01,"c":null})", R"({"a":1,"c":null,})",
       R"({,"a":1,"c":null})", R"({"a":1,"b":"\u0061","c":null})", R"({"a":1,"b":"\/","c":null})"});
}

TEST(JsonSchema, OpenObject_HasOthersBehindItsProperties) {
  expect(
      R"({"type": "object", "properties": {"a": {"type": "integer"}}})",
      {"{}", R"({"a":1})", R"({"b":[{}]})", R"({"a":1,"b":"x","c":{"a":"x"}})", R"({"aa":"x"})", R"({"":0})"},
      {R"({"a":"x"})", R"({"b":1,"a":"x"})", R"({"b":1,"\u0061":"x"})", R"({"a":1,"a":"x"})"});
  expect(
      R"({"properties": {"a": true}, "patternProperties": {"^x": {"type": "integer"}, "y$": {"minimum": 5}},
             "additionalProperties": {"type": "string"}})",
      {R"({"x1":1})", R"({"by":5})", R"({"xy":7,"z":"s"})", R"({"a":null})", "[]"},
      {R"({"x1":"s"})", R"({"by":1})", R"({"xy":1})", R"({"xy":7.5})", R"({"z":1})"});
}

TEST(JsonSchema, KeysThatStandTwice_CountOnce) {
  expect(R"({"type": "object", "minProperties": 1, "maxProperties": 2})", {R"({"a":1})", R"({"a":1,"b":1})"},
         {"{}", R"({"a":1,"b":1,"c":1})"});
  expect_refused(R"({"type": "object", "minProperties": 2})", ErrorCode::kUnsupported, "#/minProperties");
  expect(R"({"type": "object", "propertyNames": {"enum": ["a", "b", "c"]}, "minProperties": 2})",
         {R"({"a":1,"b":1})", R"({"a":1,"c":2})"}, {R"({"a":1})", R"({"a":1,"a":2})"});
  // One of the others must not be an object: what is read last counts.
  expect(R"({"type": "object", "not": {"additionalProperties": {"type": "integer"}}})",
         {R"({"a":"x"})", R"({"b":1,"a":"x"})"}, {"{}", R"({"a":1})", R"({"a":"x","a":1})"});
}

TEST(JsonSchema, Numbers_AreWhatAClientReads) {
  expect(R"({"type": "number"})", {"0", "-1.5", "1e+21", "1e-7", "123456789012345678901"},
         {"-0", "1.0", "1e5", "1e+309", "01", "+1", ".5", "1.", "NaN", "1.00000000000000000000001"});
  expect(R"({"type": "integer", "minimum": -5, "exclusiveMaximum": 120})", {"-5", "0", "119"},
         {"-6", "120", "1.5", "1e+21"});
  expect(R"({"type": "number", "exclusiveMinimum": 0.1, "maximum": 1})", {"0.11", "1", "0.100000000000001"},
         {"0.1", "0.10000000000000001", "1.1", "0", "-1"});
  expect(R"({"exclusiveMinimum": 0})", {"1e-300", "\"x\"", "1"}, {"0", "-1", "1e-400"});
  expect(R"({"type": "number", "multipleOf": 0.01, "minimum": 0})", {"19.99", "0", "20"}, {"19.999", "-1"});
  // These are doubles of no other number.
  expect(R"({"type": "number", "not": {"const": 0.1}})", {"0.2", "0.11"}, {"0.1", "0.10000000000000001"});
  expect(R"({"type": "number", "not": {"type": "integer"}})", {"0.5"}, {"1", "1e+21", "1.0000000000000001"});
  expect(R"({"oneOf": [{"const": 1e300}, {"type": "integer"}]})", {"5"}, {"1e+300"});
}

TEST(JsonSchema, Strings_HaveLengthsInCharacters) {
  expect(R"({"type": "string", "minLength": 2, "maxLength": 3})",
         {R"("ab")", R"("é🙂")", R"("\n\"\u0000")"},
         {R"("a")", R"("abcd")", "\"\xff\xff\"", R"("\ud83d\ude42a")"});
  expect(R"({"type": "string", "pattern": "^[a-c]+$", "maxLength": 2})", {R"("a")", R"("cb")"},
         {R"("abc")", R"("d")", R"("")"});
  expect(R"({"type": "string", "maxLength": 10000})", {R"("a")"}, {});
  expect(R"({"type": "string", "format": "date"})", {R"("2024-02-29")"}, {R"("2023-02-29")"});
  expect_refused(R"({"type": "string", "format": "color"})", ErrorCode::kUnsupported, "#/format");
  expect_refused(R"({"type": "string", "pattern": "(?=a)b"})", ErrorCode::kUnsupported, "#/pattern");
  expect_refused(R"({"type": "string", "pattern": "("})", ErrorCode::kInvalidArgument, "#/pattern");
  expect_refused(R"({"not": {"format": "date"}})", ErrorCode::kUnsupported, "#/not/format");
}

TEST(JsonSchema, Arrays_CountAndContain) {
  expect(R"({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3})",
         {"[1]", "[1,2,3]", "[ 1, 2 ]", "[\n  1,\n  2\n]"}, {"[]", "[1,2,3,4]", "[\"x\"]", "[1,]", "[,1]"});
  expect(
      R"({"prefixItems": [{"type": "null"}, {"type": "boolean"}], "items": {"type": "integer"}, "minItems": 1})",
      {"[null]", "[null,true]", "[null,false,1,2]", "{}"}, {"[]", "[true]", "[null,1]", "[null,true,true]"});
  expect(R"({"contains": {"type": "integer"}, "minContains": 2, "maxContains": 3, "maxItems": 4})",
         {"[1,2]", "[null,1,2,3]", "[1,\"x\",1]"}, {"[1]", "[1,2,3,4]", "[1,2,null,null,null]", "[]"});
  expect(R"({"items": {"enum": ["a", "b", "c"]}, "uniqueItems": true, "minItems": 1})",
         {R"(["a"])", R"(["c","a","b"])"}, {"[]", R"(["a","a"])", R"(["a","b","a"])", R"(["d"])"});
  expect_refused(R"({"items": {"type": "string"}, "uniqueItems": true})", ErrorCode::kUnsupported,
                 "#/uniqueItems");
}

TEST(JsonSchema, Recursion_NeedsAnEnd) {
  expect(
      R"({"$defs": {"node": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
             "required": ["next"], "additionalProperties": false}}, "$ref": "#/$defs/node"})",
      {R"({"next":null})", R"({"next":{"next":{"next":null}}})"}, {"{}", "null"});
  expect_refused(R"({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})",
                 ErrorCode::kInvalidArgument, "#: nothing can be valid");
  expect_refused(R"({"allOf": [{"$ref": "#"}]})", ErrorCode::kInvalidArgument, "#");
  expect_refused(R"({"not": {"$ref": "#"}})", ErrorCode::kInvalidArgument, "#");
  // A branch without an end is left out, not walked into.
  expect(R"({"$defs": {"loop": {"type": "array", "items": {"$ref": "#/$defs/loop"}, "minItems": 1}},
             "anyOf": [{"$ref": "#/$defs/loop"}, {"const": 1}]})",
         {"1"}, {"[]", "[[]]"});
}

TEST(JsonSchema, OneOf_LeavesOutWhatSeveralAllow) {
  expect(
      R"({"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}, "x": {"type": "integer"}}, "required": ["k"]},
                       {"type": "object", "properties": {"k": {"const": "b"}, "x": {"type": "string"}}, "required": ["k"]}]})",
      {R"({"k":"a","x":1})", R"({"k":"b","x":"1"})"}, {R"({"k":"a","x":"1"})", R"({"k":"c"})", "{}"});
  expect(R"({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]})",
         {R"({"a":1})", R"({"b":1,"c":2})"}, {"{}", R"({"a":1,"b":1})", R"({"b":1,"a":1})"});
  expect(R"({"oneOf": [{"multipleOf": 3}, {"multipleOf": 5}], "type": "integer"})", {"3", "5", "-9"},
         {"15", "0", "1"});
}

// Alternatives at random, told apart at a glance or not: what matches is what matches one of them alone.
TEST(JsonSchema, OneOf_OfAnyAlternatives_HoldsOfOne) {
  // Each in all orders of its keys: a grammar knows one of them.
  const std::vector<std::vector<std::string>> instances{
      {"null"},
      {"true"},
      {"1"},
      {"2"},
      {"1.5"},
      {R"("a")"},
      {R"("b")"},
      {R"("c")"},
      {"{}"},
      {"[]"},
      {"[1]"},
      {R"({"k":"a"})"},
      {R"({"k":"b"})"},
      {R"({"k":"a","n":{"k":"a"}})", R"({"n":{"k":"a"},"k":"a"})"},
      {R"({"k":"a","n":{"k":"b"}})", R"({"n":{"k":"b"},"k":"a"})"},
      {R"({"n":{"k":"b"}})"},
      {R"({"k":1,"n":{"k":2}})", R"({"n":{"k":2},"k":1})"}};
  const std::vector<const char*> scalars{R"({"const": "a"})",
                                         R"({"const": "b"})",
                                         R"({"enum": ["a", "c"]})",
                                         R"({"enum": [1, "a", null]})",
                                         R"({"const": 1})",
                                         R"({"enum": [2, 1.5]})",
                                         R"({"type": "integer"})",
                                         R"({"type": "string", "maxLength": 1})",
                                         R"({"not": {"const": "a"}})",
                                         R"({"pattern": "^[ab]$"})"};
  std::mt19937 random(7);
  const auto scalar = [&] { return Json::parse(scalars[random() % scalars.size()]); };
  const auto object = [&](const Json& nested) {
    Json made = {{"properties", {{"k", scalar()}}}};
    if (random() % 4 != 0) made["type"] = "object";
    if (random() % 3 != 0) made["required"].push_back("k");
    if (random() % 2 == 0) made["properties"]["n"] = nested;
    if (random() % 3 == 0) made["required"].push_back("n");
    if (random() % 4 == 0) made["additionalProperties"] = false;
    return made;
  };
  int n_accepted = 0;
  const int n_schemas = testing::kSanitized ? 30 : 150;
  for (int i = 0; i < n_schemas; ++i) {
    Json schema;
    for (size_t n = 2 + random() % 3; n > 0; --n)
      schema["oneOf"].push_back(random() % 3 == 0 ? scalar() : object(object(true)));
    const auto grammar = grammar_of(schema);
    if (!grammar) {
      EXPECT_NE(grammar.error().code(), ErrorCode::kResourceExhausted) << schema;  // or it is refused by name
      continue;
    }
    ++n_accepted;
    const auto matches = [](const std::shared_ptr<const Grammar>& its,
                            const std::vector<std::string>& texts) {
      GrammarUnderTest one(its);
      return std::any_of(texts.begin(), texts.end(),
                         [&](const std::string& text) { return one.matches(text); });
    };
    std::vector<std::shared_ptr<const Grammar>> alternatives;
    for (const Json& alternative : schema["oneOf"]) {
      if (const auto its = grammar_of(alternative)) alternatives.push_back(*its);  // or nothing is valid
    }
    for (const auto& instance : instances) {
      const auto n_valid = std::count_if(alternatives.begin(), alternatives.end(),
                                         [&](const auto& its) { return matches(its, instance); });
      EXPECT_EQ(matches(*grammar, instance), n_valid == 1) << schema << ": " << instance[0];
    }
  }
  EXPECT_GT(n_accepted, n_schemas * 2 / 3);
}

TEST(JsonSchema, IfAndDependencies_Bind) {
  expect(R"({"type": "object", "properties": {"country": {"enum": ["US", "NL"]}, "zip": {"type": "string"}},
             "required": ["country", "zip"], "additionalProperties": false,
             "if": {"properties": {"country": {"const": "US"}}},
             "then": {"properties": {"zip": {"pattern": "^\\d{5}$"}}}, "else": {"properties": {"zip": {"pattern": "^\\d{4}$"}}}})",
         {R"({"country":"US","zip":"12345"})", R"({"country":"NL","zip":"1234"})"},
         {R"({"country":"US","zip":"1234"})"});
  expect(R"({"type": "object", "dependentRequired": {"a": ["b"]}})", {"{}", R"({"b":1})", R"({"b":1,"a":1})"},
         {R"({"a":1})"});
  expect(R"({"properties": {"a": true, "b": {}}, "dependentRequired": {"a": ["b"]}})",
         {R"({"a":1,"b":1})", R"({"b":1,"c":2})"}, {R"({"b":1,"a":1})", R"({"a":1})"});
}

TEST(JsonSchema, Keywords_ThatBindElsewhere_AreRefused) {
  expect_refused(R"({"dependencies": {"a": ["b"]}})", ErrorCode::kUnsupported, "#/dependencies");
  expect_refused(R"({"items": [{}]})", ErrorCode::kInvalidArgument, "#/items");
  expect_refused(R"({"properties": {"a~/b": {"additionalItems": false}}})", ErrorCode::kUnsupported,
                 "#/properties/a~0~1b/additionalItems");
  expect_refused(R"({"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{}]})",
                 ErrorCode::kUnsupported, "#/prefixItems");
  expect_refused(R"({"$schema": "http://json-schema.org/draft-04/schema#"})", ErrorCode::kUnsupported,
                 "#/$schema");
  expect_refused(R"({"$ref": "https://example.com/a.json"})", ErrorCode::kUnsupported, "#/$ref");
  expect_refused(R"({"$ref": "#/$defs/none"})", ErrorCode::kInvalidArgument, "#");
  expect_refused(R"({"type": "float"})", ErrorCode::kInvalidArgument, "#/type");
  expect_refused(R"({"minimum": "1"})", ErrorCode::kInvalidArgument, "#/minimum");
  expect_refused(R"({"exclusiveMinimum": true})", ErrorCode::kInvalidArgument, "#/exclusiveMinimum");
  expect_refused(R"({"minLength": -1})", ErrorCode::kInvalidArgument, "#/minLength");
  expect_refused(R"({"required": "a"})", ErrorCode::kInvalidArgument, "#/required");
  expect_refused(R"({"properties": {"a": 1}})", ErrorCode::kInvalidArgument, "#/properties/a");
  expect_refused(R"(5)", ErrorCode::kInvalidArgument, "#");
  expect_refused(R"({"type": "string", "enum": [1]})", ErrorCode::kInvalidArgument,
                 "#: nothing can be valid");
  expect(R"({"title": "t", "x-order": 1, "nullable": true, "type": "null"})", {"null"}, {"1"});
}

// What is costly ends in an error, soon.
TEST(JsonSchema, Bombs_EndSoon) {
  const auto begin = std::chrono::steady_clock::now();
  Json deep = true;
  for (int i = 0; i < 2000; ++i) deep = Json{{"not", std::move(deep)}};
  EXPECT_EQ(grammar_of(deep).error().code(), ErrorCode::kResourceExhausted);
  Json many = {{"type", "object"}};
  for (int i = 0; i < 40; ++i) {
    many["anyOf"].push_back({{"required", {fmt::format("a{}", i)}}});
    many["allOf"].push_back({{"anyOf", Json::array({{{"required", {fmt::format("b{}", i)}}},
                                                    {{"required", {fmt::format("c{}", i)}}}})}});
  }
  EXPECT_EQ(grammar_of(many).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refusal_of(R"({"type": "string", "minLength": 900000000})").code(),
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(refusal_of(R"({"type": "array", "minItems": 900000000})").code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refusal_of(R"({"type": "string", "pattern": "((a{90}){90}){90}"})").code(),
            ErrorCode::kResourceExhausted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

// Work that grows with the square of the schema, or faster, is bounded.
TEST(JsonSchema, CostlyConditions_AreRefusedSoon) {
  const auto repeated = [](const char* keyword, size_t n, const auto& schema_of) {
    Json schema;
    for (size_t i = 0; i < n; ++i) schema[keyword].push_back(schema_of(i));
    return schema;
  };
  const std::vector<Json> schemas{
      repeated("oneOf", 300,
               [](size_t i) {
                 return Json{{"type", "object"}, {"required", {fmt::format("a{}", i)}}};
               }),
      repeated("oneOf", 300,
               [](size_t i) {
                 return Json{{"type", "integer"}, {"minimum", i}};
               }),
      repeated("anyOf", 300,
               [](size_t i) {
                 return Json{{"type", "integer"}, {"multipleOf", i + 1}};
               }),
      {{"type", "object"},
       {"patternProperties",
        [] {
          Json patterns;
          for (char c = 'a'; c <= 'l'; ++c) patterns[std::string(1, c)] = {{"maxLength", c - 'a'}};
          return patterns;
        }()}},
      {{"type", "string"}, {"not", {{"pattern", "(a|b)*a(a|b){13}$"}}}}};
  for (const Json& schema : schemas) {
    const std::string text = schema.dump().substr(0, 80);
    const std::clock_t begin = std::clock();
    const auto grammar = grammar_of(schema);
    ASSERT_FALSE(grammar) << text;
    EXPECT_EQ(grammar.error().code(), ErrorCode::kResourceExhausted) << text << grammar.error().message();
    EXPECT_LT(std::clock() - begin, 20 * CLOCKS_PER_SEC) << text;  // a quarter of a second, but for checkers
  }
}

TEST(JsonSchema, ManyAlternatives_ThatAreToldApart_AreTaken) {
  Json constants;
  Json numbers;
  Json objects;
  for (int i = 0; i < 300; ++i) {
    constants["oneOf"].push_back({{"const", fmt::format("v{}", i)}, {"title", "a name"}});
    numbers["oneOf"].push_back({{"const", i}});
    objects["$defs"][fmt::format("d{}", i)] = {
        {"type", "object"},
        {"properties",
         {{"kind", {{"const", fmt::format("k{}", i)}}},
          {"next", {{"$ref", fmt::format("#/$defs/d{}", (i + 1) % 300)}}}}},
        {"required", {"kind"}},
        {"additionalProperties", false}};
    objects["oneOf"].push_back({{"$ref", fmt::format("#/$defs/d{}", i)}});
  }
  GrammarUnderTest texts(grammar_of(constants).value());
  EXPECT_TRUE(texts.matches(R"("v299")"));
  EXPECT_FALSE(texts.matches(R"("v300")"));
  GrammarUnderTest digits(grammar_of(numbers).value());
  EXPECT_TRUE(digits.matches("299"));
  EXPECT_FALSE(digits.matches("300"));
  const auto grammar = grammar_of(objects);
  ASSERT_TRUE(grammar) << grammar.error().message();
  GrammarUnderTest kinds(*grammar);
  EXPECT_TRUE(kinds.matches(R"({"kind":"k7","next":{"kind":"k8"}})"));
  EXPECT_FALSE(kinds.matches(R"({"kind":"k7","next":{"kind":"k9"}})"));
}

TEST(JsonSchema, LargeSchemas_AreTaken) {
  Json schema = {{"type", "object"}, {"additionalProperties", false}};
  for (int i = 0; i < 300; ++i) schema["properties"][fmt::format("name{}", i)] = {{"type", "string"}};
  for (int i = 0; i < 1000; ++i) schema["properties"]["name7"]["enum"].push_back(fmt::format("value {}", i));
  const auto grammar = grammar_of(schema);
  ASSERT_TRUE(grammar) << grammar.error().message();
  GrammarUnderTest text(*grammar);
  EXPECT_TRUE(text.matches(R"({"name0":"x","name7":"value 999","name299":""})"));
  EXPECT_FALSE(text.matches(R"({"name7":"value"})"));
}

TEST(JsonSchema, AnyValue_IsAny) {
  GrammarBuilder builder;
  const auto value = add_json_value(builder);
  const auto object = add_json_object(builder);
  GrammarUnderTest values(builder.build(value).value());
  GrammarUnderTest objects(builder.build(object).value());
  for (const char* text : {"null", "true", "-1.5", R"("x")", "[]", "{}", R"([{"a":[1,{"b":null}]},"x"])"})
    EXPECT_TRUE(values.matches(text)) << text;
  for (const char* text : {"", "nul", "[1 2]", "{1:2}", R"({"a"})", "[[]"})
    EXPECT_FALSE(values.matches(text)) << text;
  EXPECT_TRUE(objects.matches(R"({"a":[{}]})"));
  EXPECT_FALSE(objects.matches("[]"));
}

}  // namespace
}  // namespace hearth::text::grammar
