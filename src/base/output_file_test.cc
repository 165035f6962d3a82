#include "base/output_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/temporary_folder.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;
using testing::TemporaryFolder;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t count_entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), {}));
}

TEST(OutputFile, Finish_GivesTheWholeFileItsName) {
  const TemporaryFolder folder;
  auto file = OutputFile::create(folder / "model.gguf", OutputFile::Existing::kRefuse);
  ASSERT_TRUE(file) << file.error().message();
  ASSERT_TRUE(file->reserve(1'000));
  ASSERT_TRUE(file->append(bytes_of("one ")));
  EXPECT_FALSE(fs::exists(folder / "model.gguf"));
  ASSERT_TRUE(file->append(bytes_of("two")));
  ASSERT_TRUE(file->finish());
  EXPECT_EQ(content(folder / "model.gguf"), "one two");  // what was reserved and not used does not count
  EXPECT_EQ(count_entries(folder.path()), 1U);
}

TEST(OutputFile, Unfinished_LeavesWhatWasThere) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "before";
  {
    auto file = OutputFile::create(folder / "a", OutputFile::Existing::kReplace);
    ASSERT_TRUE(file);
    const OutputFile moved = std::move(*file);
    EXPECT_EQ(count_entries(folder.path()), 2U);
  }
  EXPECT_EQ(content(folder / "a"), "before");
  EXPECT_EQ(count_entries(folder.path()), 1U);
}

TEST(OutputFile, NamesThatAreTaken_AreRefusedOrReplaced) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a") << "before";
  const auto refused = OutputFile::create(folder / "a", OutputFile::Existing::kRefuse);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);

  auto replacing = OutputFile::create(folder / "a", OutputFile::Existing::kReplace);
  ASSERT_TRUE(replacing);
  ASSERT_TRUE(replacing->append(bytes_of("after")));
  ASSERT_TRUE(replacing->finish());
  EXPECT_EQ(content(folder / "a"), "after");

  // Taken while it was being written.
  auto late = OutputFile::create(folder / "b", OutputFile::Existing::kRefuse);
  ASSERT_TRUE(late);
  std::ofstream(folder / "b") << "somebody's";
  const auto finished = late->finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(content(folder / "b"), "somebody's");
}

TEST(OutputFile, WhatIsNoFile_IsNeverReplaced) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "folder");
  fs::create_symlink("/dev/null", folder / "device");
  for (const char* name : {"folder", "device", ""}) {
    const auto file = OutputFile::create(folder / name, OutputFile::Existing::kReplace);
    ASSERT_FALSE(file) << name;
    EXPECT_EQ(file.error().code(), ErrorCode::kInvalidArgument) << name;
  }
  const auto missing = OutputFile::create(folder / "no/such", OutputFile::Existing::kReplace);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kNotFound);
}

TEST(OutputFile, MoreThanTheDiskHas_IsToldBeforeItIsWritten) {
  const TemporaryFolder folder;
  auto file = OutputFile::create(folder / "a", OutputFile::Existing::kRefuse);
  ASSERT_TRUE(file);
  const auto reserved = file->reserve(uint64_t{1} << 56);
  // File systems that cannot reserve say so when it is written.
  EXPECT_TRUE(reserved || reserved.error().code() == ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace hearth
