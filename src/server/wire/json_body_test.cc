#include "server/wire/json_body.h"

#include <gtest/gtest.h>

namespace hearth::server::wire {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_json(text);
  return parsed ? "" : parsed.error().message;
}

std::string nested(size_t depth, char open, char close) {
  return std::string(depth, open) + std::string(depth, close);
}

TEST(ParseJson, DuplicateKeys_KeepFirstPlaceAndLastValue) {
  const auto json = parse_json(R"({"b":1,"a":{"x":1,"x":[2]},"b":3,"c":4,"b":5})");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), R"({"b":5,"a":{"x":[2]},"c":4})");
}

TEST(ParseJson, Scalars_KeepTheirTypes) {
  EXPECT_EQ(parse_json("[1,-2,1.5,true,null,\"\\u00e9\",18446744073709551615]")->dump(),
            "[1,-2,1.5,true,null,\"\u00e9\",18446744073709551615]");
}

TEST(ParseJson, Depth_UpToTheLimitAndNoFurther) {
  EXPECT_TRUE(parse_json(nested(128, '[', ']')));
  EXPECT_EQ(error_of(nested(129, '[', ']')), "the request body is nested more than 128 deep");
  EXPECT_EQ(error_of(nested(1'000'000, '[', ']')), "the request body is nested more than 128 deep");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(error_of(objects), "the request body is nested more than 128 deep");
}

TEST(ParseJson, Values_UpToTheLimitAndNoFurther) {
  const JsonLimits limits{.depth = 4, .values = 4};
  EXPECT_TRUE(parse_json("[1,2,3]", limits));
  EXPECT_FALSE(parse_json("[1,2,3,4]", limits));
  EXPECT_FALSE(parse_json(R"({"a":1,"b":[2,3],"c":4})", limits));
}

TEST(ParseJson, ManyKeys_TakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += fmt::format("\"{}\":0,", i);
  const auto json = parse_json(text + "\"7\":1}");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->size(), 100'000U);
}

TEST(ParseJson, Broken_SaysWhere) {
  EXPECT_EQ(error_of("{\"a\": }"),
            "the request body is not valid JSON: the text is broken, or no UTF-8, at byte 7 (line 1)");
  EXPECT_EQ(error_of("{\"a\": 1"), "the request body is not valid JSON: it ends too early");
  EXPECT_EQ(error_of("{\n\n\"a\": 1e999}"),
            "the request body is not valid JSON: a number is too large at byte 13 (line 3)");
  for (const char* text :
       {"", "nul", "[1,]", "{\"a\"}", "{} {}", "\"\xFF\"", "\"\\ud800\"", "NaN", "Infinity", "'a'", "{a:1}",
        "/**/1", "\"\n\"", "01", "+1", "\xEF\xBB", "\"\xC0\x80\""}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(JsonBody, WhatIsNoObject_IsRefused) {
  for (const char* body : {"", " \r\n\t"})
    EXPECT_EQ(JsonBody::parse(body).error().message, "missing request body");
  EXPECT_EQ(JsonBody::parse("[]").error().message, "the request body: expected a JSON object, found a list");
  EXPECT_EQ(JsonBody::parse("\"x\"").error().message,
            "the request body: expected a JSON object, found \"x\"");
  EXPECT_EQ(JsonBody::parse("{").error().status, 400);
}

// What reading `name` by `read` says of the body.
template <typename Read>
std::string complaint(std::string_view text, Read read) {
  auto body = JsonBody::parse(text);
  EXPECT_TRUE(body) << text;
  if (!body) return "";
  read(body->root());
  const auto checked = body->check();
  return checked ? "" : checked.error().message;
}

TEST(Field, RightTypes_AreRead) {
  auto body = JsonBody::parse(
      R"({"s":"x","b":true,"i":40.0,"n":0.5,"l":["a","b"],"ids":[1,2],"o":{"k":{"z":-1}},"null":null})");
  ASSERT_TRUE(body);
  const JsonBody& b = *body;
  EXPECT_EQ(b["s"].string(), "x");
  EXPECT_EQ(b["b"].boolean(), true);
  EXPECT_EQ(b["i"].integer(), 40);
  EXPECT_EQ(b["n"].number({0, 1, ""}), 0.5);
  EXPECT_EQ(b["l"].strings(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(b["s"].string_or_strings(), std::vector<std::string>{"x"});
  EXPECT_EQ(b["ids"].ids(), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(b["o"]["k"]["z"].integer(), -1);
  for (const char* absent : {"null", "none"}) {
    EXPECT_FALSE(b[absent].present());
    EXPECT_FALSE(b[absent].string());
    EXPECT_FALSE(b[absent].integer());
    EXPECT_FALSE(b[absent]["k"].number({0, 1, ""}));
    EXPECT_TRUE(b[absent].strings().empty());
  }
  EXPECT_TRUE(body->check());
}

TEST(Field, WrongTypes_NamePathExpectationAndFinding) {
  EXPECT_EQ(complaint(R"({"o":{"k":"x"}})", [](const Field& f) { (void)f["o"]["k"].integer(); }),
            "o.k: expected an integer, found \"x\"");
  EXPECT_EQ(complaint(R"({"o":{"k":40.5}})", [](const Field& f) { (void)f["o"]["k"].integer(); }),
            "o.k: expected an integer, found 40.5");
  EXPECT_EQ(complaint(R"({"k":21})", [](const Field& f) { (void)f["k"].integer(0, 20); }),
            "k: expected an integer from 0 to 20, found 21");
  EXPECT_EQ(complaint(R"({"k":"1"})", [](const Field& f) { (void)f["k"].boolean(); }),
            "k: expected true or false, found \"1\"");
  EXPECT_EQ(complaint(R"({"k":2})",
                      [](const Field& f) {
                        (void)f["k"].number({0, 1, "a number from 0 to 1"});
                      }),
            "k: expected a number from 0 to 1, found 2");
  EXPECT_EQ(complaint(R"({"k":["a",{}]})", [](const Field& f) { (void)f["k"].strings(); }),
            "k[1]: expected a string, found an object");
  EXPECT_EQ(complaint(R"({"k":["a",null]})", [](const Field& f) { (void)f["k"].strings(); }),
            "k[1]: expected a string, found null");
  EXPECT_EQ(complaint(R"({"k":[1,-1]})", [](const Field& f) { (void)f["k"].ids(); }),
            "k[1]: expected a token id, an integer of 0 or more, found -1");
  EXPECT_EQ(complaint(R"({"k":7})", [](const Field& f) { (void)f["k"]["x"]; }),
            "k: expected an object, found 7");
  EXPECT_EQ(complaint(R"({"k":{}})", [](const Field& f) { (void)f["k"].items(); }),
            "k: expected a list, found an object");
  EXPECT_EQ(complaint("{}", [](const Field& f) { (void)f["k"].required(); }), "k: is required");
}

TEST(Field, HugeNumbers_AreNoIntegers) {
  for (const char* number : {"9223372036854775808", "-9223372036854775809", "1e308", "-1e308",
                             "18446744073709551616", "1e19", "18446744073709551615"}) {
    EXPECT_NE(complaint(fmt::format("{{\"k\":{}}}", number), [](const Field& f) { (void)f["k"].integer(); }),
              "")
        << number;
  }
}

TEST(Field, FirstProblem_IsTheOneThatIsTold) {
  auto body = JsonBody::parse(R"({"a":1,"b":2})");
  ASSERT_TRUE(body);
  (void)(*body)["a"].string();
  (void)(*body)["b"].string();
  EXPECT_EQ(body->check().error().message, "a: expected a string, found 1");
  EXPECT_EQ(body->check().error().field, "a");
}

TEST(Field, LongNamesAndTexts_AreCutInMessages) {
  const std::string longer(100'000, 'x');
  const std::string message =
      complaint(fmt::format(R"({{"{}":{{"k":"{}"}}}})", longer, longer), [](const Field& f) {
        for (const auto& [name, field] : f.members()) (void)field["k"].integer();
      });
  EXPECT_FALSE(message.empty());
  EXPECT_LT(message.size(), 400U);
}

}  // namespace
}  // namespace hearth::server::wire
