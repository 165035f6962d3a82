#include "server/accounts/recorder.h"

#include <gtest/gtest.h>

#include "server/accounts/folder.h"
#include "tests/support/temporary_folder.h"

namespace hearth::server::accounts {
namespace {

using namespace std::chrono_literals;

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest() : reader_(open_keys()) {
    const NewKey wish{.name = "laptop", .scopes = {http::Scope::kInference}};
    id_ = reader_.create(wish, std::chrono::system_clock::now())->record.id;
  }
  KeyStore open_keys() { return KeyStore::open(folder_ / "keys.db").value(); }
  AuditLog open_audit() { return AuditLog::open(folder_.path()).value(); }

  testing::TemporaryFolder folder_;
  KeyStore reader_;
  std::string id_;
};

TEST_F(RecorderTest, Destruction_WritesWhatWaits) {
  {
    Recorder recorder(open_keys(), open_audit(), {.interval = 1h});
    for (int i = 0; i < 100; ++i) {
      recorder.add_usage({id_, 5, 1, 2, 3});
      recorder.add_audit({i, id_, "127.0.0.1", "GET", "/", "", 200, "req"});
    }
    EXPECT_EQ(reader_.usage_of_day(id_, 5)->n_requests, 0);
  }
  EXPECT_EQ(reader_.usage_of_day(id_, 5)->n_requests, 100);
  EXPECT_EQ(reader_.usage_of_day(id_, 5)->n_tokens(), 500);
  EXPECT_EQ(open_audit().verify()->n_rows, 100);
}

TEST_F(RecorderTest, Flush_WritesAtOnce) {
  Recorder recorder(open_keys(), open_audit(), {.interval = 1h});
  recorder.add_usage({id_, 5, 1, 2, 3});
  recorder.flush();
  EXPECT_EQ(reader_.usage_of_day(id_, 5)->n_requests, 1);
  EXPECT_FALSE(recorder.problem());
}

TEST_F(RecorderTest, NoAuditLog_WritesUsageAlone) {
  Recorder recorder(open_keys(), std::nullopt, {.interval = 1h});
  recorder.add_usage({id_, 5, 1, 2, 3});
  recorder.add_audit({});
  recorder.flush();
  EXPECT_EQ(reader_.usage_of_day(id_, 5)->n_requests, 1);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "audit.db"));
}

TEST_F(RecorderTest, DiskTakesNothing_TellsAndWritesLater) {
  // A table that is gone is as good as a disk that is full.
  Recorder recorder(open_keys(), open_audit(), {.interval = 1h});
  Database file = Database::open(folder_ / "keys.db").value();
  ASSERT_TRUE(file.execute("ALTER TABLE usage RENAME TO away"));
  recorder.add_usage({id_, 5, 1, 2, 3});
  recorder.flush();
  ASSERT_TRUE(recorder.problem());
  recorder.add_usage({id_, 5, 1, 2, 3});
  ASSERT_TRUE(file.execute("ALTER TABLE away RENAME TO usage"));
  recorder.flush();
  EXPECT_FALSE(recorder.problem());
  EXPECT_EQ(open_keys().usage_of_day(id_, 5)->n_requests, 2);
}

TEST_F(RecorderTest, TooManyRowsWait_LossIsItselfARow) {
  {
    Recorder recorder(open_keys(), open_audit(), {.interval = 1h, .max_waiting_rows = 10});
    for (int i = 0; i < 17; ++i) recorder.add_audit({i, "", "127.0.0.1", "GET", "/", "", 200, ""});
  }
  EXPECT_EQ(open_audit().verify()->n_rows, 11);
  Database file = Database::open(folder_ / "audit.db").value();
  Statement last = file.prepare("SELECT method, route FROM audit WHERE row = 11").value();
  ASSERT_TRUE(*last.step());
  EXPECT_EQ(last.text(0) + " " + last.text(1), "LOST 7 rows");
}

}  // namespace
}  // namespace hearth::server::accounts
