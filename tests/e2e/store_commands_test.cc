// The commands that work on the store's folder: history, rollback, gc.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/store_fixture.h"
#include "tests/e2e/hearth_process.h"

namespace hearth::testing {
namespace {

using nlohmann::json;
using store::name_of;

class StoreCommands : public ::testing::Test {
 protected:
  // Of the store's folder.
  Outcome hearth(Arguments arguments) {
    arguments.insert(arguments.end(), {"--models", store_.root().string()});
    return run_hearth(arguments);
  }
  json hearth_json(Arguments arguments) {
    arguments.emplace_back("--json");
    const Outcome outcome = hearth(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return json::parse(outcome.out, nullptr, false);
  }
  void write(const std::string& name, const std::string& model) {
    ASSERT_TRUE(store_->write_manifest(name_of(name), store_.put_manifest_blobs(model)));
  }

  store::TestStore store_;
};

TEST_F(StoreCommands, HistoryAndRollback_TellAndUndoChanges) {
  for (const char* text : {"one", "second", "three"}) write("tiny", text);
  const Outcome table = hearth({"history", "tiny"});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_CONTAINS(table.out, "3 (current)");
  EXPECT_CONTAINS(table.out, "weights");
  EXPECT_CONTAINS(table.out, "created");

  const json history = hearth_json({"history", "tiny"});
  EXPECT_EQ(history["model"], "tiny:latest");
  ASSERT_EQ(history["versions"].size(), 3U);
  EXPECT_EQ(history["versions"][0]["version"], 3);
  EXPECT_EQ(history["versions"][0]["change"], "weights");
  EXPECT_EQ(history["versions"][2]["missing"], json::array());

  const json back = hearth_json({"rollback", "tiny", "1"});
  EXPECT_EQ(back["version"], 4);
  EXPECT_EQ(back["digest"], history["versions"][2]["digest"]);
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"][0]["change"], "back to 1");
  EXPECT_CONTAINS(hearth({"rollback", "tiny"}).err, "as version 5");

  std::filesystem::remove(store_->blob_path(store::Digest::of("second")));
  const Outcome missing = hearth({"rollback", "tiny", "2"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_CONTAINS(missing.err, store::Digest::of("second").text());
  EXPECT_CONTAINS(hearth({"history", "tiny"}).out, "1 blob missing");
  EXPECT_EQ(hearth({"rollback", "tiny", "77"}).exit_code, 1);
  EXPECT_EQ(hearth({"rollback", "tiny", "0"}).exit_code, 2);
  EXPECT_EQ(hearth({"history", "none"}).exit_code, 1);
}

TEST_F(StoreCommands, GcKeepVersions_DeletesOldOnesAndTheirBlobs) {
  for (const char* text : {"one", "second", "three"}) write("tiny", text);
  const json nothing = hearth_json({"gc", "--min-age", "0s"});
  EXPECT_EQ(nothing["versions"], 0);
  EXPECT_EQ(nothing["blobs"], json::array());
  const json would = hearth_json({"gc", "--min-age", "0s", "--keep-versions", "1", "--dry-run"});
  EXPECT_EQ(would["versions"], 1);
  EXPECT_EQ(would["dry_run"], true);
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"].size(), 3U);
  const Outcome done = hearth({"gc", "--min-age", "0s", "--keep-versions", "1"});
  EXPECT_EQ(done.out, store::Digest::of("one").text() + "\n");
  EXPECT_CONTAINS(done.err, "1 former version");
  EXPECT_EQ(hearth_json({"history", "tiny"})["versions"].size(), 2U);
  EXPECT_EQ(hearth({"gc", "--keep-versions", "-1"}).exit_code, 2);
}

}  // namespace
}  // namespace hearth::testing
