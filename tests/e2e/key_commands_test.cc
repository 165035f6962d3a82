// hearth key and hearth audit: what people and their scripts see.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

using nlohmann::json;

class KeyCommands : public ::testing::Test {
 protected:
  Outcome hearth(const Arguments& arguments) {
    return run_hearth(arguments, std::nullopt, {{"HEARTH_HOME", (folder_ / "home").string()}});
  }
  std::filesystem::path accounts() const { return folder_ / "home" / "accounts"; }

  TemporaryFolder folder_;
};

TEST_F(KeyCommands, Create_PrintsTheKeyAloneAndKeepsItNowhere) {
  const Outcome made = hearth({"key", "create", "laptop"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string key = made.out.substr(0, made.out.size() - 1);
  EXPECT_EQ(key.size(), 80U);
  EXPECT_TRUE(key.starts_with("hk_"));
  EXPECT_CONTAINS(made.err, "first key");
  struct stat info {};
  ASSERT_EQ(stat(accounts().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
  for (const auto& file : std::filesystem::directory_iterator(accounts())) {
    ASSERT_EQ(stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << file.path();
    std::ifstream stream(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    EXPECT_FALSE(contains(bytes, key.substr(16))) << file.path();
  }
  const Outcome listed = hearth({"key", "list"});
  EXPECT_CONTAINS(listed.out, "laptop");
  EXPECT_FALSE(contains(listed.out, key.substr(16)));
}

TEST_F(KeyCommands, CreateListRevoke_AsJson_TellTheSame) {
  const json made =
      json::parse(hearth({"key", "create", "ci", "--scope", "inference,manage", "--expires", "90d",
                          "--requests-per-minute", "60", "--tokens-per-day", "1000", "--json"})
                      .out);
  EXPECT_TRUE(made["key"].get<std::string>().starts_with(made["id"].get<std::string>()));
  EXPECT_EQ(made["scopes"], json({"inference", "manage"}));
  json listed = json::parse(hearth({"key", "list", "--json"}).out)["keys"];
  ASSERT_EQ(listed.size(), 1U);
  json without_key = made;
  without_key.erase("key");
  EXPECT_EQ(listed[0], without_key);
  EXPECT_EQ(listed[0]["requests_per_minute"], 60);
  EXPECT_EQ(listed[0]["concurrent_requests"], nullptr);

  EXPECT_EQ(hearth({"key", "revoke", made["id"]}).exit_code, 0);
  listed = json::parse(hearth({"key", "list", "--json"}).out)["keys"];
  EXPECT_EQ(listed[0]["state"], "revoked");
  EXPECT_EQ(json::parse(hearth({"key", "usage", "--json"}).out), json({{"usage", json::array()}}));
}

TEST_F(KeyCommands, WrongCommandLines_SayWhatIsWrong) {
  const Outcome scope = hearth({"key", "create", "x", "--scope", "root"});
  EXPECT_EQ(scope.exit_code, 2);
  EXPECT_CONTAINS(scope.err, "expected inference, manage or admin");
  const Outcome expires = hearth({"key", "create", "x", "--expires", "soon"});
  EXPECT_EQ(expires.exit_code, 2);
  EXPECT_CONTAINS(expires.err, "as in 90d, found 'soon'");
  const Outcome unknown = hearth({"key", "revoke", "hk_000000000000"});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_CONTAINS(unknown.err, "no key has the id");
  EXPECT_EQ(hearth({"key"}).exit_code, 2);
  EXPECT_EQ(hearth({"key", "create"}).exit_code, 2);
  EXPECT_EQ(hearth({"key", "create", "x", "--tokens-per-day", "0"}).exit_code, 2);
  EXPECT_EQ(hearth({"key", "create", "twice"}).exit_code, 0);
  EXPECT_EQ(hearth({"key", "create", "twice"}).exit_code, 1);
}

TEST_F(KeyCommands, DamagedDatabase_IsToldWithItsName) {
  ASSERT_EQ(hearth({"key", "create", "x"}).exit_code, 0);
  for (const char* name : {"keys.db", "keys.db-wal", "keys.db-shm"})
    std::filesystem::remove(accounts() / name);
  std::ofstream(accounts() / "keys.db") << std::string(5000, 'x');
  const Outcome outcome = hearth({"key", "list"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, (accounts() / "keys.db").string());
  EXPECT_CONTAINS(outcome.err, "damaged");
}

TEST_F(KeyCommands, AuditVerify_FindsWhatWasTakenAway) {
  EXPECT_EQ(hearth({"audit", "verify"}).exit_code, 1);  // there is none yet
  ASSERT_EQ(hearth({"key", "create", "a"}).exit_code, 0);
  const std::string head = json::parse(hearth({"audit", "verify", "--json"}).out)["head"];
  EXPECT_TRUE(head.starts_with("1:")) << head;
  ASSERT_EQ(hearth({"key", "create", "b"}).exit_code, 0);
  EXPECT_CONTAINS(hearth({"audit", "verify", "--expect", head}).out, "whole: 2 rows");
  EXPECT_EQ(hearth({"audit", "verify", "--expect", "2" + head.substr(1)}).exit_code, 1);
  EXPECT_EQ(hearth({"audit", "verify", "--expect", "nonsense"}).exit_code, 2);
  for (const char* name : {"audit.db", "audit.db-wal", "audit.db-shm"})
    std::filesystem::remove(accounts() / name);
  const Outcome outcome = hearth({"audit", "verify"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_CONTAINS(outcome.err, "the end is missing");
}

}  // namespace
}  // namespace hearth::testing
