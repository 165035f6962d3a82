#include "server/http/router.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::server::http {
namespace {

Route route(Method method, std::string pattern) {
  return {.method = method, .pattern = std::move(pattern), .handler = {}};
}

TEST(Router, FixedPath_MatchesItselfOnly) {
  Router router;
  router.add(route(Method::kGet, "/api/tags"));
  EXPECT_NE(router.match(Method::kGet, "/api/tags").route, nullptr);
  for (const char* path :
       {"/api/tags/", "/api", "/api/tagsx", "api/tags", "", "/", "//api/tags", "/API/tags"}) {
    EXPECT_EQ(router.match(Method::kGet, path).route, nullptr) << path;
  }
}

TEST(Router, Parameter_TakesOneSegment) {
  Router router;
  router.add(route(Method::kGet, "/v1/models/{id}"));
  const auto match = router.match(Method::kGet, "/v1/models/tiny:latest");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.parameters, std::vector<std::string>{"tiny:latest"});
  EXPECT_EQ(router.match(Method::kGet, "/v1/models/a/b").route, nullptr);
  EXPECT_EQ(router.match(Method::kGet, "/v1/models/").route, nullptr);
}

TEST(Router, RestParameter_TakesSlashesToo) {
  Router router;
  router.add(route(Method::kGet, "/v1/models/{id...}"));
  const auto match = router.match(Method::kGet, "/v1/models/hf.co/user/repo");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.parameters, std::vector<std::string>{"hf.co/user/repo"});
  EXPECT_EQ(router.match(Method::kGet, "/v1/models/").route, nullptr);
}

TEST(Router, Get_AnswersHeadToo) {
  Router router;
  router.add(route(Method::kGet, "/"));
  EXPECT_NE(router.match(Method::kHead, "/").route, nullptr);
}

TEST(Router, KnownPathWithAnotherMethod_SaysWhichAreAllowed) {
  Router router;
  router.add(route(Method::kPost, "/api/chat"));
  router.add(route(Method::kPut, "/api/chat"));
  const auto match = router.match(Method::kGet, "/api/chat");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, (std::vector<Method>{Method::kPost, Method::kPut}));
}

TEST(ErrorResponse, EachDialect_HasItsOwnShape) {
  using nlohmann::json;
  EXPECT_EQ(json::parse(error_response(Dialect::kOllama, 404, "no \"x\"", "r").body),
            json({{"error", "no \"x\""}}));
  const json openai = json::parse(error_response(Dialect::kOpenAi, 400, "bad", "r").body);
  EXPECT_EQ(
      openai,
      json::parse(R"({"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}})"));
  const json anthropic = json::parse(error_response(Dialect::kAnthropic, 503, "busy", "req_1").body);
  EXPECT_EQ(
      anthropic,
      json::parse(
          R"({"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"req_1"})"));
}

TEST(ErrorResponse, BytesThatAreNoUtf8_AreReplaced) {
  EXPECT_NO_THROW(error_response(Dialect::kOllama, 400, "\xFF\xFE", "r"));
}

}  // namespace
}  // namespace hearth::server::http
