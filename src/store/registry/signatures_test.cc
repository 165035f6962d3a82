#include "store/registry/signatures.h"

#include "store/registry/transfer_fixture.h"

namespace hearth::store::registry {
namespace {

using ::hearth::testing::TemporaryFolder;
using nlohmann::json;

class SignaturesAtRegistry : public TransferTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_->write_manifest(name(), store_.put_manifest_blobs("weights")));
    manifest_ = store_->manifest(name())->digest;
  }

  ManifestSignature signature_by(const PrivateKey& key) const {
    return ManifestSignature::make(key, name(), manifest_);
  }
  void sign(const PrivateKey& key) { ASSERT_TRUE(write_signature(*store_, name(), signature_by(key))); }
  TransferEvents noting_events() {
    TransferEvents noting = events();
    noting.on_note = [this](const std::string& text) { notes_.push_back(text); };
    return noting;
  }
  Result<void> push_tiny() {
    return push(*session(Session::Action::kPush), *store_, name(), noting_events());
  }
  // The ids of the keys of what another machine gets.
  std::vector<std::string> pulled_keys() {
    const auto pulled = pull(*session(), *other_store_, noting_events());
    EXPECT_TRUE(pulled) << pulled.error().message();
    std::vector<std::string> keys;
    if (!pulled) return keys;
    for (const ManifestSignature& signature : pulled->signatures) {
      EXPECT_TRUE(signature.is_for(name(), manifest_));
      keys.push_back(signature.key.id());
    }
    return keys;
  }
  std::string list_reference() const { return "sha256-" + manifest_.hex(); }
  static json descriptor_with(const std::string& type, const std::string& signature) {
    return {{"digest", Digest::of(type + signature).text()},
            {"artifactType", type},
            {"annotations", {{std::string(kSignatureAnnotation), signature}}}};
  }
  static std::string list_of(const std::vector<json>& descriptors) {
    return json{{"mediaType", media_type::kOciIndex}, {"manifests", descriptors}}.dump();
  }

  TestStore other_store_;
  TemporaryFolder folder_;
  PrivateKey key_ = *PrivateKey::create(folder_ / "key");
  PrivateKey second_ = *PrivateKey::create(folder_ / "second");
  Digest manifest_;
  std::vector<std::string> notes_;
};

TEST_F(SignaturesAtRegistry, ThatListsReferrers_ComeWithTheModel) {
  registry_.keep_referrers();
  sign(key_);
  sign(second_);
  const auto pushed = push_tiny();
  ASSERT_TRUE(pushed) << pushed.error().message();
  EXPECT_EQ(notes_, std::vector<std::string>{"pushed 2 signatures"});
  EXPECT_EQ(registry_.manifest(list_reference()), "") << "the registry keeps the list";
  auto keys = pulled_keys();
  std::ranges::sort(keys);
  std::vector<std::string> expected{key_.public_key().id(), second_.public_key().id()};
  std::ranges::sort(expected);
  EXPECT_EQ(keys, expected);
  EXPECT_EQ(registry_.count("/manifests/sha256-"), 0U);
}

TEST_F(SignaturesAtRegistry, ThatKnowsNoReferrers_AreListedUnderATag) {
  // Somebody else's, of something else.
  const json other{{"digest", Digest::of("bill").text()}, {"artifactType", "application/spdx+json"}};
  registry_.set_manifest(list_reference(), list_of({other}));
  sign(key_);
  ASSERT_TRUE(push_tiny());
  EXPECT_EQ(pulled_keys(), std::vector<std::string>{key_.public_key().id()});
  // A second key's later, and once each however often it is pushed.
  sign(second_);
  ASSERT_TRUE(push_tiny());
  ASSERT_TRUE(push_tiny());
  EXPECT_EQ(pulled_keys().size(), 2U);
  const json list = json::parse(registry_.manifest(list_reference()));
  ASSERT_EQ(list["manifests"].size(), 3U);
  EXPECT_EQ(list["manifests"][0], other);
}

// What the specification asks of an artifact, so that a registry and its tools know what it belongs to.
TEST_F(SignaturesAtRegistry, Artifact_RefersToTheManifest) {
  sign(key_);
  ASSERT_TRUE(push_tiny());
  const json listed = json::parse(registry_.manifest(list_reference()))["manifests"][0];
  const std::string bytes = registry_.manifest(listed["digest"].get<std::string>());
  const json artifact = json::parse(bytes);
  EXPECT_EQ(listed["size"], bytes.size());
  EXPECT_EQ(listed["mediaType"], media_type::kOciManifest);
  EXPECT_EQ(listed["artifactType"], artifact["artifactType"]);
  EXPECT_EQ(listed["annotations"], artifact["annotations"]);
  EXPECT_EQ(artifact["schemaVersion"], 2);
  EXPECT_EQ(artifact["subject"]["digest"], manifest_.text());
  EXPECT_EQ(artifact["subject"]["size"], registry_.manifest().size());
  EXPECT_EQ(artifact["subject"]["mediaType"], media_type::kManifest);
  EXPECT_EQ(artifact["layers"][0], artifact["config"]);
  EXPECT_EQ(registry_.blobs()[artifact["config"]["digest"].get<std::string>()], "{}");
}

TEST_F(SignaturesAtRegistry, ThatDoNotHold_ArePassedOver) {
  sign(key_);
  ASSERT_TRUE(push_tiny());
  const std::string type(kSignatureArtifact);
  const auto elsewhere = ManifestSignature::make(key_, *ModelName::parse("elsewhere"), manifest_);
  const auto of_another = ManifestSignature::make(key_, name(), Digest::of("another"));
  std::string changed = signature_by(key_).serialise();
  changed[changed.size() - 5] ^= 1;
  registry_.set_manifest(list_reference(),
                         list_of({descriptor_with(type, elsewhere.serialise()),
                                  descriptor_with(type, of_another.serialise()),
                                  descriptor_with(type, changed),
                                  descriptor_with(type, std::string(100'000, 'x')),
                                  descriptor_with("another/type", signature_by(key_).serialise()),
                                  {{"artifactType", type}, {"annotations", 1}},
                                  json(),
                                  json::array(),
                                  descriptor_with(type, signature_by(second_).serialise())}));
  EXPECT_EQ(pulled_keys(), std::vector<std::string>{second_.public_key().id()});
}

TEST_F(SignaturesAtRegistry, ListsWithoutEnd_AreReadSoFar) {
  std::vector<json> descriptors(
      1000, descriptor_with(std::string(kSignatureArtifact), signature_by(key_).serialise()));
  const auto signatures = signatures_in(list_of(descriptors), name(), manifest_);
  ASSERT_TRUE(signatures);
  EXPECT_EQ(signatures->size(), 64U);
}

// A registry that tells nonsense of signatures may still have the model.
TEST_F(SignaturesAtRegistry, ThatCannotBeRead_AreNotedAndTheModelComes) {
  ASSERT_TRUE(push_tiny());
  EXPECT_TRUE(notes_.empty()) << "there are none to push";
  for (const TinyReply& reply :
       {TinyReply{.body = "<html>"}, TinyReply{.body = R"({"manifests":{}})"},
        TinyReply{.body = R"({"mediaType":"text/plain","manifests":[]})"}, TinyReply{.status = 500},
        TinyReply{.body = std::string(65536, 'x'), .is_endless = true},
        TinyReply{.status = 302, .headers = {{"Location", "http://169.254.169.254/"}}}}) {
    notes_.clear();
    registry_.intercept(only("/referrers/", [&](const TinyRequest&) { return reply; }));
    EXPECT_TRUE(pulled_keys().empty());
    ASSERT_EQ(notes_.size(), 1U) << reply.body;
    EXPECT_TRUE(notes_[0].starts_with("without signatures: ")) << notes_[0];
    EXPECT_NE(notes_[0].find("127.0.0.1"), std::string::npos) << notes_[0];
  }
}

TEST_F(SignaturesAtRegistry, ThatAreNotTaken_AreNotedAndTheModelIsThere) {
  sign(key_);
  registry_.intercept(only("/manifests/sha256", [](const TinyRequest& request) -> std::optional<TinyReply> {
    if (request.method != "PUT") return std::nullopt;
    return TinyReply{.status = 400, .body = R"({"errors":[{"message":"no such kind"}]})"};
  }));
  ASSERT_TRUE(push_tiny());
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_TRUE(notes_[0].starts_with("without its signatures: PUT ")) << notes_[0];
  EXPECT_NE(notes_[0].find("no such kind"), std::string::npos) << notes_[0];
  EXPECT_FALSE(registry_.manifest().empty());
  EXPECT_TRUE(pulled_keys().empty());

  // What stands under the tag and is no list is not overwritten.
  notes_.clear();
  registry_.intercept({});
  registry_.set_manifest(list_reference(), registry_.manifest());
  ASSERT_TRUE(push_tiny());
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_NE(notes_[0].find("expected an index"), std::string::npos) << notes_[0];
  EXPECT_EQ(registry_.manifest(list_reference()), registry_.manifest());
}

}  // namespace
}  // namespace hearth::store::registry
