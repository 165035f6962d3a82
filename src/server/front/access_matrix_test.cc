// Who is let in: each route that the server has, from each kind of address, Host, page and key. What is
// expected is reckoned from docs/security.md, whose table says which scope a route needs: a route that is not
// in it, or stands there with another scope, fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "metrics/server_metrics.h"
#include "server/accounts/folder.h"
#include "server/front/wiring.h"
#include "server/http/admission.h"
#include "server/http/live_server_fixture.h"
#include "server/models/fake_model_service_fixture.h"
#include "store/store_fixture.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server {
namespace {

using http::Method;
using http::Scope;

// --- What the document says
// ---------------------------------------------------------------------------------

constexpr const char* kNoScope = "none";

// The scope that a route needs, for a server on loopback and for any other.
struct WrittenScope {
  std::string on_loopback;
  std::string elsewhere;
};

std::string section_of(const std::string& document, const std::string& title) {
  const size_t begin = document.find("\n## " + title + "\n");
  EXPECT_NE(begin, std::string::npos) << title;
  return document.substr(begin, document.find("\n## ", begin + 1) - begin);
}

// "| `inference` | `GET /api/tags`, ... |", where "(on loopback)" or "(elsewhere)" may stand behind a route.
std::map<std::string, WrittenScope> written_routes() {
  std::ifstream file(HEARTH_SOURCE_DIR "/docs/security.md");
  std::stringstream document;
  document << file.rdbuf();
  std::istringstream lines(section_of(document.str(), "Routes"));
  std::map<std::string, WrittenScope> routes;
  for (std::string line; std::getline(lines, line);) {
    const size_t cell = line.find(" | ", 2);
    if (!line.starts_with("| ") || cell == std::string::npos || line.find('/') == std::string::npos) continue;
    std::string scope = line.substr(2, cell - 2);
    std::erase(scope, '`');
    for (size_t begin = cell; (begin = line.find('`', begin)) != std::string::npos;) {
      const size_t end = line.find('`', begin + 1);
      WrittenScope& written = routes[line.substr(begin + 1, end - begin - 1)];
      const std::string behind = line.substr(end + 1, line.find_first_of(",|", end) - end - 1);
      if (behind.find("(elsewhere)") == std::string::npos) written.on_loopback = scope;
      if (behind.find("(on loopback)") == std::string::npos) written.elsewhere = scope;
      begin = end + 1;
    }
  }
  return routes;
}

// --- Servers
// ------------------------------------------------------------------------------------------------

// How a server can be reached, and what was done about it.
struct Reach {
  const char* name;
  const char* address;  // ours, of the connection
  bool on_loopback;
  bool tls;
  bool has_keys;
  bool require_key;
  bool insecure;
  bool is_open;            // generating takes no key: "Who may ask" in the document
  bool is_socket = false;  // the server's Unix socket, of its own user
};
constexpr Reach kReaches[] = {
    {"loopback, no key was ever made", "127.0.0.1", true, false, false, false, false, true},
    {"loopback, over TLS", "::1", true, true, false, false, false, true},
    {"loopback, a key was made", "127.0.0.1", true, false, true, false, false, false},
    {"loopback, --require-key", "127.0.0.1", true, false, false, true, false, false},
    {"elsewhere, TLS and keys", "192.0.2.7", false, true, true, false, false, false},
    {"elsewhere, insecure, without keys", "192.0.2.7", false, false, false, false, true, true},
    {"elsewhere, insecure, with keys", "2001:db8::7", false, false, true, false, true, false},
    {"unix, no key was ever made", "127.0.0.1", true, false, false, false, false, true, true},
    {"unix, a key was made", "127.0.0.1", true, false, true, false, false, false, true},
    {"unix, of a server elsewhere", "192.0.2.7", false, true, true, false, false, false, true},
};

struct Key {
  std::string name;
  std::optional<std::string> token;
  std::set<std::string> scopes = {};  // of a key that is good
  bool refused = false;               // it is known, and no good any more
};

class StandInForTls : public http::TlsContext {
 public:
  std::unique_ptr<http::Transport> make_transport(int /*socket*/) override { return nullptr; }
};

// All of a server but its sockets.
class Subject {
  // What the router needs, and so first.
  testing::TemporaryFolder folder_;
  boost::asio::io_context context_;
  FakeModelService models_{context_.get_executor()};
  metrics::ServerMetrics metrics_{"0"};
  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};

 public:
  const Reach& reach;
  std::vector<Key> keys;
  std::unique_ptr<accounts::Accounts> accounts;
  http::Router router;

  explicit Subject(const Reach& how) : reach(how) {
    if (reach.has_keys) make_keys();
    keys.push_back({.name = "no key", .token = std::nullopt});
    keys.push_back({.name = "unknown key", .token = "hk_0123456789ab_" + std::string(64, '0')});
    keys.push_back({.name = "no key of ours", .token = "sk-anything"});
    const accounts::Exposure exposure{.host = reach.address,
                                      .has_tls = reach.tls,
                                      .has_usable_key = reach.has_keys,
                                      .insecure = reach.insecure};
    const auto access = access_of(exposure, reach.require_key);
    EXPECT_TRUE(access) << access.error().message();
    accounts =
        std::move(accounts::Accounts::open(folder_.path(), {.require_key = access->requires_key,
                                                            .audit = false,
                                                            .recorder = {.interval = std::chrono::hours(1)}}))
            .value();
    admin::AdminDeps admin;
    admin.models = &models_;
    admin.metrics = &metrics_;
    admin.metrics_are_public = access->metrics_are_public;
    router = make_router(std::move(admin), {.store = &model_store_, .shares_models = true});
  }

  // By the document alone.
  int expected_of_key(const std::string& scope, const Key& key) const {
    if (scope == kNoScope) return 200;
    if (key.refused) return 401;
    if (key.scopes.empty() && reach.is_socket && (scope == "inference" || scope == "manage")) return 200;
    if (key.scopes.empty()) return scope == "inference" && reach.is_open ? 200 : 401;
    return key.scopes.contains(scope) ? 200 : 403;
  }
  const Key* key_with(const std::string& scope) const {
    for (const Key& key : keys) {
      if (expected_of_key(scope, key) == 200) return &key;
    }
    return nullptr;
  }

 private:
  void make_keys() {
    using namespace std::chrono_literals;
    const auto now = std::chrono::system_clock::now();
    auto store = accounts::KeyStore::open(accounts::keys_path(folder_.path())).value();
    const auto make = [&](const std::string& name, const accounts::Scopes& scopes, auto created,
                          std::optional<accounts::WallTime> expires) {
      return store.create({.name = name, .scopes = scopes, .expires = expires}, created).value();
    };
    const accounts::Scopes all{Scope::kInference, Scope::kManage, Scope::kAdmin};
    for (const auto& [name, scope] :
         {std::pair("inference", Scope::kInference), std::pair("manage", Scope::kManage),
          std::pair("admin", Scope::kAdmin)}) {
      keys.push_back({.name = name, .token = make(name, {scope}, now, {}).token, .scopes = {name}});
    }
    keys.push_back({.name = "all scopes",
                    .token = make("all", all, now, {}).token,
                    .scopes = {"inference", "manage", "admin"}});
    keys.push_back(
        {.name = "expired", .token = make("expired", all, now - 2h, now - 1h).token, .refused = true});
    const auto revoked = make("revoked", all, now, {});
    EXPECT_TRUE(store.revoke(revoked.record.id, now));
    keys.push_back({.name = "revoked", .token = revoked.token, .refused = true});
  }
};

// A path that comes to a pattern: "/v1/models/{id...}" for "/v1/models/x".
std::string path_of(std::string pattern) {
  for (size_t begin = 0; (begin = pattern.find('{')) != std::string::npos;) {
    pattern.replace(begin, pattern.find('}', begin) - begin + 1, "x");
  }
  return pattern;
}

std::string name_of(const http::Route& route) {
  return fmt::format("{} {}", http::method_name(route.method), route.pattern);
}

TEST(AccessMatrix, EachRouteOfTheServer_IsInTheDocumentAndNoOther) {
  std::set<std::string> written;
  for (const auto& [route, scopes] : written_routes()) {
    written.insert(route);
    EXPECT_TRUE(!scopes.on_loopback.empty() && !scopes.elsewhere.empty()) << route;
  }
  std::set<std::string> served;
  const Subject subject(kReaches[0]);
  for (const http::Route& route : subject.router.routes()) served.insert(name_of(route));
  EXPECT_EQ(written, served) << "docs/security.md, \"Routes\"";
}

// --- Every row, judged by its head
// --------------------------------------------------------------------------

struct Page {
  const char* origin;  // "OWN": the server's own
  const char* site;    // Sec-Fetch-Site
  bool allowed;
};
constexpr Page kPages[] = {
    {"", "", true},
    {"", "cross-site", false},
    {"OWN", "same-origin", true},
    {"http://localhost:3000", "cross-site", true},
    {"https://chat.example.org", "cross-site", true},
    {"null", "cross-site", false},
    {"http://evil.example", "", false},
    {"http://localhost.evil.example", "", false},
};

struct Name {
  std::string host;
  bool allowed;
};
std::vector<Name> names_for(const Reach& reach) {
  const std::string address = reach.address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return {{(is_v6 ? "[" + address + "]" : address) + ":11434", true},
          {"hearth.example.org", true},  // --allow-host
          {"localhost:11434", reach.on_loopback},
          {"evil.example", false},
          {"0.0.0.0:11434", false}};
}

class Matrix {
 public:
  explicit Matrix(const Reach& reach) : subject_(reach) {
    state_.policy =
        std::move(http::AccessPolicy::create({"hearth.example.org"}, {"https://chat.example.org"})).value();
    state_.authenticator = make_authenticator(*subject_.accounts);
    state_.router = subject_.router;
    if (reach.tls) state_.tls = std::make_shared<StandInForTls>();
  }

  void judge_all() {
    const auto written = written_routes();
    for (const http::Route& route : subject_.router.routes()) {
      const auto found = written.find(name_of(route));
      if (found == written.end()) continue;            // the test before has said so
      if (::testing::Test::HasFatalFailure()) return;  // one is enough to look at
      const WrittenScope& scopes = found->second;
      const std::string& scope = subject_.reach.on_loopback ? scopes.on_loopback : scopes.elsewhere;
      judge(route.method, path_of(route.pattern), scope);
      if (route.method == Method::kGet) judge(Method::kHead, path_of(route.pattern), scope);
    }
  }
  int n_rows() const { return n_rows_; }
  int n_refused() const { return n_refused_; }

 private:
  void judge(Method method, const std::string& path, const std::string& scope) {
    const std::vector<Name> names = names_for(subject_.reach);
    for (const Key& key : subject_.keys) {
      const int n_refused_before = n_refused_;
      for (const Name& name : names) {
        for (const Page& page : kPages) {
          const bool may_ask = name.allowed && (scope == kNoScope || page.allowed);
          const int expected =
              may_ask || subject_.reach.is_socket ? subject_.expected_of_key(scope, key) : 403;
          expect(expected, method, path, name, page, key);
        }
      }
      // Whoever was refused has spoiled nothing for the next one.
      if (n_refused_ == n_refused_before) continue;
      const Key* good = subject_.key_with(scope);
      if (good != nullptr) {
        expect(200, method, path, names[0], kPages[0], *good);
      } else {
        expect(200, Method::kGet, "/health", names[0], kPages[0], key);
      }
    }
  }

  void expect(int expected, Method method, const std::string& path, const Name& name, const Page& page,
              const Key& key) {
    http::RequestHead head;
    head.method = http::method_name(method);
    head.target = path;
    head.headers.emplace_back("host", name.host);
    const std::string own = (subject_.reach.tls ? "https://" : "http://") + name.host;
    const std::string origin = std::string_view(page.origin) == "OWN" ? own : page.origin;
    if (!origin.empty()) head.headers.emplace_back("origin", origin);
    if (*page.site != '\0') head.headers.emplace_back("sec-fetch-site", page.site);
    // Either header, which say the same.
    if (key.token && n_rows_ % 2 == 0) head.headers.emplace_back("authorization", "Bearer " + *key.token);
    if (key.token && n_rows_ % 2 == 1) head.headers.emplace_back("x-api-key", *key.token);
    const std::string peer = subject_.reach.on_loopback ? "127.0.0.1" : "198.51.100.9";
    http::Endpoints ends{
        .local = subject_.reach.address, .peer = peer, .peer_is_loopback = subject_.reach.on_loopback};
    if (subject_.reach.is_socket)
      ends = {.local = "unix", .peer = "uid 1000", .peer_is_loopback = true, .user = 1000};
    const http::Admission admission = http::admit(state_, head, ends, "req_1");
    subject_.accounts->end(admission.request.identity);
    const int status = admission.response ? admission.response->status : 200;
    ++n_rows_;
    n_refused_ += status == 200 ? 0 : 1;
    EXPECT_NE(admission.response.has_value(), admission.route != nullptr);
    ASSERT_EQ(status, expected) << subject_.reach.name << ": " << head.method << " " << path << ", Host "
                                << name.host << ", Origin '" << origin << "', site '" << page.site << "', "
                                << key.name;
    // Only a page that may ask may read what it is told.
    const bool readable =
        std::any_of(admission.headers.begin(), admission.headers.end(),
                    [](const auto& header) { return header.first == "Access-Control-Allow-Origin"; });
    ASSERT_EQ(readable, name.allowed && page.allowed && !origin.empty() && !subject_.reach.is_socket)
        << head.method << " " << path << " " << origin;
  }

  Subject subject_;
  http::ServerState state_;
  int n_rows_ = 0;
  int n_refused_ = 0;
};

TEST(AccessMatrix, EachRouteAddressHostPageAndKey_IsAsWritten) {
  int n_rows = 0;
  int n_refused = 0;
  for (const Reach& reach : kReaches) {
    Matrix matrix(reach);
    matrix.judge_all();
    if (::testing::Test::HasFatalFailure()) return;
    n_rows += matrix.n_rows();
    n_refused += matrix.n_refused();
  }
  ::testing::Test::RecordProperty("rows", n_rows);
  EXPECT_GE(n_rows, 40'000);
  EXPECT_GE(n_refused, 20'000);
  EXPECT_GE(n_rows - n_refused, 5'000);
}

// --- Every route and key, over a socket
// ---------------------------------------------------------------------

// The server's routes with handlers that only say that they were reached.
http::Router reached_routes(const http::Router& router) {
  http::Router reached;
  for (http::Route route : router.routes()) {
    route.handler = [](const http::Request&, http::Responder& responder) -> Task<void> {
      http::Response response{.content_type = "text/plain", .body = "reached"};
      co_await responder.send(std::move(response));
    };
    reached.add(std::move(route));
  }
  return reached;
}

class LiveMatrix {
 public:
  explicit LiveMatrix(const Reach& reach) : subject_(reach) {
    http::ServerOptions options;
    options.on_answered = [this](const http::Answered& answered) {
      subject_.accounts->end(answered.request.identity);
    };
    server_.emplace(reached_routes(subject_.router), std::move(options),
                    make_authenticator(*subject_.accounts));
    good_.emplace(server_->port());
  }

  void judge_all() {
    const auto written = written_routes();
    for (const http::Route& route : subject_.router.routes()) {
      const auto found = written.find(name_of(route));
      if (found == written.end()) continue;
      if (::testing::Test::HasFatalFailure()) return;
      for (const Key& key : subject_.keys) judge(route, found->second.on_loopback, key);
    }
  }

 private:
  static std::string text_of(const http::Route& route, const Key& key) {
    const std::string credentials = key.token ? "Authorization: Bearer " + *key.token + "\r\n" : "";
    return fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", http::method_name(route.method),
                       path_of(route.pattern), credentials);
  }

  void judge(const http::Route& route, const std::string& scope, const Key& key) {
    const bool head_only = route.method == Method::kHead;
    const int expected = subject_.expected_of_key(scope, key);
    http::RawClient client(server_->port());
    const http::RawResponse response = client.ask(text_of(route, key), head_only);
    ASSERT_EQ(response.status, expected) << subject_.reach.name << ": " << name_of(route) << ", " << key.name;
    ASSERT_EQ(response.body == "reached", expected == 200 && !head_only) << name_of(route) << response.body;
    EXPECT_EQ(response.header("WWW-Authenticate").has_value(), expected == 401) << name_of(route);
    EXPECT_EQ(response.body.find(key.token.value_or("hk_")), std::string::npos) << name_of(route);
    if (expected == 200) return;
    const Key* good_key = subject_.key_with(scope);
    const http::RawResponse after = good_key == nullptr
                                        ? good_->ask("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                                        : good_->ask(text_of(route, *good_key), head_only);
    ASSERT_EQ(after.status, 200) << "after " << name_of(route) << ", " << key.name;
  }

  Subject subject_;
  std::optional<http::LiveServer> server_;
  std::optional<http::RawClient> good_;
};

TEST(AccessMatrix, EachRouteAndKeyOverASocket_IsAsWritten) {
  for (const Reach& reach : kReaches) {
    if (!reach.on_loopback || reach.tls || reach.is_socket) continue;
    LiveMatrix matrix(reach);
    matrix.judge_all();
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(AccessMatrix, UnprotectedAddress_IsNotServedAtAll) {
  for (const bool has_tls : {false, true}) {
    for (const bool has_usable_key : {false, true}) {
      for (const bool require_key : {false, true}) {
        const accounts::Exposure exposure{
            .host = "192.0.2.7", .has_tls = has_tls, .has_usable_key = has_usable_key};
        EXPECT_EQ(static_cast<bool>(access_of(exposure, require_key)), has_tls && has_usable_key);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::server
