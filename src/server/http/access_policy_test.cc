#include "server/http/access_policy.h"

#include <gtest/gtest.h>

#include <memory>

#include "server/http/admission.h"

namespace hearth::server::http {
namespace {

AccessPolicy policy_of(const std::vector<std::string>& hosts, const std::vector<std::string>& origins) {
  auto policy = AccessPolicy::create(hosts, origins);
  EXPECT_TRUE(policy) << policy.error().message();
  return std::move(policy).value();
}

AccessPolicy usual_policy() {
  return policy_of({"hearth.example.org", "*.lan.example.org", "198.51.100.7"},
                   {"https://chat.example.org", "http://dev.example.org:*", "obsidian://*"});
}

// The ends at which a request may arrive, and in HostRow whether a Host is right there.
constexpr const char* kLocalAddresses[] = {"127.0.0.1", "::1", "192.168.1.5", "2001:db8::5"};

struct HostRow {
  const char* host;
  const char* allowed;  // a letter for each of the addresses: y or n
};
// Each also with ports and, being names or IPv4 addresses, with a dot at the end: the verdict is the same.
constexpr HostRow kHosts[] = {
    {"localhost", "yynn"},
    {"LOCALHOST", "yynn"},
    {"app.localhost", "yynn"},
    {"a.b.localhost", "yynn"},
    {"127.0.0.1", "yynn"},
    {"127.0.0.2", "yynn"},
    {"127.255.255.254", "yynn"},
    {"[::1]", "yynn"},
    {"[0:0:0:0:0:0:0:1]", "yynn"},
    {"192.168.1.5", "nnyn"},
    {"[2001:db8::5]", "nnny"},
    {"[2001:DB8:0::5]", "nnny"},
    {"hearth.example.org", "yyyy"},
    {"Hearth.Example.Org", "yyyy"},
    {"box.lan.example.org", "yyyy"},
    {"a.b.lan.example.org", "yyyy"},
    {"198.51.100.7", "yyyy"},
    {"lan.example.org", "nnnn"},
    {"xlan.example.org", "nnnn"},
    {"evil.example", "nnnn"},
    {"localhost.evil.example", "nnnn"},
    {"127.0.0.1.evil.example", "nnnn"},
    {"127.0.0.1.nip.io", "nnnn"},
    {"evillocalhost", "nnnn"},
    {"localhos", "nnnn"},
    {"hearth.example.org.evil.example", "nnnn"},
    {"evil-hearth.example.org", "nnnn"},
    {"0.0.0.0", "nnnn"},
    {"[::]", "nnnn"},
    {"192.168.1.6", "nnnn"},
    {"10.0.0.1", "nnnn"},
    {"169.254.169.254", "nnnn"},
    {"126.255.255.255", "nnnn"},
    {"128.0.0.1", "nnnn"},
    {"127.1", "nnnn"},
    {"127.0.1", "nnnn"},
    {"2130706433", "nnnn"},
    {"0x7f000001", "nnnn"},
    {"0177.0.0.1", "nnnn"},
    {"0x7f.0.0.1", "nnnn"},
    {"[::2]", "nnnn"},
    {"[::ffff:127.0.0.1]", "nnnn"},
    {"[::ffff:7f00:1]", "nnnn"},
    {"[::127.0.0.1]", "nnnn"},
    {"[fe80::1]", "nnnn"},
};
// Of no such form at all: never right, with or without anything behind them.
constexpr const char* kMalformedHosts[] = {
    "",
    " ",
    ".",
    "..",
    ".localhost",
    "localhost..",
    "a..localhost",
    "localhost:",
    "localhost:x",
    "localhost:-1",
    "localhost:65536",
    "localhost:123456",
    "localhost:80:80",
    "localhost:80 ",
    " localhost",
    "localhost/",
    "localhost/x",
    "localhost?x",
    "localhost#x",
    "user@localhost",
    "localhost@evil",
    "http://localhost",
    "[::1",
    "::1]",
    "::1",
    "[::1]x",
    "[::1]:",
    "[::1]]",
    "[]",
    "[127.0.0.1]",
    "[localhost]",
    "[::1%lo]",
    "[::1%25lo]",
    "localhost,evil",
    "localhost, localhost",
    "local host",
    "localhost\\evil",
    "*",
    "*.localhost",
    "loc\xC3\xA4lhost",
    "%6cocalhost",
    "localhost%00",
    "\"localhost\"",
    "'localhost'",
    "localhost;",
    "(localhost)",
};

TEST(AccessPolicy, HostOnEachAddress_IsAsTheTableSays) {
  const AccessPolicy policy = usual_policy();
  int n_rows = 0;
  for (const HostRow& row : kHosts) {
    for (size_t i = 0; i < std::size(kLocalAddresses); ++i) {
      for (const char* port : {"", ":11434", ":1", ":65535"}) {
        const bool expected = row.allowed[i] == 'y';
        EXPECT_EQ(policy.allows_host(std::string(row.host) + port, kLocalAddresses[i]), expected)
            << row.host << port << " on " << kLocalAddresses[i];
        if (row.host[0] != '[') {
          EXPECT_EQ(policy.allows_host(std::string(row.host) + "." + port, kLocalAddresses[i]), expected)
              << row.host << "." << port << " on " << kLocalAddresses[i];
          ++n_rows;
        }
        ++n_rows;
      }
    }
  }
  for (const char* host : kMalformedHosts) {
    for (const char* local : kLocalAddresses) {
      EXPECT_FALSE(policy.allows_host(host, local)) << host << " on " << local;
      ++n_rows;
    }
  }
  EXPECT_FALSE(policy.allows_host(std::string("localhost\0", 10), "127.0.0.1"));
  EXPECT_FALSE(policy.allows_host(std::string("[::1\0]", 6), "::1"));
  EXPECT_FALSE(policy.allows_host(std::string("[::1\0.evil.example]:80", 22), "::1"));
  EXPECT_FALSE(policy.allows_host(std::string(300, 'a') + ".localhost", "127.0.0.1"));
  EXPECT_GE(n_rows, 1200);
}

struct OriginRow {
  const char* origin;
  bool allowed;
};
// On a plain server that the client calls http://192.168.1.5:11434.
constexpr OriginRow kOrigins[] = {
    {"http://localhost", true},
    {"https://localhost", true},
    {"http://localhost:3000", true},
    {"HTTP://LocalHost:3000", true},
    {"https://localhost:65535", true},
    {"http://127.0.0.1", true},
    {"http://127.0.0.1:8080", true},
    {"https://127.0.0.1:8443", true},
    {"http://[::1]", true},
    {"http://[::1]:5173", true},
    {"https://[::1]:5173", true},
    {"app://obsidian.md", true},
    {"app://-", true},
    {"tauri://localhost", true},
    {"vscode-webview://1bgp8v2bcp8", true},
    {"obsidian://notes", true},
    {"https://chat.example.org", true},
    {"HTTPS://CHAT.example.org", true},
    {"http://dev.example.org", true},
    {"http://dev.example.org:9999", true},
    {"http://192.168.1.5:11434", true},
    {"https://192.168.1.5:11434", false},
    {"http://192.168.1.5", false},
    {"http://192.168.1.5:1", false},
    {"http://192.168.1.6:11434", false},
    {"null", false},
    {"", false},
    {"*", false},
    {"file://", false},
    {"file:///home/x.html", false},
    {"http://evil.example", false},
    {"https://evil.example", false},
    {"http://localhost.evil.example", false},
    {"http://localhost:3000.evil.example", false},
    {"http://localhost@evil.example", false},
    {"http://evil.example/localhost", false},
    {"http://evil.example#localhost", false},
    {"http://127.0.0.1.evil.example", false},
    {"http://127.0.0.2", false},
    {"http://127.1", false},
    {"http://0.0.0.0:3000", false},
    {"http://app.localhost", false},
    {"http://localhost.", false},
    {"http://localhost:", false},
    {"http://localhost:x", false},
    {"http://localhost:99999", false},
    {"http://localhost:80:80", false},
    {"http://localhost/", false},
    {"http://localhost:3000/", false},
    {" http://localhost", false},
    {"http://localhost, http://localhost", false},
    {"http://localhost http://evil.example", false},
    {"http:localhost", false},
    {"http:/localhost", false},
    {"//localhost", false},
    {"localhost", false},
    {"localhost:3000", false},
    {"ftp://localhost", false},
    {"ws://localhost", false},
    {"chrome-extension://abcdef", false},
    {"app://", false},
    {"app:///", false},
    {"app://a/b", false},
    {"app://a, app://b", false},
    {"app://a b", false},
    {"xapp://a", false},
    {"app:a", false},
    {"https://chat.example.org:443", false},
    {"http://chat.example.org", false},
    {"https://chat.example.org.evil.example", false},
    {"https://xchat.example.org", false},
    {"https://dev.example.org", false},
    {"http://dev.example.org:x", false},
    {"data://x", false},
    {"blob:http://localhost", false},
};

TEST(AccessPolicy, Origin_IsAsTheTableSays) {
  const AccessPolicy policy = usual_policy();
  for (const OriginRow& row : kOrigins) {
    EXPECT_EQ(policy.allows_origin(row.origin, "http://192.168.1.5:11434"), row.allowed) << row.origin;
  }
}

TEST(AccessPolicy, PageOfAnotherSiteWithoutOrigin_IsRefused) {
  const AccessPolicy policy = usual_policy();
  for (const char* site : {"", "none", "same-origin", "same-site"}) {
    EXPECT_TRUE(policy.allows_page("", site, "http://localhost")) << site;
  }
  EXPECT_FALSE(policy.allows_page("", "cross-site", "http://localhost"));
  EXPECT_FALSE(policy.allows_page("", "Cross-Site", "http://localhost"));
  // A page on localhost:3000 and a server called 127.0.0.1 are two sites, and it may ask all the same.
  EXPECT_TRUE(policy.allows_page("http://localhost:3000", "cross-site", "http://127.0.0.1:11434"));
  EXPECT_FALSE(policy.allows_page("http://evil.example", "same-origin", "http://localhost"));
}

TEST(AccessPolicy, ConfigurationThatWouldAllowTooMuch_IsRefused) {
  for (const char* host : {"*", "", "a b", "http://x", "x:80", "*.", "*.*", "[::1]"}) {
    EXPECT_FALSE(AccessPolicy::create({host}, {})) << host;
  }
  for (const char* origin : {"*", "", "http://*", "https://*", "file://*", "data://*", "null", "x", "http://",
                             "http://a/b", "http://a b", "://x", "http://*.example.org"}) {
    EXPECT_FALSE(AccessPolicy::create({}, {origin})) << origin;
  }
}

TEST(AccessPolicy, LoopbackAddresses_AreKnown) {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "::1", "localhost"}) {
    EXPECT_TRUE(is_loopback_address(address)) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "192.168.0.1", "", "127.1", "localhost.evil"}) {
    EXPECT_FALSE(is_loopback_address(address)) << address;
  }
}

// The whole way of a request's head, for each Host, Origin, kind of route and method.
class AdmissionMatrix : public testing::Test {
 protected:
  AdmissionMatrix() {
    state_.policy = usual_policy();
    state_.authenticator = allow_everybody();
    const auto handler = [](const Request&, Responder&) -> Task<void> { co_return; };
    state_.router.add({Method::kGet, "/health", Scope::kPublic, Dialect::kOllama, handler});
    state_.router.add({Method::kGet, "/api/tags", Scope::kInference, Dialect::kOllama, handler});
    state_.router.add({Method::kPost, "/api/chat", Scope::kInference, Dialect::kOllama, handler});
    state_.router.add({Method::kDelete, "/api/delete", Scope::kManage, Dialect::kOllama, handler});
  }

  int status(const std::string& method, const std::string& path,
             std::vector<std::pair<std::string, std::string>> headers) {
    RequestHead head;
    head.method = method;
    head.target = path;
    head.headers = std::move(headers);
    const Admission admission =
        admit(state_, head, {.local = "127.0.0.1", .peer = "127.0.0.1", .peer_is_loopback = true}, "req_1");
    allow_origin_.clear();
    for (const auto& [name, value] : admission.headers) {
      if (name == "Access-Control-Allow-Origin") allow_origin_ = value;
    }
    EXPECT_NE(admission.response.has_value(), admission.route != nullptr);
    return admission.response ? admission.response->status : 200;
  }

  ServerState state_;
  std::string allow_origin_;
};

// The routes that there are: front/access_matrix_test.cc.
TEST_F(AdmissionMatrix, EachHostAndOriginWhereThereIsNoRoute_IsToldSoOrRefused) {
  struct {
    const char* method;
    const char* path;
    int status;  // without an Origin
  } const routes[] = {{"POST", "/api/tags", 405}, {"GET", "/nowhere", 404}};
  const HostRow hosts[] = {
      {"localhost:11434", "y"}, {"127.0.0.1:11434", "y"}, {"evil.example", "n"}, {"0.0.0.0:11434", "n"}};
  int n_rows = 0;
  for (const HostRow& host : hosts) {
    for (const OriginRow& origin : kOrigins) {
      if (std::string_view(origin.origin).empty() || std::string_view(origin.origin).starts_with(' ') ||
          std::string_view(origin.origin).starts_with("http://192.168.1.5:11434")) {
        continue;  // the parser trims blanks, and this server has another name
      }
      for (const auto& route : routes) {
        const int expected = host.allowed[0] == 'y' && origin.allowed ? route.status : 403;
        EXPECT_EQ(status(route.method, route.path, {{"host", host.host}, {"origin", origin.origin}}),
                  expected)
            << route.method << " " << route.path << " " << host.host << " " << origin.origin;
        const bool readable = host.allowed[0] == 'y' && origin.allowed;
        EXPECT_EQ(allow_origin_, readable ? origin.origin : "");
        ++n_rows;
      }
    }
  }
  EXPECT_GE(n_rows, 500);
}

TEST_F(AdmissionMatrix, SimplePostsOfForms_AreRefused) {
  const std::pair<std::string, std::string> host = {"host", "localhost:11434"};
  EXPECT_EQ(status("POST", "/api/chat", {host, {"origin", "null"}, {"content-type", "text/plain"}}), 403);
  EXPECT_EQ(status("POST", "/api/chat", {host, {"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(status("GET", "/api/tags", {host, {"sec-fetch-site", "cross-site"}}), 403);
  EXPECT_EQ(status("GET", "/health", {host, {"sec-fetch-site", "cross-site"}}), 200);
  EXPECT_EQ(status("POST", "/api/chat", {host}), 200);
}

TEST_F(AdmissionMatrix, Preflight_IsAnsweredForAllowedOriginsOnly) {
  const std::pair<std::string, std::string> host = {"host", "localhost:11434"};
  EXPECT_EQ(status("OPTIONS", "/api/chat", {host, {"origin", "http://localhost:3000"}}), 204);
  EXPECT_EQ(allow_origin_, "http://localhost:3000");
  EXPECT_EQ(status("OPTIONS", "/api/chat", {host, {"origin", "http://evil.example"}}), 403);
  EXPECT_EQ(allow_origin_, "");
  EXPECT_EQ(status("OPTIONS", "/api/chat", {host, {"origin", "null"}}), 403);
  EXPECT_EQ(status("OPTIONS", "/nowhere", {host, {"origin", "http://localhost"}}), 404);
  EXPECT_EQ(status("OPTIONS", "/api/chat", {host}), 204);
}

TEST_F(AdmissionMatrix, Secrets_ReachNoHandler) {
  RequestHead head;
  head.method = "GET";
  head.target = "/api/tags?a=b%20c";
  head.headers = {{"host", "localhost"},
                  {"authorization", "Bearer canary"},
                  {"x-api-key", "canary"},
                  {"cookie", "canary"},
                  {"accept", "text/plain"}};
  const Admission admission = admit(state_, head, {.local = "127.0.0.1", .peer = "127.0.0.1"}, "req_1");
  ASSERT_NE(admission.route, nullptr);
  for (const auto& [name, value] : admission.request.headers) EXPECT_NE(value, "canary") << name;
  EXPECT_EQ(admission.request.header("accept"), "text/plain");
  EXPECT_EQ(admission.request.query_value("a"), "b c");
}

TEST_F(AdmissionMatrix, Keys_ReachTheAuthenticator) {
  std::vector<std::optional<std::string>> keys;
  state_.authenticator = [&](const Credentials& credentials) -> Authentication {
    keys.push_back(credentials.key ? std::optional<std::string>(*credentials.key) : std::nullopt);
    return Refusal{.status = 429, .message = "too many", .retry_after = std::chrono::seconds(7)};
  };
  const std::pair<std::string, std::string> host = {"host", "localhost"};
  for (const char* value : {"Bearer abc", "bearer  abc", "BEARER abc"}) {
    EXPECT_EQ(status("GET", "/api/tags", {host, {"authorization", value}}), 429);
    EXPECT_EQ(keys.back(), "abc") << value;
  }
  for (const char* value : {"Basic abc", "Bearer", "Bearer ", "abc", ""}) {
    status("GET", "/api/tags", {host, {"authorization", value}});
    EXPECT_EQ(keys.back(), std::nullopt) << value;
  }
  status("GET", "/api/tags", {host, {"x-api-key", "k"}});
  EXPECT_EQ(keys.back(), "k");
  const size_t n_asked = keys.size();
  EXPECT_EQ(status("GET", "/health", {host}), 200);
  EXPECT_EQ(keys.size(), n_asked);
}

}  // namespace
}  // namespace hearth::server::http
