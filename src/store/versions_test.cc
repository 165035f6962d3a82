#include "store/versions.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/layer_kinds.h"
#include "store/store_fixture.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

std::string model_of(const TestStore& store, const std::string& name, uint64_t number) {
  const auto stored = read_version(*store, name_of(name), number);
  if (!stored) return stored.error().message();
  return *store->read_blob(stored->manifest.first(media_type::kModel)->digest, 100);
}

class Versions : public ::testing::Test {
 protected:
  // "one" is version 1, "two" 2, "three" is present.
  void SetUp() override {
    for (const char* text : {"one", "two", "three"}) {
      ASSERT_TRUE(store_->write_manifest(name_of("Tiny"), store_.put_manifest_blobs(text)));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  TestStore store_;
};

TEST_F(Versions, History_IsAllThatTheNameStoodFor) {
  const auto history = read_history(*store_, name_of("tiny"));
  ASSERT_TRUE(history) << history.error().message();
  ASSERT_EQ(history->size(), 3U);
  const std::vector<const char*> texts{"three", "two", "one"};
  for (size_t i = 0; i < 3; ++i) {
    const VersionEntry& entry = (*history)[i];
    EXPECT_EQ(entry.number, 3 - i);
    EXPECT_EQ(entry.is_current, i == 0);
    EXPECT_EQ(entry.manifest->layers[0].digest, Digest::of(texts[i]));
    EXPECT_TRUE(entry.missing.empty());
    EXPECT_EQ(model_of(store_, "tiny", entry.number), texts[i]);
    if (i > 0) {
      EXPECT_LT(entry.modified_at, (*history)[i - 1].modified_at) << "when it was written, not kept";
    }
    EXPECT_EQ(changed_parts(*(*history)[1].manifest, *(*history)[0].manifest),
              std::vector<std::string>{"weights"});
  }
  EXPECT_EQ(read_history(*store_, name_of("none")).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(model_of(store_, "tiny", 4),
            "model 'Tiny:latest' has no version 4; its versions are numbered up to 3");
}

TEST_F(Versions, RollBack_IsAChangeThatCanBeRolledBack) {
  const auto back = roll_back(*store_, name_of("tiny"), 1);
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->number, 4U);
  EXPECT_EQ(model_of(store_, "tiny", 4), "one");
  EXPECT_EQ(model_of(store_, "tiny", 3), "three") << "what was present is kept";
  ASSERT_TRUE(roll_back(*store_, name_of("TINY"), std::nullopt));
  EXPECT_EQ(model_of(store_, "tiny", 5), "three");
  ASSERT_TRUE(roll_back(*store_, name_of("tiny"), std::nullopt));
  EXPECT_EQ(model_of(store_, "tiny", 6), "one");
  // To what it is already: nothing changes.
  EXPECT_EQ(roll_back(*store_, name_of("tiny"), 6)->number, 6U);
  EXPECT_EQ(read_history(*store_, name_of("tiny"))->size(), 6U);
  EXPECT_EQ(roll_back(*store_, name_of("tiny"), 9).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(roll_back(*store_, name_of("none"), std::nullopt).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);
}

TEST_F(Versions, RollBackWithoutItsBlobs_NamesThemAndChangesNothing) {
  fs::remove(store_->blob_path(Digest::of("two")));
  const auto back = roll_back(*store_, name_of("tiny"), std::nullopt);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(back.error().message().find(Digest::of("two").text()), std::string::npos);
  EXPECT_EQ(read_history(*store_, name_of("tiny"))->at(1).missing, std::vector<Digest>{Digest::of("two")});
  EXPECT_EQ(model_of(store_, "tiny", 3), "three");
  EXPECT_EQ(read_history(*store_, name_of("tiny"))->size(), 3U);
}

TEST_F(Versions, RollBackWithoutFormerVersions_Fails) {
  ASSERT_TRUE(store_->write_manifest(name_of("new"), store_.put_manifest_blobs("x")));
  EXPECT_EQ(roll_back(*store_, name_of("new"), std::nullopt).error().message(),
            "model 'new:latest' has no former version");
  EXPECT_EQ(read_history(*store_, name_of("new"))->size(), 1U);
}

// A program that died between keeping a version and writing the manifest left the present one twice.
TEST_F(Versions, ChangeThatDiedHalfWay_IsNoSecondVersion) {
  const auto stored = store_->manifest(name_of("tiny"));
  store_.put_file("hearth/history/registry.ollama.ai/library/tiny/latest/00000003-" + stored->digest.hex(),
                  stored->bytes);
  const auto history = read_history(*store_, name_of("tiny"));
  ASSERT_EQ(history->size(), 3U);
  EXPECT_EQ(history->front().number, 3U);
  EXPECT_TRUE(history->front().is_current);
  ASSERT_TRUE(roll_back(*store_, name_of("tiny"), std::nullopt));
  EXPECT_EQ(model_of(store_, "tiny", 4), "two");
  EXPECT_EQ(read_history(*store_, name_of("tiny"))->size(), 4U);
}

TEST_F(Versions, UnreadablePresentManifest_CanBeRolledBack) {
  store_.put_file("manifests/registry.ollama.ai/library/Tiny/latest", "{");
  const auto history = read_history(*store_, name_of("tiny"));
  ASSERT_TRUE(history);
  EXPECT_FALSE(history->front().manifest);
  ASSERT_TRUE(roll_back(*store_, name_of("tiny"), 2));
  EXPECT_EQ(*store_->read_blob(store_->manifest(name_of("tiny"))->manifest.layers[0].digest, 10), "two");
}

TEST_F(Versions, DamagedVersion_IsNotRolledBackTo) {
  const auto history = read_history(*store_, name_of("tiny"));
  store_.put_file(
      "hearth/history/registry.ollama.ai/library/tiny/latest/00000001-" + (*history)[2].digest.hex(),
      store_.put_manifest_blobs("another"));
  EXPECT_EQ(roll_back(*store_, name_of("tiny"), 1).error().code(), ErrorCode::kMalformed);
  EXPECT_EQ(model_of(store_, "tiny", 3), "three");
}

TEST_F(Versions, KeepVersions_LeavesTheNewestOfEachName) {
  ASSERT_TRUE(store_->write_manifest(name_of("other"), store_.put_manifest_blobs("first")));
  ASSERT_TRUE(store_->write_manifest(name_of("other"), store_.put_manifest_blobs("second")));
  store_.age_blobs(std::chrono::hours(2));
  const auto would = collect_versions(*store_, {.dry_run = true}, 1);
  ASSERT_TRUE(would) << would.error().message();
  EXPECT_EQ(would->n_versions, 1U);
  EXPECT_EQ(would->garbage.blobs, std::vector<Digest>{Digest::of("one")});
  EXPECT_EQ(store_->versions(name_of("tiny"))->size(), 2U);
  EXPECT_TRUE(store_->collect_garbage()->blobs.empty()) << "all are kept by default";

  EXPECT_EQ(collect_versions(*store_, {}, 1)->garbage.blobs, would->garbage.blobs);
  EXPECT_EQ(store_->versions(name_of("tiny"))->front().number, 2U);
  EXPECT_EQ(store_->versions(name_of("other"))->size(), 1U);
  EXPECT_EQ(collect_versions(*store_, {}, 0)->n_versions, 2U);
  EXPECT_FALSE(store_->has_blob(Digest::of("two")));
  EXPECT_FALSE(store_->has_blob(Digest::of("first")));
  EXPECT_TRUE(store_->has_blob(Digest::of("three")));
  EXPECT_EQ(read_history(*store_, name_of("tiny"))->size(), 1U);
}

TEST(ChangedParts, AreNamedByWhatPeopleCallThem) {
  const auto layer = [](std::string_view type, std::string_view text) {
    return Layer{std::string(type), Digest::of(text), text.size(), "", ""};
  };
  Manifest a;
  a.config = layer(media_type::kConfig, "{}");
  a.layers = {layer(media_type::kModel, "m"), layer(media_type::kSystem, "s"), layer("application/x", "x")};
  EXPECT_TRUE(changed_parts(a, a).empty());
  Manifest b = a;
  b.config = layer(media_type::kConfig, "{ }");
  EXPECT_EQ(changed_parts(a, b), std::vector<std::string>{"config"});
  b.layers[1] = layer(media_type::kSystem, "t");
  b.layers[2] = layer(media_type::kParams, "p");
  EXPECT_EQ(changed_parts(a, b), (std::vector<std::string>{"application/x", "parameters", "system"}));
  Manifest c = a;
  std::swap(c.layers[0], c.layers[1]);
  EXPECT_EQ(changed_parts(a, c), std::vector<std::string>{"order"});
}

}  // namespace
}  // namespace hearth::store
