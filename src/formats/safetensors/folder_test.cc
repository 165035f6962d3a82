#include "formats/safetensors/folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"

namespace hearth::safetensors {
namespace {

namespace fs = std::filesystem;
using testing::write_file;

TEST(Folder, NamesWithAPathInThem_AreRefused) {
  const testing::TemporaryFolder root;
  fs::create_directory(root.path() / "model");
  write_file(root.path() / "secret", "s");
  const auto folder = Folder::open(root.path() / "model");
  ASSERT_TRUE(folder);
  const std::string_view names[] = {"../secret",
                                    "..",
                                    ".",
                                    "",
                                    "a/../../secret",
                                    "/etc/passwd",
                                    "sub/file",
                                    "..\\secret",
                                    std::string_view("a\0b", 3)};
  for (const std::string_view name : names) {
    const auto file = folder->map(name, 100);
    ASSERT_FALSE(file) << name;
    EXPECT_EQ(file.error().code(), ErrorCode::kInvalidArgument) << file.error().message();
  }
  EXPECT_FALSE(folder->map(std::string(4096, 'a'), 100));
}

TEST(Folder, LinksOutOfTheFolder_AreRefused_WithinItTheyAreNot) {
  const testing::TemporaryFolder root;
  fs::create_directories(root.path() / "model/blobs");
  fs::create_directories(root.path() / "model-of-another");
  write_file(root.path() / "model/real", "r");
  write_file(root.path() / "secret", "s");
  write_file(root.path() / "model-of-another/x", "x");
  fs::create_symlink("real", root.path() / "model/inside");
  fs::create_symlink("../secret", root.path() / "model/outside");
  fs::create_symlink(root.path() / "model-of-another/x", root.path() / "model/beside");
  fs::create_symlink("outside", root.path() / "model/twice");
  fs::create_symlink("nowhere", root.path() / "model/dangling");
  fs::create_symlink("loop", root.path() / "model/loop");
  const auto folder = Folder::open(root.path() / "model");
  ASSERT_TRUE(folder);
  EXPECT_TRUE(folder->map("real", 100));
  EXPECT_TRUE(folder->map("inside", 100));
  for (const char* name : {"outside", "beside", "twice"}) {
    const auto file = folder->map(name, 100);
    ASSERT_FALSE(file) << name;
    EXPECT_NE(file.error().message().find("outside of it"), std::string::npos) << file.error().message();
  }
  EXPECT_EQ(folder->map("dangling", 100).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(folder->map("loop", 100));
}

// What huggingface_hub writes: snapshots of links to blobs that are named by their hash.
TEST(Folder, SnapshotOfTheCache_ReachesItsBlobsAndNothingElse) {
  const testing::TemporaryFolder root;
  const fs::path model = root.path() / "models--org--name";
  fs::create_directories(model / "blobs/deeper");
  fs::create_directories(model / "snapshots/0123abcd/sub");
  fs::create_directories(root.path() / "models--other/blobs");
  write_file(model / "blobs/f00", "weights");
  write_file(model / "blobs/deeper/x", "x");
  write_file(model / "refs", "r");
  write_file(root.path() / "models--other/blobs/f00", "o");
  const fs::path snapshot = model / "snapshots/0123abcd";
  fs::create_symlink("../../blobs/f00", snapshot / "model.safetensors");
  fs::create_symlink("../../../blobs/f00", snapshot / "sub/model.safetensors");
  fs::create_symlink("../../refs", snapshot / "refs");
  fs::create_symlink("../../blobs/deeper/x", snapshot / "deeper");
  fs::create_symlink("../../../models--other/blobs/f00", snapshot / "other");
  fs::create_symlink(snapshot, root.path() / "shortcut");
  for (const fs::path& path : {snapshot, root.path() / "shortcut"}) {
    const auto folder = Folder::open(path);
    ASSERT_TRUE(folder);
    EXPECT_TRUE(folder->map("model.safetensors", 100));
    for (const char* name : {"refs", "deeper", "other"}) EXPECT_FALSE(folder->map(name, 100)) << name;
  }
  EXPECT_TRUE(Folder::open(snapshot / "sub")->map("model.safetensors", 100));
}

TEST(Folder, WhatIsNoRegularFileOrTooLarge_IsRefused) {
  const testing::TemporaryFolder root;
  fs::create_directory(root.path() / "sub");
  ASSERT_EQ(::mkfifo((root.path() / "pipe").c_str(), 0600), 0);
  write_file(root.path() / "five", "12345");
  const auto folder = Folder::open(root.path());
  EXPECT_FALSE(folder->map("sub", 100));
  EXPECT_FALSE(folder->map("pipe", 100)) << "and does not wait for a writer";
  EXPECT_TRUE(folder->map("five", 5));
  EXPECT_EQ(folder->map("five", 4).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(Folder::open(root.path() / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(Folder::open(root.path() / "five").error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::safetensors
