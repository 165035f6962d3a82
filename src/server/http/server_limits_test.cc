// Time-outs, overload, drain, memory.
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>

#include "server/http/tiny_routes_fixture.h"
#include "tests/support/sanitized.h"

namespace hearth::server::http {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

struct ServerLimitsTest : ::testing::Test {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  ServerOptions options;
  std::unique_ptr<LiveServer> server;

  void start() { server = std::make_unique<LiveServer>(tiny_router(seen), options); }
  bool wait_for_requests(size_t n) {
    return server->wait_for([n](const ServerStats& stats) { return stats.n_requests_in_flight == n; });
  }
};

constexpr std::string_view kWait = "GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n";

// One byte every ten milliseconds, until the server has had enough.
RawResponse drip(RawClient& client, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    pollfd answered{.fd = client.descriptor(), .events = POLLIN, .revents = 0};
    if (poll(&answered, 1, 10) > 0 || !client.send(bytes.substr(i, 1))) break;
  }
  return client.response();
}

TEST_F(ServerLimitsTest, SlowHead_IsCutThoughItGoesOn) {
  options.limits.head_time = milliseconds(100);
  start();
  RawClient client(server->port());
  const auto begin = Clock::now();
  const RawResponse response =
      drip(client, "GET / HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(1000, 'a'));
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.header("Connection"), "close");
  EXPECT_GE(Clock::now() - begin, milliseconds(90));
  EXPECT_LT(Clock::now() - begin, milliseconds(2000));
}

TEST_F(ServerLimitsTest, SlowBody_IsCutThoughItGoesOn) {
  options.limits.body_stall = milliseconds(100);
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n"));
  EXPECT_EQ(drip(client, std::string(1000, 'a')).status, 408);
}

TEST_F(ServerLimitsTest, LargeBodyThatKeepsComing_IsNotCut) {
  options.limits.body_stall = milliseconds(1000);
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10240\r\n\r\n"));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.send(std::string(2048, 'a')));
    std::this_thread::sleep_for(milliseconds(250));
  }
  EXPECT_EQ(client.response().body.size(), 10240u);
}

TEST_F(ServerLimitsTest, IdleConnection_IsClosed) {
  options.limits.idle = milliseconds(50);
  start();
  RawClient fresh(server->port());
  RawClient used(server->port());
  EXPECT_EQ(used.ask(kGet).status, 200);
  EXPECT_EQ(used.receive_all(), "");
  EXPECT_EQ(fresh.receive_all(), "");
  EXPECT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_connections == 0; }));
}

TEST_F(ServerLimitsTest, SlowReader_IsCut) {
  options.limits.write_stall = milliseconds(100);
  start();
  RawClient client(server->port(), 4096);
  ASSERT_TRUE(client.send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_TRUE(server->wait_for([&](const ServerStats&) { return !seen->all().empty(); }));
  EXPECT_EQ(seen->all(), std::vector<std::string>{"cut"});
  EXPECT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_connections == 0; }));
}

TEST_F(ServerLimitsTest, RequestsBeyondTheLimit_AreToldToRetry) {
  options.limits.n_requests_in_flight = 1;
  start();
  RawClient first(server->port());
  ASSERT_TRUE(first.send(kWait));
  ASSERT_TRUE(wait_for_requests(1));
  RawClient second(server->port());
  const RawResponse refused = second.ask(kWait);
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.header("Retry-After"));
  RawClient third(server->port());
  EXPECT_EQ(third.ask(kGet).status, 200);  // a public route
  first.close();
  ASSERT_TRUE(wait_for_requests(0));
}

TEST_F(ServerLimitsTest, ConnectionsBeyondTheLimit_AreToldToRetry) {
  options.limits.n_connections = 2;
  start();
  RawClient first(server->port());
  RawClient second(server->port());
  EXPECT_EQ(first.ask(kGet).status, 200);
  EXPECT_EQ(second.ask(kGet).status, 200);
  RawClient third(server->port());
  const RawResponse refused = third.ask(kGet);
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.header("Retry-After"));
  EXPECT_EQ(refused.header("Connection"), "close");
  third.close();
  second.close();
  ASSERT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_connections == 1; }));
  RawClient fourth(server->port());
  EXPECT_EQ(fourth.ask(kGet).status, 200);
  EXPECT_EQ(server->stats().n_turned_away, 1u);
}

TEST_F(ServerLimitsTest, BodiesBeyondTheLimits_AreRefused) {
  options.limits.body_bytes = 5000;
  options.limits.all_body_bytes = 3000;
  start();
  const auto post = [&](const std::string& headers, const std::string& body) {
    RawClient client(server->port());
    return client.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body).status;
  };
  EXPECT_EQ(post("Content-Length: 5001\r\n", std::string(5001, 'a')), 413);
  EXPECT_EQ(post("Transfer-Encoding: chunked\r\n", "1389\r\n" + std::string(5001, 'a')), 413);
  std::string zeros(100000, '\0');
  uLongf length = compressBound(zeros.size());
  std::string bomb(length, '\0');
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(bomb.data()), &length,
                     reinterpret_cast<const Bytef*>(zeros.data()), zeros.size()),
            Z_OK);
  bomb.resize(length);
  EXPECT_EQ(post("Content-Encoding: deflate\r\nContent-Length: " + std::to_string(length) + "\r\n", bomb),
            413);
  EXPECT_EQ(post("Transfer-Encoding: chunked\r\n", "bb8\r\n" + std::string(3000, 'a') + "\r\n100\r\naaa"),
            503);
  EXPECT_EQ(server->stats().body_bytes, 0u);
}

TEST_F(ServerLimitsTest, Drain_LetsAnswersFinishAndClosesTheIdle) {
  start();
  RawClient idle(server->port());
  ASSERT_EQ(idle.ask(kGet).status, 200);
  std::vector<std::unique_ptr<RawClient>> streams;
  for (int i = 0; i < 20; ++i) {
    streams.push_back(std::make_unique<RawClient>(server->port()));
    ASSERT_TRUE(streams.back()->send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    ASSERT_TRUE(streams.back()->receive_until("one"));
  }
  auto drained = server->drain(std::chrono::seconds(5));
  EXPECT_EQ(idle.receive_all(), "");
  for (auto& stream : streams) EXPECT_EQ(stream->response().body, "one\ntwo\n");
  EXPECT_EQ(drained.get(), 0u);
  EXPECT_FALSE(RawClient(server->port()).connected());
}

TEST_F(ServerLimitsTest, Drain_CutsWhatOutlastsTheGrace) {
  start();
  auto noticed = seen->disconnected.get_future();
  RawClient client(server->port());
  ASSERT_TRUE(client.send(kWait));
  ASSERT_TRUE(wait_for_requests(1));
  EXPECT_EQ(server->drain(milliseconds(30)).get(), 1u);
  EXPECT_EQ(noticed.wait_for(milliseconds(0)), std::future_status::ready);
  EXPECT_EQ(client.response().status, 0);
}

TEST_F(ServerLimitsTest, EachAnswer_IsTold) {
  std::vector<std::string> told;
  options.on_answered = [&](const Answered& answered) {
    told.push_back(fmt::format("{} {} [{}] {} {} {}", answered.request.path, answered.route_pattern,
                               answered.model, answered.status, answered.complete, answered.request.peer));
  };
  start();
  RawClient client(server->port());
  client.ask(kGet);
  client.ask("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.ask("GET\r\n\r\n");
  RawClient leaving(server->port());
  ASSERT_TRUE(leaving.send(kWait));
  ASSERT_TRUE(wait_for_requests(1));
  leaving.close();
  ASSERT_TRUE(wait_for_requests(0));
  server.reset();
  EXPECT_EQ(told,
            (std::vector<std::string>{"/ / [] 200 true 127.0.0.1", "/nowhere  [] 404 true 127.0.0.1",
                                      "  [] 400 true 127.0.0.1", "/wait /wait [tiny] 499 false 127.0.0.1"}));
}

size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// HEARTH_IDLE_CONNECTIONS=9000 for the figure that the documentation states; both ends take a descriptor
// here.
TEST_F(ServerLimitsTest, IdleConnections_CostLittleMemory) {
  if (hearth::testing::kSanitized) GTEST_SKIP() << "a sanitizer's allocator takes more";
  ASSERT_TRUE(raise_open_files_limit());
  const char* wanted = std::getenv("HEARTH_IDLE_CONNECTIONS");
  const size_t n = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 400;
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  clients.reserve(n);
  RawClient(server->port()).ask(kGet);
  const size_t before = resident_bytes();
  for (size_t i = 0; i < n; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    ASSERT_EQ(clients.back()->ask(kGet).status, 200);
  }
  const size_t each = (resident_bytes() - before) / n;
  std::printf("%zu idle connections: %zu bytes each\n", n, each);
  EXPECT_LE(each, 16u * 1024);
}

}  // namespace
}  // namespace hearth::server::http
