#include "server/accounts/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "server/accounts/folder.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::accounts {
namespace {

using http::Scope;
using ::testing::IsSubstring;

const WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));

class KeyStoreTest : public ::testing::Test {
 protected:
  KeyStore open() {
    auto store = KeyStore::open(path());
    EXPECT_TRUE(store) << store.error().message();
    return std::move(store).value();
  }
  CreatedKey create(KeyStore& store, std::string name, Scopes scopes = {Scope::kInference}) {
    auto created = store.create({.name = std::move(name), .scopes = scopes}, kNow);
    EXPECT_TRUE(created) << created.error().message();
    return std::move(created).value();
  }
  std::filesystem::path path() const { return folder_ / "keys.db"; }
  std::string error_of_create(KeyStore& store, const NewKey& wish) {
    auto created = store.create(wish, kNow);
    return created ? "" : created.error().message();
  }

  testing::TemporaryFolder folder_;
};

TEST_F(KeyStoreTest, Create_NewKey_IsFoundByItsTokenAlone) {
  KeyStore store = open();
  const CreatedKey created = create(store, "laptop", {Scope::kInference, Scope::kAdmin});
  EXPECT_EQ(created.token.size(), 3U + 12U + 1U + 64U);
  EXPECT_TRUE(created.token.starts_with("hk_" + created.record.id + "_"));

  const auto found = store.find(created.token);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->name, "laptop");
  EXPECT_EQ((*found)->scopes.names(), "inference,admin");
  EXPECT_EQ((*found)->created, kNow);
  for (const std::string& wrong :
       {std::string(), created.record.id, "hk_" + created.record.id, created.token + "0",
        created.token.substr(0, created.token.size() - 1), "Bearer " + created.token, std::string(80, 'a')}) {
    const auto none = store.find(wrong);
    ASSERT_TRUE(none);
    EXPECT_FALSE(*none) << wrong;
  }
}

TEST_F(KeyStoreTest, Find_EachDigitChanged_FindsNothing) {
  KeyStore store = open();
  const std::string token = create(store, "laptop").token;
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    const auto found = store.find(changed);
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found) << i;
  }
}

TEST_F(KeyStoreTest, Create_Twice_GivesDifferentSecrets) {
  KeyStore store = open();
  std::set<std::string> secrets;
  for (int i = 0; i < 20; ++i) secrets.insert(create(store, fmt::format("key {}", i)).token.substr(16));
  EXPECT_EQ(secrets.size(), 20U);
}

TEST_F(KeyStoreTest, Create_BadWishes_SayWhatIsWrong) {
  KeyStore store = open();
  create(store, "taken");
  const auto wish = [](std::string name) {
    return NewKey{.name = std::move(name), .scopes = {Scope::kInference}};
  };
  EXPECT_PRED_FORMAT2(IsSubstring, "1 to 64 bytes", error_of_create(store, wish("")));
  EXPECT_PRED_FORMAT2(IsSubstring, "1 to 64 bytes", error_of_create(store, wish(std::string(65, 'x'))));
  EXPECT_PRED_FORMAT2(IsSubstring, "1 to 64 bytes", error_of_create(store, wish("a\x1b[2J")));
  EXPECT_PRED_FORMAT2(IsSubstring, "1 to 64 bytes", error_of_create(store, wish("a\xff")));
  EXPECT_PRED_FORMAT2(IsSubstring, "exists already", error_of_create(store, wish("taken")));
  NewKey none = wish("none");
  none.scopes = {};
  EXPECT_PRED_FORMAT2(IsSubstring, "scopes", error_of_create(store, none));
  NewKey past = wish("past");
  past.expires = kNow;
  EXPECT_PRED_FORMAT2(IsSubstring, "time to come", error_of_create(store, past));
  NewKey zero = wish("zero");
  zero.limits.tokens_per_day = 0;
  EXPECT_PRED_FORMAT2(IsSubstring, "tokens per day: expected at least 1, found 0",
                      error_of_create(store, zero));
}

TEST_F(KeyStoreTest, Revoke_Key_IsSeenByAnotherConnectionAtOnce) {
  KeyStore server = open();
  KeyStore command = open();
  const CreatedKey created = create(command, "laptop");
  ASSERT_TRUE((*server.find(created.token))->is_usable(kNow));
  ASSERT_TRUE(command.revoke("hk_" + created.record.id, kNow));
  const auto found = server.find(created.token);
  ASSERT_TRUE(found && *found);
  EXPECT_FALSE((*found)->is_usable(kNow));
  EXPECT_EQ((*found)->revoked, kNow);

  const auto again = command.revoke(created.record.id, kNow + std::chrono::hours(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->revoked, kNow);  // when it was is kept
  EXPECT_TRUE(*server.has_any());
  EXPECT_FALSE(*server.has_usable(kNow));
  EXPECT_EQ(command.revoke("nobody", kNow).error().code(), ErrorCode::kNotFound);
  create(command, "laptop");  // the name is free again
}

TEST_F(KeyStoreTest, IsUsable_ExpiredKey_IsNot) {
  KeyStore store = open();
  const WallTime end = kNow + std::chrono::hours(1);
  const auto created =
      store.create({.name = "short", .scopes = {Scope::kInference}, .expires = end, .limits = {}}, kNow);
  ASSERT_TRUE(created);
  EXPECT_TRUE(created->record.is_usable(end - std::chrono::milliseconds(1)));
  EXPECT_FALSE((*store.find(created->token))->is_usable(end));
}

TEST_F(KeyStoreTest, List_AfterReopening_HasEverythingInOrder) {
  {
    KeyStore store = open();
    create(store, "first");
    NewKey wish{.name = "second", .scopes = {Scope::kManage}, .limits = {60, 1000, 2}};
    ASSERT_TRUE(store.create(wish, kNow + std::chrono::seconds(1)));
  }
  KeyStore store = open();
  const auto keys = store.list();
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2U);
  EXPECT_EQ((*keys)[0].name, "first");
  EXPECT_FALSE((*keys)[0].limits.tokens_per_day);
  EXPECT_EQ((*keys)[1].limits.requests_per_minute, 60);
  EXPECT_EQ((*keys)[1].limits.tokens_per_day, 1000);
  EXPECT_EQ((*keys)[1].limits.concurrent_requests, 2);
}

TEST_F(KeyStoreTest, AddUsage_SeveralTimes_AddsUpByKeyAndDay) {
  KeyStore store = open();
  const std::string id = create(store, "laptop").record.id;
  ASSERT_TRUE(store.add_usage({{id, 100, 1, 10, 20}, {id, 101, 1, 1, 1}, {"unknown", 100, 1, 1, 1}}));
  ASSERT_TRUE(store.add_usage({{id, 100, 2, 5, 7}}));
  EXPECT_EQ(store.usage_of_day(id, 100)->n_tokens(), 42);
  EXPECT_EQ(store.usage_of_day(id, 99)->n_tokens(), 0);
  const auto days = store.usage(std::nullopt);
  ASSERT_TRUE(days);
  ASSERT_EQ(days->size(), 2U);
  EXPECT_EQ((*days)[0].day, 101);
  EXPECT_EQ((*days)[1].n_requests, 3);
  EXPECT_TRUE(store.usage("somebody else")->empty());
}

TEST_F(KeyStoreTest, Open_NewFiles_AreForTheirOwnerAlone) {
  KeyStore store = open();
  create(store, "laptop");
  for (const char* name : {"keys.db", "keys.db-wal", "keys.db-shm"}) {
    struct stat info {};
    ASSERT_EQ(stat((folder_ / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(KeyStoreTest, Files_AfterCreate_DoNotHoldTheSecret) {
  KeyStore store = open();
  const CreatedKey created = create(store, "laptop");
  for (const char* name : {"keys.db", "keys.db-wal"}) {
    std::ifstream file(folder_ / name, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(bytes.find(created.token.substr(16)), std::string::npos);
    EXPECT_EQ(bytes.find(created.token.substr(16, 16)), std::string::npos);
  }
}

TEST_F(KeyStoreTest, Open_NoDatabase_IsMalformedAndNamesTheFile) {
  std::ofstream(path()) << std::string(10'000, 'x');
  const auto store = KeyStore::open(path());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), ErrorCode::kMalformed);
  EXPECT_PRED_FORMAT2(IsSubstring, path().string(), store.error().message());
}

TEST_F(KeyStoreTest, Open_LaterVersion_IsUnsupported) {
  open();
  ASSERT_TRUE(Database::open(path())->execute("UPDATE schema SET version = 99"));
  EXPECT_EQ(KeyStore::open(path()).error().code(), ErrorCode::kUnsupported);
}

TEST_F(KeyStoreTest, Open_BytesChangedAnywhere_NeverCrashes) {
  {
    KeyStore store = open();
    for (int i = 0; i < 30; ++i) create(store, fmt::format("key {}", i));
  }
  std::ifstream file(path(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(whole.size(), 4096U);
  std::mt19937 random(1);
  int n_refused = 0;
  for (int round = 0; round < 60; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 40; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    std::filesystem::remove(folder_ / "keys.db-wal");
    std::filesystem::remove(folder_ / "keys.db-shm");
    std::ofstream(path(), std::ios::binary) << bytes;
    auto store = KeyStore::open(path());
    const bool readable = store && store->list() && store->find(std::string(80, 'a'));
    n_refused += readable ? 0 : 1;
  }
  EXPECT_GT(n_refused, 0);
}

TEST(Scopes, Parse_UnknownName_NamesIt) {
  EXPECT_EQ(Scopes::parse("manage,inference")->names(), "inference,manage");
  EXPECT_PRED_FORMAT2(IsSubstring, "\"root\"", Scopes::parse("inference,root").error().message());
  EXPECT_FALSE(Scopes::parse("public"));
  EXPECT_FALSE(Scopes::parse("inference,,admin"));
  EXPECT_TRUE(Scopes().has(Scope::kPublic));
}

TEST(DayOf, Midnight_BeginsADay) {
  using std::chrono::seconds;
  EXPECT_EQ(day_of(WallTime(seconds(86'399))), 0);
  EXPECT_EQ(day_of(WallTime(seconds(86'400))), 1);
  EXPECT_EQ(day_of(WallTime(seconds(-1))), -1);
}

}  // namespace
}  // namespace hearth::server::accounts
