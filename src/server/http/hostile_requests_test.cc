// What nobody sends who means well. Each is refused or cut, and the next good request is answered.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "server/http/tiny_routes_fixture.h"
#include "tests/support/sanitized.h"

namespace hearth::server::http {
namespace {

struct Hostile {
  std::string bytes;
  std::vector<int> statuses;  // 0: closed without an answer
  bool end = false;           // the client ends its side behind it
};

std::string get(const std::string& target, const std::string& headers = "Host: localhost\r\n") {
  return "GET " + target + " HTTP/1.1\r\n" + headers + "\r\n";
}
std::string post(const std::string& headers, const std::string& body = "") {
  return "POST /echo HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

void add_control_characters(std::vector<Hostile>& cases) {
  for (int c = 0; c < 128; ++c) {
    if (c == '\t' || c == '\n' || (c >= 0x20 && c != 0x7F)) continue;
    const std::string bad(1, static_cast<char>(c));
    cases.push_back({"G" + bad + "T / HTTP/1.1\r\nHost: localhost\r\n\r\n", {400}});
    cases.push_back({get("/a" + bad + "b"), {400}});
    cases.push_back({get("/", "Host: localhost\r\nA" + bad + "B: c\r\n"), {400}});
    cases.push_back({get("/", "Host: localhost\r\nA: b" + bad + "c\r\n"), {400}});
  }
}

void add_malformed_heads(std::vector<Hostile>& cases) {
  for (const char c : std::string(" \t\"(),/;<=>?@[\\]{}\x80\xFF")) {
    cases.push_back({get("/", "Host: localhost\r\nA" + std::string(1, c) + "b: c\r\n"), {400}});
  }
  for (const char* head : {"GET / HTTP/1.1\nHost: localhost\n\n",
                           "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
                           "GET / HTTP/1.1\rHost: localhost\r\r",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\rC: d\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\nC: d\r\n\r\n",
                           "GET / HTTP/1.1\r\r\nHost: localhost\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n\tc\r\n\r\n",
                           "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n",
                           " GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\n: b\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA\r\n\r\n",
                           "GET / HTTP/1.1\r\nHost: localhost\r\nA b\r\n\r\n",
                           "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "GET /  HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "GET / HTTP/1.1 \r\nHost: localhost\r\n\r\n",
                           "GET / \r\nHost: localhost\r\n\r\n",
                           "GET /\r\nHost: localhost\r\n\r\n",
                           "GET\r\n\r\n",
                           "/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "GET / a HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "G(T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "GET\t/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                           "HTTP/1.1 200 OK\r\n\r\n"}) {
    cases.push_back({head, {400, 505}});
  }
  for (const char* version :
       {"HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9", "HTTP/1", "HTTP/1.", "HTTP/11.1", "HTTP/1.10",
        "http/1.1", "HTPP/1.1", "HTTP/a.b", "HTTP/-1.1", "HTTP 1.1", "1.1"}) {
    cases.push_back({"GET / " + std::string(version) + "\r\nHost: localhost\r\n\r\n", {400, 505}});
  }
  for (const char* host :
       {"", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nhost: evil.example\r\n",
        "Host: evil.example\r\nHost: localhost\r\n"}) {
    cases.push_back({get("/", host), {400}});
  }
  for (const char* host : {"", "evil.example", "0.0.0.0", "localhost:x", "localhost, evil", "a b", "[::1",
                           "127.1", "2130706433", "user@localhost", "localhost/x"}) {
    cases.push_back({get("/", "Host: " + std::string(host) + "\r\n"), {403}});
  }
  for (const char* target : {"*",
                             "a",
                             "//..",
                             "/..",
                             "/../etc/passwd",
                             "/%2e%2e/x",
                             "/a/%2E%2E/b",
                             "/%",
                             "/%0",
                             "/%zz",
                             "/%00",
                             "/a%0d%0ab",
                             "/%ff",
                             "/%c0%af",
                             "/%ed%a0%80",
                             "/a#b",
                             "/?a=%00",
                             "/?%",
                             "/\xC3\xA9",
                             "http://",
                             "http://evil.example/",
                             "https://localhost/",
                             "http://localhost:1/",
                             "ftp://localhost/",
                             "http://localhost@evil/",
                             "HTTP://localhost/",
                             "localhost:80"}) {
    cases.push_back({get(target), {400}});
  }
  cases.push_back({get("/" + std::string(8200, 'a')), {414}});
  cases.push_back({get("/?" + std::string(8200, '&')), {414}});
  cases.push_back({get("/", "Host: localhost\r\nA: " + std::string(17000, 'a') + "\r\n"), {431}});
  cases.push_back({get("/", "Host: localhost\r\n" + std::string(17000, 'a') + ": b\r\n"), {431}});
  cases.push_back({std::string(20000, 'A') + " / HTTP/1.1\r\nHost: localhost\r\n\r\n", {431}});
  cases.push_back({std::string(300000, 'A'), {431}});
  std::string many = "Host: localhost\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  cases.push_back({get("/", many), {431}});
}

void add_framing(std::vector<Hostile>& cases) {
  for (const char* length : {"-1",
                             "+1",
                             "1a",
                             "a",
                             "0x1",
                             "1 1",
                             "1,1",
                             "1, 1",
                             "1, 2",
                             ",1",
                             "1,",
                             "1.0",
                             "1e0",
                             "",
                             "\"1\"",
                             "1;",
                             "\xD9\xA3",
                             "18446744073709551616",
                             "99999999999999999999999999",
                             "184467440737095516150"}) {
    cases.push_back({post("Content-Length: " + std::string(length) + "\r\n", "a"), {400}});
  }
  for (const char* length : {"67108865", "4294967296", "9223372036854775808", "18446744073709551610"}) {
    cases.push_back({post("Content-Length: " + std::string(length) + "\r\n", "a"), {400, 413}});
  }
  for (const char* headers :
       {"Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: identity\r\n", "content-length: 1\r\nCONTENT-LENGTH: 3\r\n",
        "Content-Length : 1\r\n", "Content-Length\t: 1\r\n", "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n chunked\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n"}) {
    cases.push_back({post(headers, "1\r\na\r\n0\r\n\r\n"), {400}});
  }
  for (const char* coding : {"identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked",
                             "chunked,", ",chunked", "xchunked", "chunkedx", "chunked;q=1", "\"chunked\"",
                             "chunked chunked", "", "chunk", "chunked\x0B"}) {
    cases.push_back({post("Transfer-Encoding: " + std::string(coding) + "\r\n", "0\r\n\r\n"), {400}});
  }
  cases.push_back({"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}});
  for (const char* body : {"x\r\n",
                           "-1\r\na\r\n",
                           "+1\r\na\r\n",
                           "0x1\r\na\r\n0\r\n\r\n",
                           " 1\r\na\r\n0\r\n\r\n",
                           "1 \r\na\r\n0\r\n\r\n",
                           "1\na\n0\n\n\r\n",
                           "\r\n1\r\na\r\n0\r\n\r\n",
                           "1\r\nab\r\n0\r\n\r\n",
                           "2\r\na\r\n0\r\n\r\n",
                           "1\r\na0\r\n\r\n",
                           "1;\r\na\r\n0\r\n\r\n",
                           "1;=x\r\na\r\n0\r\n\r\n",
                           "1,2\r\na\r\n0\r\n\r\n",
                           "g\r\na\r\n0\r\n\r\n",
                           "1\r\na\r\n-0\r\n\r\n",
                           "1\r\na\r\n0x0\r\n\r\n",
                           "1\r\na\r\n\r\n0\r\n\r\n",
                           "1;a=\"\x01\"\r\na\r\n0\r\n\r\n",
                           "1\r\na\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
                           "1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n",
                           "1\r\na\r\n0\r\nbad name: x\r\n\r\n",
                           "1\r\na\r\n0\r\n: x\r\n\r\n",
                           "10000000000000000\r\na\r\n",
                           "fffffffffffffffff\r\na\r\n",
                           "1\rX\r\na\r\n0\r\n\r\n",
                           "1\r\r\na\r\n0\r\n\r\n"}) {
    cases.push_back({chunked(body), {400, 413, 431}});
  }
  cases.push_back({chunked("4000001\r\n" + std::string(1000, 'a')), {413}});
  cases.push_back({chunked("1;" + std::string(20000, 'a') + "\r\na\r\n0\r\n\r\n"), {400, 431}});
  cases.push_back({chunked(std::string(40000, '0')), {400, 431}});
  cases.push_back({chunked("0\r\nA: " + std::string(40000, 'a') + "\r\n\r\n"), {400, 431}});
  std::string extensions;
  for (int i = 0; i < 3000; ++i) extensions += "1;a\r\nx\r\n";
  cases.push_back({chunked(extensions + "0\r\n\r\n"), {400}});
  std::string trailers = "0\r\n";
  for (int i = 0; i < 120; ++i) trailers += "A: b\r\n";
  cases.push_back({chunked(trailers + "\r\n"), {431}});
  for (const char* expect : {"", "200-ok", "100-continue, x", "100-continue\r\nExpect: x"}) {
    cases.push_back({post("Expect: " + std::string(expect) + "\r\nContent-Length: 1\r\n", "a"), {417}});
  }
}

void add_bodies_and_pages(std::vector<Hostile>& cases) {
  for (const char* coding :
       {"br", "compress", "gzip, gzip", "gzip, br", "x", "gzip\r\nContent-Encoding: gzip"}) {
    cases.push_back(
        {post("Content-Encoding: " + std::string(coding) + "\r\nContent-Length: 1\r\n", "a"), {415}});
  }
  for (const char* coding : {"gzip", "deflate", "zstd"}) {
    cases.push_back(
        {post("Content-Encoding: " + std::string(coding) + "\r\nContent-Length: 9\r\n", "not packed"),
         {400}});
  }
  for (const char* origin : {"null", "http://evil.example", "https://localhost.evil.example", "file://", "*",
                             "x", "http://localhost\r\nOrigin: http://evil.example"}) {
    cases.push_back({post("Origin: " + std::string(origin) + "\r\nContent-Length: 0\r\n"), {403}});
  }
  cases.push_back(
      {post("Sec-Fetch-Site: cross-site\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"), {403}});
  for (const char* method : {"PATCH", "TRACE", "CONNECT", "get", "PROPFIND", "M-SEARCH", "A"}) {
    cases.push_back({std::string(method) + " / HTTP/1.1\r\nHost: localhost\r\n\r\n", {405}});
  }
}

// Incomplete, of other protocols, and random.
void add_junk(std::vector<Hostile>& cases) {
  const std::string whole = chunked("5\r\nhello\r\n0\r\n\r\n");
  for (size_t n = 1; n < whole.size(); ++n) cases.push_back({whole.substr(0, n), {0}, true});
  cases.push_back({"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}});
  cases.push_back({std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11), {400}});
  cases.push_back({"SSH-2.0-OpenSSH_9.2\r\n", {0, 400}, true});
  cases.push_back({"*1\r\n$4\r\nPING\r\n", {0, 400}, true});
  cases.push_back({"\r", {0}, true});
  cases.push_back({"\r\n\r\n", {0}, true});
  std::mt19937 random(7);
  for (int i = 0; i < 40; ++i) {
    std::string bytes(1 + random() % 600, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    cases.push_back({bytes, {0, 400}, true});
  }
}

class HostileRequests : public ::testing::Test {
 protected:
  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
  LiveServer server_{tiny_router(seen_), ServerOptions{}};
  RawClient good_{server_.port()};

  void expect_refusal(const Hostile& hostile) {
    const std::string shown = nlohmann::json(hostile.bytes.substr(0, 200))
                                  .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    RawClient client(server_.port());
    ASSERT_TRUE(client.connected());
    client.send(hostile.bytes);
    if (hostile.end) client.end();
    const RawResponse response = client.response();
    EXPECT_NE(std::find(hostile.statuses.begin(), hostile.statuses.end(), response.status),
              hostile.statuses.end())
        << response.status << " for " << shown;
    if (response.status != 0) {
      const auto body = nlohmann::json::parse(response.body, nullptr, false);
      EXPECT_TRUE(body.is_object() && body.contains("error")) << response.body;
      for (const char* inside : {"boost", "beast", "std::", ".cc", "exception", "0x7f"}) {
        EXPECT_EQ(response.body.find(inside), std::string::npos) << response.body;
      }
    }
    ASSERT_EQ(good_.ask(kGet).status, 200) << "after " << shown;
  }
};

TEST_F(HostileRequests, EachIsRefused_AndTheNextGoodOneAnswered) {
  std::vector<Hostile> cases;
  add_control_characters(cases);
  add_malformed_heads(cases);
  add_framing(cases);
  add_bodies_and_pages(cases);
  add_junk(cases);
  RecordProperty("cases", static_cast<int>(cases.size()));
  EXPECT_GE(cases.size(), 470u);
  for (const Hostile& hostile : cases) {
    expect_refusal(hostile);
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(server_.wait_for([](const ServerStats& stats) { return stats.n_connections == 1; }));
  EXPECT_EQ(server_.stats().body_bytes, 0u);
}

// Whatever becomes of them: one byte of a good request is another.
TEST_F(HostileRequests, MutatedGoodRequests_HarmNobody) {
  const std::string good = chunked("5;a=\"b\"\r\nhello\r\n0\r\nTrailer: x\r\n\r\n");
  std::mt19937 random(11);
  const int n_mutations = hearth::testing::kSanitized ? 100 : 400;
  for (int i = 0; i < n_mutations; ++i) {
    std::string bytes = good;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    RawClient client(server_.port());
    client.send(bytes);
    client.end();
    client.receive_all();
    ASSERT_EQ(good_.ask(kGet).status, 200) << i;
  }
}

// A second request within what two parsers may read in two ways is not answered.
TEST_F(HostileRequests, SmuggledRequest_IsNotAnswered) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const std::string& bytes :
       {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled),
        post("Content-Length: 0\r\nContent-Length: 44\r\n", smuggled),
        post("Transfer-Encoding: xchunked\r\n", smuggled), post("Transfer-Encoding: identity\r\n", smuggled),
        post("Content-Length: 1x\r\n", smuggled), chunked("0 \r\n\r\n" + smuggled),
        get("/nowhere\n", "") + smuggled,
        "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 44\r\n\r\n" + smuggled}) {
    RawClient client(server_.port());
    client.send(bytes);
    const std::string all = client.receive_all();
    EXPECT_EQ(all.find("HTTP/1.1 "), 0u) << bytes;
    EXPECT_EQ(all.find("HTTP/1.1 ", 1), std::string::npos) << bytes << all;
    EXPECT_EQ(all.find("smuggled"), std::string::npos) << bytes;
  }
}

}  // namespace
}  // namespace hearth::server::http
