#include "server/http/server.h"

#include <gtest/gtest.h>

#include "server/http/tiny_routes_fixture.h"

namespace hearth::server::http {
namespace {

using std::chrono::milliseconds;

// Far less than any time-out, and enough for a machine that is busy.
constexpr milliseconds kSoon{2000};

struct ServerTest : testing::Test {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  ServerOptions options;
  std::unique_ptr<LiveServer> server;

  void start() { server = std::make_unique<LiveServer>(tiny_router(seen), options); }
};

TEST_F(ServerTest, GoodRequests_AreAnsweredOneAfterTheOther) {
  start();
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    const RawResponse response = client.ask(kGet);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "alive");
    EXPECT_EQ(response.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.header("Cache-Control"), "no-store");
    EXPECT_EQ(response.header("Vary"), "Origin");
    EXPECT_EQ(response.header("X-Request-Id").value_or("").size(), 28u);
    EXPECT_EQ(response.header("Server"), std::nullopt);
  }
  EXPECT_EQ(server->stats().n_accepted, 1u);
}

TEST_F(ServerTest, PipelinedRequests_AreAllAnsweredInOrder) {
  start();
  RawClient client(server->port());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests +=
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n" + std::to_string(10 + i);
  }
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.response().body, std::to_string(10 + i));
}

TEST_F(ServerTest, PipelinedBehindAStream_IsNoDisconnect) {
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string(kGet)));
  EXPECT_EQ(client.response().body, "one\ntwo\n");
  EXPECT_EQ(client.response().body, "alive");
}

TEST_F(ServerTest, ChunkedBody_ByteByByte_Arrives) {
  start();
  RawClient client(server->port());
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n";
  for (const char c : request) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.response().body, "hello!");
  const std::string empty =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (const char c : empty) {
    ASSERT_TRUE(client.send({&c, 1}));
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(client.response().status, 200);
}

TEST_F(ServerTest, ExpectContinue_IsToldToGoOn) {
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  ASSERT_TRUE(client.receive_until("\r\n\r\n"));
  EXPECT_EQ(client.buffer(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.buffer().clear();
  EXPECT_EQ(client.ask("abc").body, "abc");
}

TEST_F(ServerTest, Head_GetsTheHeadOnly) {
  start();
  RawClient client(server->port());
  const RawResponse response = client.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("Content-Length"), "5");
  EXPECT_EQ(client.ask("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n", true).status, 200);
  EXPECT_EQ(client.ask(kGet).body, "alive");
}

TEST_F(ServerTest, Http10_GetsABodyThatTheEndOfTheConnectionEnds) {
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send("GET /stream HTTP/1.0\r\n\r\n"));
  const std::string all = client.receive_all();
  EXPECT_EQ(all.find("Transfer-Encoding"), std::string::npos);
  EXPECT_TRUE(all.ends_with("\r\n\r\none\ntwo\n")) << all;
}

TEST_F(ServerTest, UnknownPathAndMethod_AreToldSo) {
  start();
  RawClient client(server->port());
  EXPECT_EQ(client.ask("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 404);
  const RawResponse wrong = client.ask("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(client.ask("PATCH / HTTP/1.1\r\nHost: localhost\r\n\r\n").header("Allow"), "GET, HEAD, OPTIONS");
  const RawResponse anthropic = client.ask("POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(anthropic.status, 404);
  EXPECT_NE(anthropic.body.find("\"type\":\"error\""), std::string::npos);
  EXPECT_EQ(anthropic.header("request-id"), anthropic.header("X-Request-Id"));
  EXPECT_NE(client.ask("GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n").body.find("\"param\":null"),
            std::string::npos);
}

TEST_F(ServerTest, AdminWithoutAKey_Is401) {
  start();
  RawClient client(server->port());
  const RawResponse response =
      client.ask("GET /admin HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n");
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(response.header("WWW-Authenticate"));
}

TEST_F(ServerTest, HandlerThatFails_Is500WithoutItsReason) {
  start();
  RawClient client(server->port());
  for (const char* path : {"/throw", "/nothing"}) {
    RawClient failing(server->port());
    const RawResponse response =
        failing.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(response.status, 500) << path;
    EXPECT_EQ(response.body, R"({"error":"internal error"})");
  }
  RawClient broken(server->port());
  EXPECT_EQ(broken.ask("GET /broken-stream HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 0);
  EXPECT_EQ(client.ask(kGet).status, 200);
}

TEST_F(ServerTest, ClientThatGoesAway_IsNoticedWhileTheHandlerWaits) {
  start();
  for (const bool reset : {false, true}) {
    seen->disconnected = {};
    auto noticed = seen->disconnected.get_future();
    RawClient client(server->port());
    ASSERT_TRUE(client.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    ASSERT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_requests_in_flight == 1; }));
    const auto left = std::chrono::steady_clock::now();
    reset ? client.reset() : client.close();
    ASSERT_EQ(noticed.wait_for(std::chrono::seconds(5)), std::future_status::ready);
    EXPECT_LT(noticed.get() - left, kSoon);
    EXPECT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_connections == 0; }));
  }
}

TEST_F(ServerTest, ClientThatSentFarAheadAndGoesAway_IsNoticedToo) {
  start();
  auto noticed = seen->disconnected.get_future();
  RawClient client(server->port());
  ASSERT_TRUE(client.send("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  ASSERT_TRUE(client.send(std::string(100'000, 'x')));
  ASSERT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_requests_in_flight == 1; }));
  std::this_thread::sleep_for(milliseconds(20));
  const auto left = std::chrono::steady_clock::now();
  client.end();
  ASSERT_EQ(noticed.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  EXPECT_LT(noticed.get() - left, kSoon);
}

}  // namespace
}  // namespace hearth::server::http
