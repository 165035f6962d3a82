#include "server/http/target.h"

#include <gtest/gtest.h>

namespace hearth::server::http {
namespace {

std::string path_of(std::string_view raw) {
  const auto target = parse_target(raw);
  return target ? target->path : "refused";
}

TEST(ParseTarget, Escapes_AreDecoded) {
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/a%20b"), "/a b");
  EXPECT_EQ(path_of("/a+b"), "/a+b");
  EXPECT_EQ(path_of("/v1/models/hf.co%2Fuser%2frepo"), "/v1/models/hf.co/user/repo");
  EXPECT_EQ(path_of("/%C3%A9%E2%82%AC%F0%9F%94%A5"), "/é€🔥");
  EXPECT_EQ(path_of("/%25%32%65"), "/%2e");
  EXPECT_EQ(path_of("/...") + path_of("/..a") + path_of("/a.."), "/.../..a/a..");
}

TEST(ParseTarget, WhatIsNoPath_IsRefused) {
  for (const char* raw : {"",          "*",          "a",           "a/b",           "http://x/",
                          "/%",        "/%4",        "/%zz",        "/%4g",          "/%+1",
                          "/%u0041",   "/a%00b",     "/%0a",        "/%0D%0A",       "/%1f",
                          "/%7f",      "/%ff",       "/%C3",        "/%C3%28",       "/%c0%ae",
                          "/%c0%af",   "/%e0%80%af", "/%ed%a0%80",  "/%f4%90%80%80", "/%f8%88%80%80%80",
                          "/a b",      "/a\tb",      "/a#b",        "/\xC3\xA9",     "/a\x01",
                          "/.",        "/..",        "/a/..",       "/a/../b",       "/./a",
                          "/%2e%2e/a", "/.%2e",      "/a%2f..%2fb", "/%2E"}) {
    EXPECT_EQ(path_of(raw), "refused") << raw;
  }
}

TEST(ParseTarget, Query_IsDecodedInItsOrder) {
  const auto target = parse_target("/a?x=1&y=a+b%26c&x=2&flag&=v&&e=%C3%A9=");
  ASSERT_TRUE(target);
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"x", "1"}, {"y", "a b&c"}, {"x", "2"}, {"flag", ""}, {"", "v"}, {"e", "é="}};
  EXPECT_EQ(target->query, expected);
  EXPECT_EQ(target->path, "/a");
  for (const char* raw : {"/a?x=%", "/a?x=%00", "/a?%ff=1"}) EXPECT_FALSE(parse_target(raw)) << raw;
  std::string many = "/a?";
  for (int i = 0; i < 101; ++i) many += "a&";
  EXPECT_FALSE(parse_target(many));
}

TEST(SplitAbsoluteTarget, AbsoluteForm_IsTakenApart) {
  const SplitTarget split = split_absolute_target("http://localhost:80/a?b");
  EXPECT_EQ(split.scheme, "http");
  EXPECT_EQ(split.authority, "localhost:80");
  EXPECT_EQ(split.origin_form, "/a?b");
  EXPECT_EQ(split_absolute_target("http://x").origin_form, "/");
  EXPECT_EQ(split_absolute_target("/a?u=http://x").origin_form, "/a?u=http://x");
  EXPECT_EQ(split_absolute_target("/a?u=http://x").scheme, "");
}

}  // namespace
}  // namespace hearth::server::http
