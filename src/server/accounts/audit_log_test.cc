#include "server/accounts/audit_log.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <thread>

#include "server/accounts/audit_anchor.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::accounts {
namespace {

constexpr int kRows = 12;

AuditEntry entry(int i) {
  return {1'790'000'000'000 + i,
          i % 3 == 0 ? "" : "0123456789ab",
          "127.0.0.1",
          "POST",
          "/api/chat",
          "tiny:latest",
          i % 5 == 0 ? 404 : 200,
          fmt::format("req_{:024}", i)};
}

std::vector<AuditEntry> entries(int n) {
  std::vector<AuditEntry> made;
  for (int i = 0; i < n; ++i) made.push_back(entry(i));
  return made;
}

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLog open() {
    auto log = AuditLog::open(folder_.path());
    EXPECT_TRUE(log) << log.error().message();
    return std::move(log).value();
  }
  Database database() {
    auto database = Database::open(folder_ / "audit.db");
    EXPECT_TRUE(database) << database.error().message();
    return std::move(database).value();
  }
  std::filesystem::path anchor_path() const { return folder_ / "audit.anchor"; }
  AuditHead anchor() { return read_anchor(anchor_path())->value(); }

  testing::TemporaryFolder folder_;
};

TEST_F(AuditLogTest, Verify_UntouchedLog_GivesItsHead) {
  AuditLog log = open();
  EXPECT_EQ(log.verify()->n_rows, 0);
  ASSERT_TRUE(log.append(entries(3)));
  ASSERT_TRUE(log.append(entries(kRows)));
  ASSERT_TRUE(log.append({}));
  const auto head = log.verify();
  ASSERT_TRUE(head) << head.error().message();
  EXPECT_EQ(head->n_rows, 3 + kRows);
  EXPECT_EQ(*head, anchor());
  EXPECT_EQ(*open().verify(*head), *head);
  EXPECT_TRUE(log.check_end());
}

TEST_F(AuditLogTest, Verify_HeadNotedEarlier_IsFoundInALongerLog) {
  AuditLog log = open();
  ASSERT_TRUE(log.append(entries(3)));
  const AuditHead noted = *log.verify();
  ASSERT_TRUE(log.append(entries(3)));
  EXPECT_TRUE(log.verify(AuditHead::parse(noted.text()).value()));
  AuditHead other = noted;
  other.hash[0] = other.hash[0] == 'a' ? 'b' : 'a';
  EXPECT_FALSE(log.verify(other));
}

// One change that somebody with access to the file might make, drawn at random. Returns what it was.
std::string tamper(Database& database, const std::filesystem::path& anchor_path, std::mt19937& random) {
  const auto draw = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const int row = 1 + draw(kRows);
  const auto run = [&database](std::string sql) {
    const auto done = database.execute(sql);
    EXPECT_TRUE(done) << sql << ": " << done.error().message();
    return sql;
  };
  switch (draw(7)) {
    case 0: {
      static constexpr std::array kNumbers{"time_ms", "status"};
      return run(fmt::format("UPDATE audit SET {0} = {0} + {1} WHERE row = {2}", kNumbers[draw(2)],
                             1 + draw(1000), row));
    }
    case 1: {
      static constexpr std::array kTexts{"key_id", "peer", "method", "route", "model", "request_id", "hash"};
      return run(fmt::format("UPDATE audit SET {0} = {0} || char({1}) WHERE row = {2}", kTexts[draw(7)],
                             32 + draw(90), row));
    }
    case 2:  // a character from one field to the next
      return run(
          fmt::format("UPDATE audit SET model = substr(route, -1) || model, route = substr(route, 1, "
                      "length(route) - 1) WHERE row = {}",
                      row));
    case 3:
      return run(fmt::format("DELETE FROM audit WHERE row = {}", row));
    case 4: {  // two rows change places
      const int other = 1 + (row + draw(kRows - 1)) % kRows;
      return run(
          fmt::format("UPDATE audit SET row = 0 WHERE row = {0}; UPDATE audit SET row = {0} WHERE row = {1}; "
                      "UPDATE audit SET row = {1} WHERE row = 0",
                      row, other));
    }
    case 5:  // the end
      return run(fmt::format("DELETE FROM audit WHERE row >= {}", row));
    default: {
      AuditHead head = read_anchor(anchor_path)->value();
      if (draw(2) == 0) {
        head.n_rows += 1 + draw(5);
      } else {
        char& digit = head.hash[draw(64)];
        digit = digit == '0' ? '1' : '0';
      }
      std::ofstream(anchor_path) << "hearth-audit-anchor 1 " << head.text() << '\n';
      return "anchor " + head.text();
    }
  }
}

TEST_F(AuditLogTest, Verify_AThousandRandomEdits_FindsEach) {
  AuditLog log = open();
  ASSERT_TRUE(log.append(entries(kRows)));
  const AuditHead whole = anchor();
  Database file = database();
  ASSERT_TRUE(file.execute("PRAGMA synchronous = OFF; CREATE TEMP TABLE original AS SELECT * FROM audit"));
  std::mt19937 random(7);
  const int n_edits = testing::kSanitized ? 200 : 1000;
  int n_found = 0;
  for (int i = 0; i < n_edits; ++i) {
    const std::string edit = tamper(file, anchor_path(), random);
    const auto verdict = log.verify();
    EXPECT_FALSE(verdict) << edit;
    n_found += !verdict && verdict.error().code() == ErrorCode::kMalformed ? 1 : 0;
    ASSERT_TRUE(file.execute("BEGIN; DELETE FROM audit; INSERT INTO audit SELECT * FROM original; COMMIT"));
    if (anchor() != whole) {
      std::ofstream(anchor_path()) << "hearth-audit-anchor 1 " << whole.text() << '\n';
    }
    if (i % 50 == 0) {
      ASSERT_TRUE(log.verify());
    }
  }
  EXPECT_EQ(n_found, n_edits);
}

TEST_F(AuditLogTest, Verify_LogCutAndWrittenOn_FindsIt) {
  ASSERT_TRUE(open().append(entries(10)));
  ASSERT_TRUE(database().execute("DELETE FROM audit WHERE row > 7"));
  EXPECT_FALSE(open().check_end());
  AuditLog log = open();
  ASSERT_TRUE(log.append(entries(20)));  // longer than it ever was, with a chain that holds
  EXPECT_FALSE(log.check_end());
  const auto verdict = log.verify();
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().message().find("the end is missing"), std::string::npos);
}

TEST_F(AuditLogTest, Verify_AnchorOrDatabaseTakenAway_FindsIt) {
  ASSERT_TRUE(open().append(entries(10)));
  const AuditHead whole = anchor();
  std::filesystem::remove(anchor_path());
  EXPECT_FALSE(open().verify());
  EXPECT_FALSE(open().check_end());
  ASSERT_TRUE(write_anchor(anchor_path(), whole));
  EXPECT_TRUE(open().verify());
  for (const char* name : {"audit.db", "audit.db-wal", "audit.db-shm"})
    std::filesystem::remove(folder_ / name);
  EXPECT_FALSE(open().verify());
}

TEST_F(AuditLogTest, Verify_AnchorBehindTheLog_IsNoAlarm) {
  // What a loss of power between the rows and the anchor leaves.
  AuditLog log = open();
  ASSERT_TRUE(log.append(entries(5)));
  const AuditHead before = anchor();
  ASSERT_TRUE(log.append(entries(5)));
  ASSERT_TRUE(write_anchor(anchor_path(), before));
  EXPECT_EQ(log.verify()->n_rows, 10);
  ASSERT_TRUE(log.append(entries(1)));
  EXPECT_EQ(anchor().n_rows, 11);
}

TEST_F(AuditLogTest, Append_FromTwoThreads_KeepsOneChain) {
  constexpr int kBatches = 10;
  const auto write = [this] {
    AuditLog log = open();
    for (int i = 0; i < kBatches; ++i) EXPECT_TRUE(log.append(entries(3)));
  };
  std::thread other(write);
  write();
  other.join();
  EXPECT_EQ(open().verify()->n_rows, 2 * kBatches * 3);
  EXPECT_EQ(anchor().n_rows, 2 * kBatches * 3);
}

TEST(AuditHead, Parse_WhatIsNone_IsMalformed) {
  const std::string hash(64, 'a');
  EXPECT_EQ(AuditHead::parse("12:" + hash)->n_rows, 12);
  for (const std::string& text : {std::string(), std::string("12"), "12:" + hash + "a", "-1:" + hash,
                                  "x:" + hash, "12:" + std::string(64, 'A'), ":" + hash, "12 :" + hash}) {
    EXPECT_FALSE(AuditHead::parse(text)) << text;
  }
}

}  // namespace
}  // namespace hearth::server::accounts
