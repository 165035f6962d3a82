#include "store/signature.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/store_fixture.h"
#include "store/versions.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;
using hearth::testing::TemporaryFolder;

PrivateKey new_key(const TemporaryFolder& folder, const std::string& name) {
  auto key = PrivateKey::create(folder / name);
  EXPECT_TRUE(key) << key.error().message();
  return std::move(*key);
}

// RFC 8032, section 7.1, test 2: what other programs sign and verify.
TEST(SigningKey, RfcVector_IsSignedAndVerified) {
  const TemporaryFolder folder;
  // The seed in PKCS#8, as openssl pkcs8 writes it.
  std::ofstream(folder / "key") << "-----BEGIN PRIVATE KEY-----\n"
                                   "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
                                   "-----END PRIVATE KEY-----\n";
  const auto key = PrivateKey::read(folder / "key");
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(key->public_key().pem(),
            "-----BEGIN PUBLIC KEY-----\n"
            "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
            "-----END PUBLIC KEY-----\n");
  const SignatureBytes signature = key->sign("\x72");
  EXPECT_EQ(signature[0], 0x92);
  EXPECT_EQ(signature[1], 0xa0);
  EXPECT_EQ(signature[63], 0x00);
  EXPECT_EQ(signature[62], 0x0c);
  EXPECT_TRUE(key->public_key().verify("\x72", signature));
  EXPECT_FALSE(key->public_key().verify("\x73", signature));
}

TEST(SigningKey, NewOne_IsForItsOwnerAloneAndNothingIsOverwritten) {
  const TemporaryFolder folder;
  const PrivateKey key = new_key(folder, "key");
  struct stat info {};
  ASSERT_EQ(::stat((folder / "key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(*PublicKey::read(folder / "key.pub"), key.public_key());
  const SignatureBytes signature = key.sign("text");
  EXPECT_EQ(PrivateKey::read(folder / "key")->sign("text"), signature);
  EXPECT_EQ(PrivateKey::create(folder / "key").error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(PrivateKey::read(folder / "key")->sign("text"), signature) << "still the same key";
  std::ofstream(folder / "other.pub") << "x";
  EXPECT_FALSE(PrivateKey::create(folder / "other"));
  EXPECT_FALSE(fs::exists(folder / "other"));
}

TEST(SigningKey, WhatIsNone_IsRefusedByName) {
  const TemporaryFolder folder;
  const PrivateKey key = new_key(folder, "key");
  const auto private_as_public = PublicKey::read(folder / "key");
  ASSERT_FALSE(private_as_public);
  EXPECT_NE(private_as_public.error().message().find("found a private one"), std::string::npos);
  EXPECT_EQ(PrivateKey::read(folder / "key.pub").error().code(), ErrorCode::kMalformed);
  std::ofstream(folder / "x25519") << "-----BEGIN PRIVATE KEY-----\n"
                                      "MC4CAQAwBQYDK2VuBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
                                      "-----END PRIVATE KEY-----\n";
  EXPECT_EQ(PrivateKey::read(folder / "x25519").error().code(), ErrorCode::kUnsupported);
  std::ofstream(folder / "text") << "hello";
  EXPECT_EQ(PublicKey::read(folder / "text").error().code(), ErrorCode::kMalformed);
  EXPECT_EQ(PublicKey::read(folder / "none").error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(PublicKey::read(folder.path()));
}

class Signatures : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_->write_manifest(name_of("tiny"), store_.put_manifest_blobs("one")));
    digest_ = store_->manifest(name_of("tiny"))->digest;
  }
  void sign(const std::string& name) {
    ASSERT_TRUE(
        write_signature(*store_, name_of(name), ManifestSignature::make(key_, name_of(name), digest_)));
  }
  Result<size_t> check(const std::string& name, const std::vector<PublicKey>& trusted) {
    return check_signed(*store_, name_of(name), digest_, trusted);
  }

  TestStore store_;
  TemporaryFolder folder_;
  PrivateKey key_ = new_key(folder_, "key");
  PrivateKey other_ = new_key(folder_, "other");
  Digest digest_;
};

TEST_F(Signatures, TrustedKey_IsFound) {
  const std::vector<PublicKey> trusted{other_.public_key(), key_.public_key()};
  const auto unsigned_yet = check("tiny", trusted);
  ASSERT_FALSE(unsigned_yet);
  EXPECT_NE(unsigned_yet.error().message().find("is not signed"), std::string::npos);
  sign("tiny");
  EXPECT_EQ(*check("TINY:latest", trusted), 1U) << "in any spelling";
  const auto others = check("tiny", {other_.public_key()});
  ASSERT_FALSE(others);
  EXPECT_NE(others.error().message().find("signed by " + key_.public_key().short_id()), std::string::npos);
}

TEST_F(Signatures, HoldForOneNameAndOneManifest) {
  sign("tiny");
  ASSERT_TRUE(store_->copy(name_of("tiny"), name_of("other")));
  EXPECT_FALSE(check("other", {key_.public_key()})) << "another name";
  // Put there by hand, it does not hold either.
  const std::string file = digest_.hex() + "-" + key_.public_key().short_id();
  const std::string text =
      store_.read_file("hearth/signatures/registry.ollama.ai/library/tiny/latest/" + file);
  EXPECT_FALSE(text.empty());
  store_.put_file("hearth/signatures/registry.ollama.ai/library/other/latest/" + file, text);
  EXPECT_FALSE(check("other", {key_.public_key()}));

  ASSERT_TRUE(store_->write_manifest(name_of("tiny"), store_.put_manifest_blobs("two")));
  const Digest second = store_->manifest(name_of("tiny"))->digest;
  EXPECT_FALSE(check_signed(*store_, name_of("tiny"), second, std::vector{key_.public_key()}));
  ASSERT_TRUE(roll_back(*store_, name_of("tiny"), std::nullopt));
  EXPECT_TRUE(check("tiny", {key_.public_key()})) << "a former version keeps its signature";
}

TEST_F(Signatures, EveryChangedByte_IsNoSignature) {
  const std::string text = ManifestSignature::make(key_, name_of("tiny"), digest_).serialise();
  ASSERT_TRUE(ManifestSignature::parse(text));
  size_t n_taken = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    n_taken += ManifestSignature::parse(changed) ? 1 : 0;
  }
  // The newline at its end is not part of it; as a carriage return it would be, too.
  EXPECT_LE(n_taken, 1U);
  for (const char* bad : {"", "{}", "[]", "null", "{\"type\":1}"})
    EXPECT_FALSE(ManifestSignature::parse(bad));
  EXPECT_FALSE(ManifestSignature::parse(std::string(5000, ' ')));
}

TEST_F(Signatures, GoWithTheirModel) {
  sign("tiny");
  EXPECT_EQ(store_.count_files("hearth/signatures"), 1U);
  ASSERT_TRUE(store_->collect_garbage({.min_age = std::chrono::seconds(0)}));
  EXPECT_EQ(store_.count_files("hearth/signatures"), 1U);
  ASSERT_TRUE(store_->write_manifest(name_of("tiny"), store_.put_manifest_blobs("two")));
  ASSERT_TRUE(store_->collect_garbage({.min_age = std::chrono::seconds(0)}));
  EXPECT_EQ(store_.count_files("hearth/signatures"), 1U) << "of a version";
  ASSERT_TRUE(collect_versions(*store_, {.min_age = std::chrono::seconds(0)}, 0));
  EXPECT_EQ(store_.count_files("hearth/signatures"), 0U);
  sign("tiny");
  ASSERT_TRUE(store_->remove(name_of("tiny")));
  EXPECT_EQ(store_.count_files("hearth/signatures"), 0U);
}

}  // namespace
}  // namespace hearth::store
