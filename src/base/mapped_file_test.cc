#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace hearth {
namespace {

class MappedFileTest : public ::testing::Test {
 protected:
  MappedFileTest()
      : folder_(std::filesystem::path(::testing::TempDir()) / ("mapped_file_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~MappedFileTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(MappedFileTest, Open_AFile_MapsItsBytes) {
  const auto path = folder_ / "f";
  std::ofstream(path) << "hearth";
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  const MappedFile moved = std::move(*file);
  ASSERT_EQ(moved.bytes().size(), 6U);
  EXPECT_EQ(std::memcmp(moved.bytes().data(), "hearth", 6), 0);
}

TEST_F(MappedFileTest, Open_AnEmptyFile_IsEmpty) {
  const auto path = folder_ / "empty";
  std::ofstream{path};
  EXPECT_TRUE(MappedFile::open(path)->bytes().empty());
}

TEST_F(MappedFileTest, Open_WhatIsNoFile_IsAClearError) {
  EXPECT_EQ(MappedFile::open(folder_ / "missing").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(MappedFile::open(folder_).error().code(), ErrorCode::kInvalidArgument);
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(pipe).error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth
