#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "cli/client/client_commands.h"
#include "cli/client/columns.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"

namespace hearth::cli {
namespace {

using Json = HttpClient::Json;

// --- Addresses
// ----------------------------------------------------------------------------------------------

TEST(ServerAddress, WhatPeopleWrite_IsUnderstood) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"", "http://127.0.0.1:11434"},
      {"example.org", "http://example.org:11434"},
      {"example.org:80", "http://example.org:80"},
      {":8080", "http://127.0.0.1:8080"},
      {"0.0.0.0", "http://127.0.0.1:11434"},
      {"[::1]:99", "http://[::1]:99"},
      {"::1", "http://[::1]:11434"},
      {"http://example.org", "http://example.org:80"},
      {"https://example.org", "https://example.org:443"},
      {"https://example.org:8443/hearth/", "https://example.org:8443/hearth"}};
  for (const auto& [text, url] : cases) {
    const auto address = parse_server_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->url, url);
  }
}

TEST(ServerAddress, Loopback_IsKnownAsSuch) {
  for (const char* text : {"", "localhost", "127.0.0.5:1", "::1", "http://[::1]", ":1"})
    EXPECT_TRUE(parse_server_address(text)->is_loopback) << text;
  for (const char* text : {"example.org", "10.0.0.1", "https://localhost.example.org"})
    EXPECT_FALSE(parse_server_address(text)->is_loopback) << text;
}

TEST(ServerAddress, WhatIsNone_IsRefused) {
  for (const char* text :
       {"ftp://a", "http://", "a:99999", "a b", "http://a?x=1", "http://u@a", "a:b:c d", "file:///x"})
    EXPECT_FALSE(parse_server_address(text)) << text;
}

// --- Fields of answers
// ------------------------------------------------------------------------------------------------------

TEST(JsonAccess, Parts_AreOfTheAnswerItself) {
  const Json answer{{"models", {1, 2}}, {"details", {{"a", 1}}}};
  EXPECT_EQ(&items_of(answer, "models"), &answer["models"]);
  EXPECT_EQ(&object_of(answer, "details"), &answer["details"]);
}

TEST(JsonAccess, PartsOfAnotherKind_AreEmpty) {
  const Json answer{{"models", "none"}, {"details", {1}}};
  for (const char* name : {"models", "absent"}) EXPECT_EQ(items_of(answer, name), Json::array()) << name;
  for (const char* name : {"details", "absent"}) EXPECT_EQ(object_of(answer, name), Json::object()) << name;
}

// --- Columns and times
// --------------------------------------------------------------------------------------

TEST(Columns, AreAsWideAsTheirWidestText) {
  EXPECT_EQ(format_columns({{"NAME", "ID"}, {"\u00e9t\u00e9", "x"}, {"a\x1b[31m", "y"}}),
            "NAME         ID\n\u00e9t\u00e9          x\na\\x1b[31m    y\n");
}

TEST(Timestamp, Rfc3339_IsParsed) {
  using std::chrono::seconds;
  const auto at = [](int64_t s) { return WallClock::time_point(seconds(s)); };
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:01Z"), at(1));
  EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20.123456789Z"), at(1'700'000'000));
  EXPECT_EQ(parse_timestamp("2023-11-14T23:13:20+01:00"), at(1'700'000'000));
  EXPECT_EQ(parse_timestamp("2023-11-14T15:13:20.5-07:00"), at(1'700'000'000));
  EXPECT_EQ(parse_timestamp("9999-12-31T23:59:59Z"), WallClock::time_point::max());
  for (const char* text : {"", "2023", "2023-13-01T00:00:00Z", "2023-02-30T00:00:00Z", "2023-11-14T24:00:00Z",
                           "2023-11-14T22:13:20", "2023-11-14T22:13:20.", "2023-11-14 22:13:20+1:00"})
    EXPECT_FALSE(parse_timestamp(text)) << text;
}

TEST(RelativeTime, SaysWhatPeopleSay) {
  using namespace std::chrono_literals;
  const WallClock::time_point now(1'700'000'000s);
  EXPECT_EQ(relative_time(now, now), "Less than a second ago");
  EXPECT_EQ(relative_time(now - 1s, now), "1 second ago");
  EXPECT_EQ(relative_time(now - 119s, now), "119 seconds ago");
  EXPECT_EQ(relative_time(now + 4min + 59s, now), "4 minutes from now");
  EXPECT_EQ(relative_time(now - 49h, now), "2 days ago");
  EXPECT_EQ(relative_time(now - 24h * 800, now), "2 years ago");
  EXPECT_EQ(relative_time(WallClock::time_point::max(), now), "Forever");
}

TEST(ServerModel, NamesArePaths_WhereTheyLookLikeOne) {
  for (const char* name : {"qwen3", "qwen3:4b", "hf.co/user/repo:Q4_K_M"})
    EXPECT_TRUE(is_server_model(name)) << name;
  for (const char* path : {"x.gguf", "./x", "/x", "../x", "~/x", "folder/x.safetensors", "", "/tmp"})
    EXPECT_FALSE(is_server_model(path)) << path;
}

// --- Requests
// -----------------------------------------------------------------------------------------------

// A server that gives one answer to one request.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer)
      : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = fmt::format("http://127.0.0.1:{}", ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() {
    shutdown(listener_, SHUT_RDWR);
    close(listener_);
    if (thread_.joinable()) thread_.join();
  }

  const std::string& url() const { return url_; }
  // The request, once it was answered.
  const std::string& request() {
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  void serve() {
    const int peer = accept(listener_, nullptr, nullptr);
    if (peer < 0) return;
    char buffer[4096];
    while (!is_whole()) {
      const ssize_t n = read(peer, buffer, sizeof(buffer));
      if (n <= 0) break;
      request_.append(buffer, static_cast<size_t>(n));
    }
    EXPECT_EQ(send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL), static_cast<ssize_t>(answer_.size()));
    close(peer);
  }
  bool is_whole() const {
    const size_t head = request_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const size_t length = request_.find("Content-Length: ");
    if (length == std::string::npos) return true;
    const auto body = static_cast<size_t>(std::atoi(request_.c_str() + length + 16));
    return request_.size() >= head + 4 + body;
  }

  std::string answer_;
  int listener_;
  std::string url_;
  std::string request_;
  std::thread thread_;
};

std::string answer(int status, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", status,
                     body.size(), body);
}

HttpClient client_of(const OneAnswer& server, std::string key = "") {
  return {*parse_server_address(server.url()), std::move(key)};
}

TEST(HttpClient, Post_SendsBodyAndKey) {
  OneAnswer server(answer(200, R"({"a":1})"));
  const auto got = client_of(server, "sk-x").post("/api/show", {{"model", "m"}});
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->dump(), R"({"a":1})");
  EXPECT_TRUE(server.request().starts_with("POST /api/show HTTP/1.1\r\n"));
  EXPECT_NE(server.request().find("Authorization: Bearer sk-x\r\n"), std::string::npos);
  EXPECT_NE(server.request().find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_TRUE(server.request().ends_with("\r\n\r\n{\"model\":\"m\"}"));
}

TEST(HttpClient, LoopbackServer_IsNotAskedThroughAProxy) {
  setenv("http_proxy", "http://127.0.0.1:9", 1);
  OneAnswer server(answer(200, "{}"));
  EXPECT_TRUE(client_of(server).get("/api/ps"));
  unsetenv("http_proxy");
}

TEST(HttpClient, ErrorAnswers_HaveTheServersMessage) {
  const std::vector<std::pair<int, ErrorCode>> cases{{404, ErrorCode::kNotFound},
                                                     {400, ErrorCode::kInvalidArgument},
                                                     {503, ErrorCode::kUnavailable},
                                                     {500, ErrorCode::kIo}};
  for (const auto& [status, code] : cases) {
    OneAnswer server(answer(status, R"({"error":"why"})"));
    const auto got = client_of(server).get("/x");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), code);
    EXPECT_EQ(got.error().message(), "why");
  }
  OneAnswer openai(answer(401, R"({"error":{"message":"no key"}})"));
  EXPECT_EQ(client_of(openai).get("/x").error().message(),
            "no key (HEARTH_API_KEY holds the key that is sent)");
  OneAnswer html(answer(502, "<html>"));
  EXPECT_EQ(client_of(html).get("/x").error().message(), "the server answered 502: <html>");
}

TEST(HttpClient, AnswerThatIsNoObject_IsMalformed) {
  for (const char* body : {"", "[]", "<html>", "{"}) {
    OneAnswer server(answer(200, body));
    EXPECT_EQ(client_of(server).get("/x").error().code(), ErrorCode::kMalformed) << body;
  }
}

TEST(HttpClient, Lines_AreGivenAsTheyCome) {
  std::vector<std::string> lines;
  const auto collect = [&lines](const Json& line) -> Result<void> {
    lines.push_back(line.dump());
    return {};
  };
  OneAnswer whole(answer(200, "{\"a\":1}\n\n{\"a\":2}\n{\"a\":3}"));
  EXPECT_TRUE(client_of(whole).post_for_lines("/x", Json::object(), collect));
  EXPECT_EQ(lines, (std::vector<std::string>{R"({"a":1})", R"({"a":2})", R"({"a":3})"}));
  OneAnswer failing(answer(200, "{\"a\":1}\n{\"error\":\"died\"}\n"));
  EXPECT_EQ(client_of(failing).post_for_lines("/x", Json::object(), collect).error().message(), "died");
  OneAnswer refused(answer(404, R"({"error":"model 'x' not found"})"));
  EXPECT_EQ(client_of(refused).post_for_lines("/x", Json::object(), collect).error().message(),
            "model 'x' not found");
  OneAnswer broken(answer(200, "oops\n"));
  EXPECT_EQ(client_of(broken).post_for_lines("/x", Json::object(), collect).error().code(),
            ErrorCode::kMalformed);
}

TEST(HttpClient, NoServer_SaysHowToStartOne) {
  std::string url;
  {
    const OneAnswer gone("");
    url = gone.url();
  }
  const HttpClient client(*parse_server_address(url), "");
  const auto got = client.get("/api/ps");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(got.error().message(), fmt::format("no server at {}; start one with `hearth serve`", url));
}

TEST(HttpClient, KeyThatIsNoHeader_IsRefused) {
  setenv("HEARTH_API_KEY", "a\r\nX: y", 1);
  EXPECT_FALSE(HttpClient::from_environment());
  unsetenv("HEARTH_API_KEY");
}

TEST(RemoteRun, Chat_SendsThePromptAndWritesTheAnswer) {
  OneAnswer server(answer(200,
                          "{\"message\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"done\":false}\n"
                          "{\"message\":{\"role\":\"assistant\",\"content\":\"lo\"},\"done\":false}\n"
                          "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true}\n"));
  setenv("HEARTH_HOST", server.url().c_str(), 1);
  RemoteRun run{.model = "tiny",
                .prompt = "hi",
                .system = "be brief",
                .parameters = {},
                .raw = false,
                .verbose = false};
  run.parameters.sampling.top_k = 3;
  run.parameters.stop = {"x"};
  run.constraint.emplace().set_json_schema(R"({"z":{},"a":{}})");
  const Console console(ColorMode::kNever, true);
  const BackendFactory no_backend;
  const GemmFactory no_gemm;
  testing::internal::CaptureStdout();
  const Result<void> done = run_remote(run, {console, no_backend, no_gemm});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "Hello\n");
  EXPECT_TRUE(done);
  EXPECT_TRUE(server.request().ends_with(
      R"({"model":"tiny","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}],)"
      R"("options":{"top_k":3,"stop":["x"]},"format":{"z":{},"a":{}}})"))
      << server.request();
  unsetenv("HEARTH_HOST");
}

TEST(RemoteRun, AnswerWithoutItsEnd_IsAnError) {
  OneAnswer server(answer(200, "{\"message\":{\"content\":\"Hel\"},\"done\":false}\n"));
  setenv("OLLAMA_HOST", server.url().c_str(), 1);
  const RemoteRun run{
      .model = "tiny", .prompt = "hi", .system = "", .parameters = {}, .raw = false, .verbose = false};
  const Console console(ColorMode::kNever, true);
  const BackendFactory no_backend;
  const GemmFactory no_gemm;
  testing::internal::CaptureStdout();
  const Result<void> done = run_remote(run, {console, no_backend, no_gemm});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "Hel");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message(), "the server's answer ended early");
  unsetenv("OLLAMA_HOST");
}

}  // namespace
}  // namespace hearth::cli
