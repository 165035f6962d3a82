#include "store/digest.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/unique_descriptor.h"
#include "tests/support/temporary_folder.h"

namespace hearth::store {
namespace {

// FIPS 180-4's example, as sha256sum gives it.
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Digest, Text_IsReadAndWritten) {
  EXPECT_EQ(Digest::of("abc").hex(), kOfAbc);
  EXPECT_EQ(Digest::of("abc").text(), std::string("sha256:") + kOfAbc);
  EXPECT_EQ(Digest::of("abc").file_name(), std::string("sha256-") + kOfAbc);
  EXPECT_EQ(*Digest::parse(Digest::of("abc").text()), Digest::of("abc"));
  EXPECT_EQ(*Digest::parse_file_name(Digest::of("abc").file_name()), Digest::of("abc"));
  std::string upper = Digest::of("abc").hex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(*Digest::parse("sha256:" + upper), Digest::of("abc"));
}

TEST(Digest, AnythingElse_IsRefused) {
  const std::string hex(64, 'a');
  for (const std::string& text :
       {std::string(), hex, "sha256:" + hex.substr(1), "sha256:" + hex + "a", "sha256-" + hex,
        "SHA256:" + hex, "sha512:" + hex, "md5:" + hex, "sha256:" + hex.substr(1) + "g",
        "sha256:" + hex.substr(1) + "/", "sha256:../../../../../../etc/passwd" + std::string(35, 'a'),
        "sha256:" + std::string(64, '.'), "sha256:" + hex.substr(1) + std::string(1, '\0'), " sha256:" + hex,
        "sha256:" + hex + "\n"}) {
    EXPECT_FALSE(Digest::parse(text)) << text;
  }
  // Two names of files must not stand for one blob.
  EXPECT_FALSE(Digest::parse_file_name("sha256-" + std::string(64, 'A')));
  EXPECT_FALSE(Digest::parse_file_name("sha256:" + hex));
  EXPECT_FALSE(Digest::parse_file_name("sha256-" + hex + "-partial"));
}

TEST(Hasher, PiecesOfAnySize_AreTheWhole) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i);
  Hasher hasher;
  for (size_t at = 0, n = 1; at < text.size(); at += n, n = n * 2 % 701)
    hasher.update(bytes_of(text.substr(at, n)));
  EXPECT_EQ(hasher.finish(), Digest::of(text));
}

TEST(HashFile, ShortFileAndCancelling_AreErrors) {
  const hearth::testing::TemporaryFolder folder;
  const std::string text(3'000'000, 'x');
  std::ofstream(folder / "f") << text;
  const UniqueDescriptor file(::open((folder / "f").c_str(), O_RDONLY));
  EXPECT_EQ(*hash_file(file.get(), text.size()), Digest::of(text));
  EXPECT_EQ(*hash_file(file.get(), 3), Digest::of("xxx"));
  EXPECT_EQ(hash_file(file.get(), text.size() + 1).error().code(), ErrorCode::kMalformed);
  uint64_t last = 0;
  EXPECT_EQ(hash_file(file.get(), text.size(), [&](uint64_t done) { return (last = done) < 2'000'000; })
                .error()
                .code(),
            ErrorCode::kCancelled);
  EXPECT_GE(last, 2'000'000U);
  EXPECT_LT(last, text.size());
}

}  // namespace
}  // namespace hearth::store
