#include "server/accounts/accounts.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "server/accounts/folder.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::accounts {
namespace {

using http::Scope;
using std::chrono::hours;
using std::chrono::seconds;

Moment moment_at(seconds later) {
  return {WallTime(std::chrono::days(20'000) + later),
          std::chrono::steady_clock::time_point(hours(1) + later)};
}
const Moment kNoon = moment_at(hours(12));

class AccountsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Accounts> open(bool require_key = false) {
    auto accounts =
        Accounts::open(path(), {.require_key = require_key, .audit = true, .recorder = {hours(1)}});
    EXPECT_TRUE(accounts) << accounts.error().message();
    return std::move(accounts).value();
  }
  std::filesystem::path path() const { return folder_ / "accounts"; }
  KeyStore command() { return KeyStore::open(keys_path(path())).value(); }
  std::string create(std::string name, Scopes scopes, KeyLimits limits = {},
                     std::optional<WallTime> expires = {}) {
    KeyStore store = command();
    return store.create({std::move(name), scopes, expires, limits}, kNoon.wall)->token;
  }
  // The status of a refusal, 200 for none.
  static int status_of(const Decision& decision) {
    const auto* refusal = std::get_if<Refusal>(&decision);
    return refusal == nullptr ? 200 : refusal->status;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(AccountsTest, NoKeyWasEverMade_GeneratingIsFreeAndNothingElse) {
  auto accounts = open();
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kPublic, kNoon)), 200);
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kInference, kNoon)), 200);
  EXPECT_EQ(status_of(accounts->authenticate("sk-anything", Scope::kInference, kNoon)), 200);
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kManage, kNoon)), 401);
  EXPECT_EQ(status_of(accounts->authenticate("sk-anything", Scope::kAdmin, kNoon)), 401);
}

TEST_F(AccountsTest, KeyRequired_NothingButPublicIsFree) {
  auto accounts = open(true);
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kPublic, kNoon)), 200);
  const Decision decision = accounts->authenticate({}, Scope::kInference, kNoon);
  ASSERT_EQ(status_of(decision), 401);
  EXPECT_NE(std::get<Refusal>(decision).message.find("hearth key create NAME --scope inference"),
            std::string::npos);
}

TEST_F(AccountsTest, FirstKeyMadeWhileItRuns_ClosesTheServerAtOnce) {
  auto accounts = open();
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kInference, kNoon)), 200);
  const std::string token = create("laptop", {Scope::kInference});
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kInference, kNoon)), 401);
  EXPECT_EQ(status_of(accounts->authenticate("sk-anything", Scope::kInference, kNoon)), 401);
  const Decision decision = accounts->authenticate(token, Scope::kInference, kNoon);
  ASSERT_EQ(status_of(decision), 200);
  EXPECT_EQ(std::get<http::Identity>(decision).name, "laptop");
  EXPECT_EQ("hk_" + std::get<http::Identity>(decision).key_id, token.substr(0, 15));
  // Revoked, it does not open again: who was locked out stays so.
  ASSERT_TRUE(command().revoke(token.substr(0, 15), kNoon.wall));
  EXPECT_EQ(status_of(accounts->authenticate(token, Scope::kInference, kNoon)), 401);
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kInference, kNoon)), 401);
}

TEST_F(AccountsTest, HasUsableKey_ExpiredAndRevokedOnes_DoNotCount) {
  EXPECT_FALSE(*has_usable_key(path()));
  KeyStore store = command();
  const auto now = std::chrono::system_clock::now();
  ASSERT_TRUE(store.create({.name = "past", .scopes = {Scope::kInference}, .expires = now - hours(1)},
                           now - hours(2)));
  const auto created = store.create({.name = "good", .scopes = {Scope::kInference}}, now);
  ASSERT_TRUE(created);
  EXPECT_TRUE(*has_usable_key(path()));
  ASSERT_TRUE(store.revoke(created->record.id, now));
  EXPECT_FALSE(*has_usable_key(path()));
}

TEST_F(AccountsTest, EveryScopeAndKey_GetsWhatItsScopesSay) {
  auto accounts = open();
  const std::vector<Scopes> all{
      {Scope::kInference}, {Scope::kManage}, {Scope::kAdmin}, {Scope::kInference, Scope::kAdmin}};
  for (const Scopes scopes : all) {
    const std::string token = create(scopes.names(), scopes);
    for (const Scope scope : {Scope::kPublic, Scope::kInference, Scope::kManage, Scope::kAdmin}) {
      EXPECT_EQ(status_of(accounts->authenticate(token, scope, kNoon)), scopes.has(scope) ? 200 : 403)
          << scopes.names() << ' ' << http::scope_name(scope);
      std::string wrong = token;
      wrong.back() = wrong.back() == '0' ? '1' : '0';
      EXPECT_EQ(status_of(accounts->authenticate(wrong, scope, kNoon)), scope == Scope::kPublic ? 200 : 401);
    }
  }
}

TEST_F(AccountsTest, ExpiredKey_IsRefused) {
  auto accounts = open();
  const std::string token = create("short", {Scope::kInference}, {}, kNoon.wall + seconds(10));
  EXPECT_EQ(status_of(accounts->authenticate(token, Scope::kInference, moment_at(hours(12) + seconds(9)))),
            200);
  EXPECT_EQ(status_of(accounts->authenticate(token, Scope::kInference, moment_at(hours(12) + seconds(10)))),
            401);
}

TEST_F(AccountsTest, TokensPerDay_AreRememberedAcrossARestart) {
  const auto n_tokens = [this](Accounts& accounts, const std::string& token) {
    const Decision decision = accounts.authenticate(token, Scope::kInference, kNoon);
    if (const auto* identity = std::get_if<http::Identity>(&decision)) {
      accounts.add_tokens(identity->key_id, 30, 20, kNoon);
      accounts.end(*identity);
    }
    return status_of(decision);
  };
  auto first = open();
  const std::string token = create("limited", {Scope::kInference}, {{}, 120, {}});
  EXPECT_EQ(n_tokens(*first, token), 200);
  EXPECT_EQ(n_tokens(*first, token), 200);
  first.reset();
  auto second = open();
  EXPECT_EQ(n_tokens(*second, token), 200);
  const Decision decision = second->authenticate(token, Scope::kInference, kNoon);
  ASSERT_EQ(status_of(decision), 429);
  EXPECT_EQ(std::get<Refusal>(decision).retry_after_s, 12 * 3600);
  EXPECT_EQ(status_of(second->authenticate(token, Scope::kInference, moment_at(hours(24)))), 200);
  second->flush();
  const auto days = command().usage(token.substr(0, 15));
  ASSERT_EQ(days->size(), 2U);
  EXPECT_EQ((*days)[1].n_requests, 3);
  EXPECT_EQ((*days)[1].n_prompt_tokens, 90);
  EXPECT_EQ((*days)[1].n_generated_tokens, 60);
}

TEST_F(AccountsTest, ConcurrentRequests_AreFreeAfterEnd) {
  auto accounts = open();
  const std::string token = create("one", {Scope::kInference}, {{}, {}, 1});
  const Decision decision = accounts->authenticate(token, Scope::kInference, kNoon);
  EXPECT_EQ(status_of(accounts->authenticate(token, Scope::kInference, kNoon)), 429);
  accounts->end(std::get<http::Identity>(decision));
  EXPECT_EQ(status_of(accounts->authenticate(token, Scope::kInference, kNoon)), 200);
}

TEST_F(AccountsTest, DatabaseBreaksWhileItRuns_NobodyIsLetIn) {
  auto accounts = open();
  const std::string token = create("laptop", {Scope::kInference});
  ASSERT_TRUE(Database::open(keys_path(path()))->execute("ALTER TABLE keys RENAME TO away"));
  const Decision decision = accounts->authenticate(token, Scope::kInference, kNoon);
  EXPECT_EQ(status_of(decision), 503);
  EXPECT_EQ(status_of(accounts->authenticate({}, Scope::kInference, kNoon)), 503);
  EXPECT_EQ(std::get<Refusal>(decision).message.find(folder_.path().string()), std::string::npos);
}

TEST_F(AccountsTest, Record_Requests_CanBeVerifiedAndHaveNoPrompts) {
  auto accounts = open();
  const std::string token = create("laptop", {Scope::kInference});
  std::vector<std::string> canaries;
  for (int i = 0; i < 20; ++i) {
    canaries.push_back(fmt::format("canary-{}-kestrel", i));
    const Decision decision =
        accounts->authenticate(i % 2 == 0 ? token : canaries.back(), Scope::kInference, kNoon);
    const auto* identity = std::get_if<http::Identity>(&decision);
    http::Request request;  // what the server knows of it, of which the log gets only what has a place there
    request.body = fmt::format(R"({{"prompt": "{}"}})", canaries.back());
    request.query = {{"q", canaries.back()}};
    request.path = "/api/" + canaries.back();
    accounts->record({identity == nullptr ? http::Identity{} : *identity, "127.0.0.1", request.method,
                      "/api/{name}", "tiny:latest", identity == nullptr ? 401 : 200, "req_1"},
                     kNoon.wall);
  }
  accounts->flush();
  EXPECT_FALSE(accounts->problem());
  AuditLog log = AuditLog::open(path()).value();
  EXPECT_EQ(log.verify()->n_rows, 20);
  int n_files = 0;
  for (const auto& file : std::filesystem::directory_iterator(path())) {
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    for (const std::string& canary : canaries)
      EXPECT_EQ(bytes.find(canary), std::string::npos) << file.path();
    EXPECT_EQ(bytes.find(token.substr(16)), std::string::npos) << file.path();
    ++n_files;
  }
  EXPECT_GE(n_files, 4);
}

TEST_F(AccountsTest, AuditLogWasCut_IsToldAtTheNextStart) {
  {
    auto accounts = open();
    for (int i = 0; i < 5; ++i) accounts->record({});
  }
  ASSERT_TRUE(Database::open(path() / "audit.db")->execute("DELETE FROM audit WHERE row > 3"));
  auto accounts = open();
  ASSERT_TRUE(accounts->problem());
  EXPECT_NE(accounts->problem()->find("the end is missing"), std::string::npos);
}

TEST_F(AccountsTest, Open_FolderThatOthersMayEnter_IsClosedToThem) {
  std::filesystem::create_directories(path());
  std::filesystem::permissions(path(), std::filesystem::perms::all);
  auto accounts = open();
  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

}  // namespace
}  // namespace hearth::server::accounts
