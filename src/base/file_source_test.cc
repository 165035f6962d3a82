#include "base/file_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace hearth {
namespace {

using testing::TemporaryFolder;

class InheritedFilesTest : public ::testing::Test {
 protected:
  UniqueDescriptor opened(const std::string& text) {
    const auto path = folder_ / std::to_string(n_++);
    std::ofstream(path) << text;
    return UniqueDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  static std::string text_of(const MappedFile& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }

  TemporaryFolder folder_;
  InheritedFiles files_;
  int n_ = 0;
};

TEST_F(InheritedFilesTest, File_IsMappedAsOftenAsAsked) {
  ASSERT_TRUE(files_.add("model.gguf", opened("GGUF")));
  for (int i = 0; i < 2; ++i) {
    const auto file = files_.map("./model.gguf");
    ASSERT_TRUE(file);
    EXPECT_EQ(text_of(*file), "GGUF");
  }
  EXPECT_TRUE(files_.has("model.gguf"));
  EXPECT_FALSE(files_.is_folder("model.gguf"));
}

TEST_F(InheritedFilesTest, Folder_IsWhatNamesBeginWith) {
  ASSERT_TRUE(files_.add("qwen/config.json", opened("{}")));
  ASSERT_TRUE(files_.add("qwen/model.safetensors", opened("x")));
  ASSERT_TRUE(files_.add("qwen.gguf", opened("y")));
  EXPECT_TRUE(files_.is_folder("qwen"));
  EXPECT_TRUE(files_.is_folder("qwen/"));
  EXPECT_FALSE(files_.is_folder("qw"));
  EXPECT_FALSE(files_.is_folder("qwen/config.json"));
  EXPECT_EQ(*files_.names("qwen", 10), (std::vector<std::string>{"config.json", "model.safetensors"}));
  EXPECT_EQ(files_.names("qwen", 1).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(*files_.canonical("qwen/./config.json"), "qwen/config.json");
}

TEST_F(InheritedFilesTest, FileOfTheSystem_IsNotThere) {
  EXPECT_EQ(files_.map("/etc/passwd").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(files_.canonical("/etc").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(files_.has("/etc/passwd"));
  EXPECT_FALSE(files_.is_folder("/etc"));
}

TEST_F(InheritedFilesTest, WhatCannotBeMapped_IsRefused) {
  EXPECT_EQ(files_.add("folder", UniqueDescriptor(::open("/", O_RDONLY | O_CLOEXEC))).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE(files_.add("closed", UniqueDescriptor()));
  EXPECT_FALSE(files_.add("", opened("x")));
  ASSERT_TRUE(files_.add("twice", opened("x")));
  EXPECT_EQ(files_.add("./twice", opened("x")).error().code(), ErrorCode::kInvalidArgument);
}

TEST(FileSystem, Path_IsWhatTheSystemHas) {
  const TemporaryFolder folder;
  std::ofstream(folder / "b") << "text";
  std::ofstream(folder / "a") << "text";
  std::filesystem::create_symlink(folder / "a", folder / "link");
  EXPECT_TRUE(file_system().is_folder(folder.path()));
  EXPECT_EQ(*file_system().names(folder.path(), 3), (std::vector<std::string>{"a", "b", "link"}));
  EXPECT_EQ(file_system().names(folder.path(), 2).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(*file_system().canonical(folder / "link"), folder / "a");
  EXPECT_EQ(file_system().canonical(folder / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(file_system().map(folder / "a"));
}

}  // namespace
}  // namespace hearth
