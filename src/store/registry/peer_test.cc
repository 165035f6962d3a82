// Pulls that ask another Hearth machine for blobs first: one that has them, lacks them, or means harm.
#include "store/registry/transfer_fixture.h"

namespace hearth::store::registry {
namespace {

constexpr const char* kKey = "hk_0123456789ab_00";

class PeerTest : public TransferTest {
 protected:
  PeerTest() : manifest_(registry_.add_model({weights_, "a licence"})) {}

  // What is at the peer by its answers to /api/shared/blobs/DIGEST, as a TinyRegistry gives blobs.
  void share_all() {
    for (const auto& [digest, content] : registry_.blobs()) peer_.add_blob("", content);
  }
  void share_weights_so(std::function<std::optional<TinyReply>(const TinyRequest&)> answer) {
    share_all();
    peer_.intercept(only(Digest::of(weights_).text(), std::move(answer)));
  }

  Result<Pulled> pull_from_peer() {
    TransferEvents told = events();
    told.on_note = [this](const std::string& text) { notes_.push_back(text); };
    const auto peer = Session::create_peer(name(), peer_.host(), kKey, options_);
    if (!peer) return peer.error();
    const auto registrys = session();
    return pull(*registrys, *store_, told, peer->get());
  }
  // Whatever the peer did: all is there, as the registry has it.
  void expect_pulled() {
    const auto pulled = pull_from_peer();
    ASSERT_TRUE(pulled) << pulled.error().message();
    EXPECT_EQ(pulled->manifest, manifest_);
    for (const auto& [digest, content] : registry_.blobs())
      EXPECT_EQ(*store_->read_blob(*Digest::parse(digest), 1U << 24U), content);
    EXPECT_EQ(store_.count_files("hearth/partial"), 0U);
    // The key goes to nobody else.
    for (const TinyRequest& request : registry_.log()) EXPECT_EQ(request.header("authorization"), "");
    for (const TinyRequest& request : peer_.log())
      EXPECT_EQ(request.header("authorization"), std::string("Bearer ") + kKey);
    EXPECT_EQ(peer_.count("manifest"), 0U) << "what a name stands for is the registry's to say";
  }
  void expect_note(std::string_view part) {
    ASSERT_EQ(notes_.size(), 1U);
    EXPECT_NE(notes_.front().find(part), std::string::npos) << notes_.front();
    EXPECT_NE(notes_.front().find(peer_.host()), std::string::npos) << notes_.front();
    EXPECT_EQ(notes_.front().find(kKey), std::string::npos) << notes_.front();
  }
  size_t n_asked_for(const std::string& content, TinyRegistry& of) {
    return of.count(Digest::of(content).text());
  }

  const std::string weights_ = noise(400'000);
  const std::string manifest_;
  TinyRegistry peer_;
  std::vector<std::string> notes_;
};

TEST_F(PeerTest, Blobs_ComeFromThePeer) {
  share_all();
  expect_pulled();
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(registry_.count("/blobs/"), 0U);
}

TEST_F(PeerTest, BlobsThatItLacks_ComeFromTheRegistry) {
  peer_.add_blob("", "a licence");
  expect_pulled();
  EXPECT_EQ(n_asked_for("a licence", registry_), 0U) << "it was asked after it had lacked another";
  ASSERT_EQ(notes_.size(), 2U);  // the config, the weights
  EXPECT_NE(notes_.front().find("404"), std::string::npos) << notes_.front();
}

TEST_F(PeerTest, WrongBytes_AreFetchedAnewAndThePeerIsLeft) {
  share_weights_so([](const TinyRequest& request) -> std::optional<TinyReply> {
    const size_t begin = std::strtoull(request.header("range").c_str() + 6, nullptr, 10);
    const size_t end = std::min<size_t>(begin + 65536, 400'000);
    return TinyReply{.status = 206,
                     .headers = {{"Content-Range", fmt::format("bytes {}-{}/400000", begin, end - 1)}},
                     .body = std::string(end - begin, 'x')};
  });
  expect_pulled();
  expect_note("digest mismatch");
  EXPECT_EQ(n_asked_for("a licence", peer_), 0U);
  EXPECT_EQ(n_asked_for("a licence", registry_), 1U);
}

TEST_F(PeerTest, EndlessBody_IsCutWhereTheBlobEnds) {
  share_weights_so([](const TinyRequest&) -> std::optional<TinyReply> {
    return TinyReply{.body = noise(100'000, 7), .is_endless = true};
  });
  expect_pulled();
  expect_note("found more of them");
  EXPECT_EQ(n_asked_for("a licence", peer_), 0U);
}

TEST_F(PeerTest, PeerThatDiesInTheMiddle_IsGoneOnWithoutIt) {
  share_weights_so([this](const TinyRequest& request) -> std::optional<TinyReply> {
    const size_t begin = std::strtoull(request.header("range").c_str() + 6, nullptr, 10);
    if (begin == 0) return std::nullopt;
    const size_t end = std::min<size_t>(begin + 65536, weights_.size());
    return TinyReply{.status = 206,
                     .headers = {{"Content-Range", fmt::format("bytes {}-{}/400000", begin, end - 1)}},
                     .body = weights_.substr(begin, end - begin),
                     .cut_after = 40'000};
  });
  expect_pulled();
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_LT(registry_.sent_bytes(), weights_.size()) << "what the peer had sent was fetched again";
}

TEST_F(PeerTest, Silence_IsNotWaitedForTwice) {
  share_weights_so([](const TinyRequest&) -> std::optional<TinyReply> {
    return TinyReply{.body = noise(1000), .length = "400000", .then_stalls = true};
  });
  expect_pulled();
  ASSERT_EQ(notes_.size(), 1U);
}

TEST_F(PeerTest, RedirectionsAndRealms_AreNotFollowed) {
  TinyRegistry elsewhere;
  for (const int status : {307, 401}) {
    SCOPED_TRACE(status);
    notes_.clear();
    share_weights_so([&](const TinyRequest&) -> std::optional<TinyReply> {
      return TinyReply{
          .status = status,
          .headers = {{"Location", elsewhere.url() + "/x"},
                      {"WWW-Authenticate", fmt::format("Bearer realm=\"{}/token\"", elsewhere.url())}}};
    });
    std::filesystem::remove_all(store_.root() / "blobs");
    std::filesystem::create_directories(store_.root() / "blobs");
    expect_pulled();
    expect_note(std::to_string(status));
  }
  EXPECT_TRUE(elsewhere.log().empty());
}

TEST_F(PeerTest, WhatIsNoPeer_IsRefused) {
  options_.insecure = options_.plain_http = false;
  const auto create = [this](std::string_view from, std::string_view key) {
    return Session::create_peer(name(), from, key, options_);
  };
  for (const char* bad : {"", "ftp://host", "a b", "https://user:word@host", "https://host/path", "host?q",
                          "host\\x", "http://192.168.1.2", "http://example.org:80"})
    EXPECT_EQ(create(bad, kKey).error().code(), ErrorCode::kInvalidArgument) << bad;
  for (const char* bad : {"two words", "line\r\nX-Evil: 1", "\x80"})
    EXPECT_EQ(create("host", bad).error().code(), ErrorCode::kInvalidArgument);
  const auto origin_of = [&](std::string_view from) { return (*create(from, ""))->origin(); };
  EXPECT_EQ(origin_of("big-box.lan"), "https://big-box.lan:11434");
  EXPECT_EQ(origin_of("big-box.lan:443"), "https://big-box.lan:443");
  EXPECT_EQ(origin_of("https://big-box.lan"), "https://big-box.lan:443");
  EXPECT_EQ(origin_of("127.0.0.1"), "http://127.0.0.1:11434");
  EXPECT_EQ(origin_of("[::1]:1234"), "http://[::1]:1234");
}

TEST_F(PeerTest, AddressesThatAreNobodysMachine_AreNotAsked) {
  // A cloud's metadata service: refused before a connection.
  options_.insecure = true;
  const auto peer = Session::create_peer(name(), "http://169.254.169.254", kKey, options_);
  ASSERT_TRUE(peer);
  TransferEvents told = events();
  told.on_note = [this](const std::string& text) { notes_.push_back(text); };
  const auto registrys = session();
  ASSERT_TRUE(pull(*registrys, *store_, told, peer->get()));
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_NE(notes_.front().find("link-local"), std::string::npos) << notes_.front();
}

}  // namespace
}  // namespace hearth::store::registry
