// Blobs of files that lie outside of the store, and take no room in it.
#include "store/adopt.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/new_model.h"
#include "store/store_fixture.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

class AdoptTest : public ::testing::Test {
 protected:
  fs::path put(const std::string& name, std::string_view bytes) const {
    std::ofstream(outside_ / name, std::ios::binary) << bytes;
    return outside_ / name;
  }
  AdoptedBlob adopt(const fs::path& file, Placement way) {
    auto blob = adopt_file(*store_, file, {way});
    EXPECT_TRUE(blob) << blob.error().message();
    return blob ? std::move(*blob) : AdoptedBlob{};
  }
  // A model of it, whose only name this is.
  void name(const AdoptedBlob& blob) {
    const NewModel model{
        name_of("mine"), {{std::string(media_type::kModel), blob.digest, blob.size_bytes, "", ""}}, "{}", {}};
    const auto created = create_model(*store_, model);
    EXPECT_TRUE(created) << created.error().message();
  }
  std::string read_outside(const fs::path& path) const {
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    return bytes.str();
  }
  size_t n_references() const { return store_.count_files("hearth/references"); }

  hearth::testing::TemporaryFolder outside_;
  TestStore store_;
};

TEST_F(AdoptTest, EachWay_GivesTheBlob) {
  const Digest digest = Digest::of("weights");
  for (const Placement way : {Placement::kHardLink, Placement::kReference, Placement::kCopy}) {
    const fs::path file = put("tiny.gguf", "weights");
    {
      const AdoptedBlob blob = adopt(file, way);
      EXPECT_EQ(blob.placement, way);
      EXPECT_EQ(blob.digest, digest);
      EXPECT_EQ(blob.size_bytes, 7U);
      EXPECT_EQ(store_->blob_size(digest), 7U);
      EXPECT_TRUE(store_->is_verified(digest)) << placement_name(way);
      EXPECT_EQ(store_->collect_garbage({.min_age = std::chrono::seconds(0)})->blobs.size(), 0U)
          << "it is held";
      EXPECT_EQ(adopt(file, Placement::kCopy).placement, Placement::kWasThere);
    }
    EXPECT_EQ(store_.count_files("hearth/incoming"), 0U);
    const auto garbage = store_->collect_garbage({.min_age = std::chrono::seconds(0)});
    ASSERT_TRUE(garbage);
    EXPECT_EQ(garbage->blobs, std::vector<Digest>{digest});
    EXPECT_EQ(garbage->size_bytes, way == Placement::kCopy ? 7U : 0U) << placement_name(way);
    EXPECT_EQ(read_outside(file), "weights") << "the file is not ours to delete";
    EXPECT_EQ(n_references(), 0U);
  }
}

TEST_F(AdoptTest, InPlace_TakesNoRoom) {
  constexpr size_t kBytes = size_t{8} << 20U;
  const fs::path file = put("large.gguf", std::string(kBytes, 'x'));
  const auto blob = adopt_file(*store_, file);
  ASSERT_TRUE(blob) << blob.error().message();
  // Of what is in the store and has no other name.
  size_t own_bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(store_.root())) {
    struct stat info {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
    if (blob->placement == Placement::kReflink && entry.path() == store_->blob_path(blob->digest)) continue;
    if (S_ISREG(info.st_mode) && info.st_nlink == 1) own_bytes += static_cast<size_t>(info.st_blocks) * 512;
  }
  EXPECT_LT(own_bytes, size_t{1} << 20U) << placement_name(blob->placement);
}

TEST_F(AdoptTest, AdoptedFile_KeepsItsTimesAndMode) {
  for (const Placement way : {Placement::kHardLink, Placement::kReference, Placement::kCopy}) {
    const fs::path file = put("tiny.gguf", fmt::format("weights {}", placement_name(way)));
    ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
    struct stat before {};
    struct stat after {};
    ASSERT_EQ(::stat(file.c_str(), &before), 0);
    adopt(file, way);
    ASSERT_EQ(::stat(file.c_str(), &after), 0);
    EXPECT_EQ(before.st_mode, after.st_mode);
    EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    EXPECT_EQ(before.st_ino, after.st_ino);
  }
}

TEST_F(AdoptTest, FileOfAHardLink_MayGoAndMayNotChange) {
  const fs::path file = put("tiny.gguf", "weights");
  name(adopt(file, Placement::kHardLink));
  std::ofstream(file, std::ios::binary) << "weighty";
  EXPECT_FALSE(store_->is_verified(Digest::of("weights")));
  EXPECT_EQ(store_->ensure_verified(Digest::of("weights")).error().code(), ErrorCode::kMalformed);
  const auto report = store_->verify();
  ASSERT_EQ(report->faults.size(), 1U);
  EXPECT_EQ(report->faults[0].kind, BlobFault::Kind::kWrongContent);
  std::ofstream(file, std::ios::binary) << "weights";
  EXPECT_TRUE(store_->verify()->faults.empty());
  fs::remove(file);
  EXPECT_TRUE(store_->verify()->faults.empty()) << "the store's name of it stays";
  const auto config_bytes = store_->manifest(name_of("mine"))->manifest.config.size_bytes;
  EXPECT_EQ(store_->remove(name_of("mine"))->freed_bytes, 7U + config_bytes) << "now it is the last name";
}

TEST_F(AdoptTest, FileOfAReference_MustStay) {
  const fs::path file = put("tiny.gguf", "weights");
  name(adopt(file, Placement::kReference));
  EXPECT_TRUE(fs::is_symlink(store_->blob_path(Digest::of("weights"))));
  EXPECT_TRUE(store_->open_blob(Digest::of("weights")));
  EXPECT_FALSE(store_->read_blob(Digest::of("weights"), 100)) << "small layers are never elsewhere";
  std::ofstream(file, std::ios::binary) << "weighty";
  EXPECT_EQ(store_->verify()->faults.at(0).kind, BlobFault::Kind::kWrongContent);
  fs::remove(file);
  const auto report = store_->verify();
  ASSERT_EQ(report->faults.size(), 1U);
  EXPECT_EQ(report->faults[0].kind, BlobFault::Kind::kMissing);
  EXPECT_NE(report->faults[0].message.find("tiny.gguf"), std::string::npos) << report->faults[0].message;
  const auto opened = store_->open_blob(Digest::of("weights"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message().find("tiny.gguf"), std::string::npos)
      << "clients of a server see this one";
  const auto removed = store_->remove(name_of("mine"));
  ASSERT_TRUE(removed);
  EXPECT_FALSE(fs::is_symlink(store_->blob_path(Digest::of("weights"))))
      << "a link that leads nowhere goes, too";
  EXPECT_EQ(n_references(), 0U);
}

TEST_F(AdoptTest, RemovedModel_LeavesTheFile) {
  for (const Placement way : {Placement::kHardLink, Placement::kReference}) {
    const fs::path file = put("tiny.gguf", "weights");
    name(adopt(file, way));
    const auto removed = store_->remove(name_of("mine"));
    ASSERT_TRUE(removed) << removed.error().message();
    EXPECT_FALSE(store_->has_blob(Digest::of("weights")));
    EXPECT_EQ(store_.count_files("blobs"), 0U);
    EXPECT_EQ(read_outside(file), "weights");
  }
}

// Who can write into `blobs` must not make a server read what it may and they may not.
TEST_F(AdoptTest, LinkOfSomebodyElse_IsNoReference) {
  const fs::path file = put("tiny.gguf", "weights");
  const AdoptedBlob blob = adopt(file, Placement::kReference);
  const fs::path link = store_->blob_path(blob.digest);
  fs::remove(link);
  fs::create_symlink(put("other", "secrets"), link);
  EXPECT_FALSE(store_->has_blob(blob.digest));
  EXPECT_FALSE(store_->open_blob(blob.digest));
  EXPECT_FALSE(store_->ensure_verified(blob.digest));
}

TEST_F(AdoptTest, DamagedBlob_IsReplaced) {
  const fs::path file = put("tiny.gguf", "weights");
  for (const Placement way : {Placement::kHardLink, Placement::kReference, Placement::kCopy}) {
    store_.put_file("blobs/" + Digest::of("weights").file_name(), "wrong!!");
    EXPECT_EQ(adopt(file, way).placement, way);
    EXPECT_TRUE(store_->ensure_verified(Digest::of("weights")));
    fs::remove(store_->blob_path(Digest::of("weights")));
  }
}

TEST_F(AdoptTest, WhatIsNoFile_IsRefused) {
  EXPECT_EQ(adopt_file(*store_, outside_ / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(adopt_file(*store_, outside_.path()).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(adopt_file(*store_, put("empty", "")).error().code(), ErrorCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo((outside_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(adopt_file(*store_, outside_ / "pipe").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(adopt_file(*store_, put("f", "x"), {}).error().code(), ErrorCode::kUnsupported);
  const auto stopped = adopt_file(*store_, put("f", "x"), kInPlace, [](uint64_t) { return false; });
  EXPECT_EQ(stopped.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(store_.count_files("blobs"), 0U);
}

}  // namespace
}  // namespace hearth::store
