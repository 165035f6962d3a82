// Bodies that a handler reads as they come.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>

#include "server/http/tiny_routes_fixture.h"

namespace hearth::server::http {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kMostBytes = 8 * 1024 * 1024;
constexpr std::string_view kUpload = "POST /upload HTTP/1.1\r\nHost: localhost\r\n";

// Says how many bytes came and what their sum is, or answers with what was wrong.
Task<void> count_body(const Request& request, Responder& responder, std::shared_ptr<Seen> seen) {
  std::string bytes;
  size_t n_bytes = 0;
  uint64_t sum = 0;
  while (co_await request.streamed_body->read(bytes)) {
    n_bytes += bytes.size();
    for (const char c : bytes) sum = sum * 31 + static_cast<unsigned char>(c);
    bytes.clear();
  }
  Response response{.status = 201, .content_type = "text/plain", .body = fmt::format("{} {}", n_bytes, sum)};
  if (const auto& failure = request.streamed_body->failure()) {
    seen->add(fmt::format("failed {}", failure->status));
    response = {.status = failure->status, .content_type = "text/plain", .body = failure->message};
  }
  co_await responder.send(std::move(response));
}

struct StreamedBodyTest : ::testing::Test {
  std::shared_ptr<Seen> seen = std::make_shared<Seen>();
  std::shared_ptr<std::atomic<bool>> is_open = std::make_shared<std::atomic<bool>>(false);
  ServerOptions options;
  std::unique_ptr<LiveServer> server;

  void start() {
    Router router = tiny_router(seen);
    add(router, "/upload", [seen = seen](const Request& request, Responder& responder) {
      return count_body(request, responder, seen);
    });
    add(router, "/hesitant",
        [seen = seen, is_open = is_open](const Request& request, Responder& responder) -> Task<void> {
          while (!*is_open) co_await sleep_for(milliseconds(5));
          co_await count_body(request, responder, seen);
        });
    add(router, "/refuse", [](const Request& request, Responder& responder) -> Task<void> {
      Response response{.body = request.streamed_body->is_held_back() ? "held back" : "sent"};
      co_await responder.send(std::move(response));
    });
    server = std::make_unique<LiveServer>(std::move(router), options);
  }
  static void add(Router& router, std::string pattern, Handler handler) {
    router.add({.method = Method::kPost,
                .pattern = std::move(pattern),
                .handler = std::move(handler),
                .streamed_body_bytes = kMostBytes});
  }
  bool has_seen(const std::string& line) {
    return server->wait_for([&](const ServerStats&) { return seen->all() == std::vector{line}; });
  }
};

std::string told_of(std::string_view bytes) {
  uint64_t sum = 0;
  for (const char c : bytes) sum = sum * 31 + static_cast<unsigned char>(c);
  return fmt::format("{} {}", bytes.size(), sum);
}

std::string some_bytes(size_t n) {
  std::string bytes(n, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24U);
  return bytes;
}

TEST_F(StreamedBodyTest, WholeBody_ArrivesThoughOthersMayHaveLess) {
  options.limits.body_bytes = 1000;
  options.limits.all_body_bytes = 1000;
  start();
  const std::string bytes = some_bytes(3'000'000);
  RawClient client(server->port());
  const auto response =
      client.ask(fmt::format("{}Content-Length: {}\r\n\r\n{}", kUpload, bytes.size(), bytes));
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.body, told_of(bytes));
  EXPECT_EQ(client.ask(kGet).body, "alive") << "the connection goes on";
  RawClient other(server->port());
  EXPECT_EQ(other.ask("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n").status, 413)
      << "a route that does not stream has its own limit";
  EXPECT_EQ(server->stats().body_bytes, 0U);
}

TEST_F(StreamedBodyTest, ChunkedBody_ArrivesByteByByte) {
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send(std::string(kUpload) + "Transfer-Encoding: chunked\r\n\r\n"));
  for (const char c : std::string_view("5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"))
    ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.response().body, told_of("hello world"));
}

TEST_F(StreamedBodyTest, EmptyBody_IsWhole) {
  start();
  EXPECT_EQ(RawClient(server->port()).ask(std::string(kUpload) + "\r\n").body, told_of(""));
  EXPECT_EQ(RawClient(server->port()).ask(std::string(kUpload) + "Content-Length: 0\r\n\r\n").body,
            told_of(""));
}

TEST_F(StreamedBodyTest, TooLongBody_IsRefused) {
  start();
  RawClient told(server->port());
  EXPECT_EQ(told.ask(fmt::format("{}Content-Length: {}\r\n\r\n", kUpload, kMostBytes + 1)).status, 413);
  EXPECT_TRUE(seen->all().empty()) << "the handler need not be asked";
  RawClient untold(server->port());
  const std::string much = fmt::format("{:x}\r\n{}\r\n", kMostBytes, some_bytes(kMostBytes));
  EXPECT_EQ(untold.ask(std::string(kUpload) + "Transfer-Encoding: chunked\r\n\r\n" + much + "1\r\nx").status,
            413);
}

TEST_F(StreamedBodyTest, BadBody_IsRefused) {
  start();
  const std::string upload(kUpload);
  EXPECT_EQ(RawClient(server->port()).ask(upload + "Transfer-Encoding: chunked\r\n\r\nzz\r\n").status, 400);
  EXPECT_EQ(
      RawClient(server->port()).ask(upload + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc").status,
      415);
}

TEST_F(StreamedBodyTest, ClientThatStopsHalfWay_IsNoticed) {
  using Leave = void (*)(RawClient&);
  for (const Leave leave : {Leave([](RawClient& c) { c.close(); }), Leave([](RawClient& c) { c.reset(); }),
                            Leave([](RawClient& c) { c.end(); })}) {
    seen = std::make_shared<Seen>();
    start();
    RawClient client(server->port());
    ASSERT_TRUE(client.send(std::string(kUpload) + "Content-Length: 100000\r\n\r\n" + some_bytes(50000)));
    // Of a connection that is reset before, the server sees nothing at all.
    ASSERT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_requests_in_flight == 1; }));
    leave(client);
    EXPECT_TRUE(has_seen("failed 499"));
    EXPECT_TRUE(server->wait_for([](const ServerStats& stats) { return stats.n_requests_in_flight == 0; }));
  }
}

TEST_F(StreamedBodyTest, SlowBody_IsCutThoughItGoesOn) {
  options.limits.body_stall = milliseconds(100);
  start();
  RawClient client(server->port());
  ASSERT_TRUE(client.send(std::string(kUpload) + "Content-Length: 2000\r\n\r\n"));
  for (int i = 0; i < 1000; ++i) {
    pollfd answered{.fd = client.descriptor(), .events = POLLIN, .revents = 0};
    if (poll(&answered, 1, 10) > 0 || !client.send("a")) break;
  }
  EXPECT_EQ(client.response().status, 408);
}

// The handler's own time is none of the client's; what it does not read stays there, and ends nowhere else.
TEST_F(StreamedBodyTest, SlowHandler_HoldsTheClientBack) {
  options.limits.body_stall = milliseconds(100);
  start();
  const std::string bytes = some_bytes(kMostBytes);
  RawClient client(server->port());
  const int small = 64 * 1024;
  ASSERT_EQ(setsockopt(client.descriptor(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
  ASSERT_TRUE(client.send(
      fmt::format("POST /hesitant HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", bytes.size())));
  size_t n_sent = 0;
  for (pollfd ready{.fd = client.descriptor(), .events = POLLOUT, .revents = 0}; poll(&ready, 1, 300) > 0;) {
    const ssize_t n = ::send(client.descriptor(), bytes.data() + n_sent, bytes.size() - n_sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0 || n_sent == bytes.size()) break;
    n_sent += static_cast<size_t>(n);
  }
  EXPECT_LT(n_sent, bytes.size()) << "it went somewhere";
  *is_open = true;
  ASSERT_TRUE(client.send(std::string_view(bytes).substr(n_sent)));
  EXPECT_EQ(client.response().body, told_of(bytes));
}

TEST_F(StreamedBodyTest, ClientThatAsksFirst_IsToldToSendWhenItIsRead) {
  start();
  const std::string_view ask = "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  RawClient refused(server->port());
  EXPECT_EQ(refused.ask("POST /refuse HTTP/1.1\r\nHost: localhost\r\n" + std::string(ask)).body, "held back");
  RawClient taken(server->port());
  ASSERT_TRUE(taken.send(std::string(kUpload) + std::string(ask)));
  ASSERT_TRUE(taken.receive_until("HTTP/1.1 100 Continue\r\n\r\n"));
  taken.buffer().clear();
  EXPECT_EQ(taken.ask("hello").body, told_of("hello"));
}

TEST_F(StreamedBodyTest, AnswerBeforeTheEnd_IsSeenByAClientThatStillSends) {
  start();
  RawClient client(server->port());
  const auto response = client.ask(
      "POST /refuse HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + some_bytes(1'000'000));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "sent");
  EXPECT_EQ(response.header("Connection"), "close") << "the rest is no request";
}

}  // namespace
}  // namespace hearth::server::http
