#include "base/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth {
namespace {

TEST(JsonText, Values_AreRead) {
  const auto json = parse_json(R"({"a": [1, 2.5, "x", null, true], "b": {"a": 1}})");
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["a"][0], 1);
  EXPECT_EQ((*json)["b"]["a"], 1);
}

TEST(JsonText, WhatIsNotOneValue_SaysWhere) {
  for (const std::string& text :
       {std::string(""), std::string("{"), std::string("{} {}"), std::string("{}\0 ", 4),
        std::string("\"\xFF\""), std::string("{\"a\":1,}")}) {
    const auto json = parse_json(text);
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().code(), ErrorCode::kMalformed);
    EXPECT_NE(json.error().message().find("JSON: byte"), std::string::npos) << json.error().message();
  }
}

TEST(JsonText, KeyTwice_IsRefused) {
  const auto json = parse_json(R"({"a": {"b": 1, "c": 2, "b": 3}})");
  ASSERT_FALSE(json);
  EXPECT_NE(json.error().message().find("\"b\""), std::string::npos) << json.error().message();
}

TEST(JsonText, TooDeep_IsRefused) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(64)));
  for (const size_t depth : {65U, 5'000'000U}) {
    const auto json = parse_json(nested(depth));
    ASSERT_FALSE(json);
    EXPECT_EQ(json.error().code(), ErrorCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace hearth
