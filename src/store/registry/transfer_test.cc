// Pulls and pushes, from registries that are honest and slow or broken.
#include "store/registry/transfer_fixture.h"

namespace hearth::store::registry {
namespace {

TEST_F(TransferTest, Model_IsPulledInPartsAndPulledOnce) {
  const std::string weights = noise(1'000'000);
  const std::string manifest = registry_.add_model({weights, "a licence", ""});
  const auto pulled = pull_tiny();
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_EQ(pulled->manifest, manifest);
  const Digest digest = Digest::of(weights);
  EXPECT_EQ(*store_->read_blob(digest, 1 << 20), weights);
  EXPECT_EQ(completed_[digest.text()], weights.size());
  EXPECT_EQ(registry_.count(digest.text()), 16U);  // of 64 KiB
  EXPECT_TRUE(store_->write_manifest(name(), pulled->manifest));

  const size_t n_before = registry_.count("/blobs/");
  const auto again = pull_tiny();
  ASSERT_TRUE(again);
  EXPECT_EQ(registry_.count("/blobs/"), n_before) << "what is there was asked for again";
  EXPECT_EQ(again->present.size(), 4U);
}

TEST_F(TransferTest, BlobOfTheRightNameAndWrongContent_IsFetchedAnew) {
  const std::string weights = noise(100'000);
  registry_.add_model({weights});
  store_.put_file("blobs/" + Digest::of(weights).file_name(), std::string(weights.size(), '\0'));
  ASSERT_TRUE(pull_tiny());
  EXPECT_EQ(*store_->read_blob(Digest::of(weights), 1 << 20), weights);
}

TEST_F(TransferTest, BodiesThatBreakOff_GoOnWhereTheyWere) {
  const std::string weights = noise(400'000);
  registry_.add_model({weights});
  registry_.intercept(
      only(Digest::of(weights).text(), [&](const TinyRequest& request) -> std::optional<TinyReply> {
        const size_t begin = std::strtoull(request.header("range").c_str() + 6, nullptr, 10);
        const size_t end = std::strtoull(
            request.header("range").c_str() + request.header("range").find('-') + 1, nullptr, 10);
        return TinyReply{
            .status = 206,
            .headers = {{"Content-Range", fmt::format("bytes {}-{}/{}", begin, end, weights.size())}},
            .body = weights.substr(begin, end - begin + 1),
            .cut_after = 40'000};
      }));
  const auto pulled = pull_tiny();
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_EQ(*store_->read_blob(Digest::of(weights), 1 << 20), weights);
  // Every byte came once.
  EXPECT_LT(registry_.sent_bytes(), weights.size() + 2000);
}

TEST_F(TransferTest, Silence_IsEndedAndTriedAgain) {
  const std::string weights = noise(60'000);
  registry_.add_model({weights});
  std::atomic<int> n_stalls{0};
  registry_.intercept(only(Digest::of(weights).text(), [&](const TinyRequest&) -> std::optional<TinyReply> {
    if (n_stalls++ > 0) return std::nullopt;
    return TinyReply{.status = 206,
                     .headers = {{"Content-Range", fmt::format("bytes 0-59999/{}", weights.size())}},
                     .body = weights,
                     .cut_after = 1000,
                     .then_stalls = true};
  }));
  const auto pulled = pull_tiny();
  ASSERT_TRUE(pulled) << pulled.error().message();
}

TEST_F(TransferTest, ServerErrors_AreTriedAgain) {
  registry_.add_model({noise(100'000)});
  std::atomic<int> n_requests{0};
  registry_.intercept([&](const TinyRequest&) -> std::optional<TinyReply> {
    if (++n_requests % 2 == 0) return std::nullopt;
    return TinyReply{.status = 503, .body = "not now"};
  });
  options_.n_streams = 1;
  ASSERT_TRUE(pull_tiny());
}

TEST_F(TransferTest, ServerErrorsWithoutEnd_AreGivenUp) {
  registry_.add_model({noise(100'000)});
  registry_.intercept(
      only("/blobs/", [](const TinyRequest&) { return TinyReply{.status = 500, .body = "broken"}; }));
  expect_refused(ErrorCode::kUnavailable,
                 {"gave up after 3 tries", "expected 200 or 206, found 500: broken"});
}

TEST_F(TransferTest, RegistryWithoutRanges_IsAskedForTheWhole) {
  const std::string weights = noise(300'000);
  registry_.add_model({weights});
  registry_.intercept(only("/blobs/", [&](const TinyRequest& request) -> std::optional<TinyReply> {
    return TinyReply{.body = registry_.blobs()[request.target.substr(request.target.rfind('/') + 1)]};
  }));
  const auto pulled = pull_tiny();
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_EQ(*store_->read_blob(Digest::of(weights), 1 << 20), weights);
}

TEST_F(TransferTest, PartOfAnEarlierTry_IsNotFetchedAgain) {
  const std::string weights = noise(640 * 1024);
  registry_.add_model({weights});
  {
    auto blob = store_->partial_blob(Digest::of(weights), weights.size());
    ASSERT_TRUE(blob);
    ASSERT_TRUE(blob->write(0, bytes_of(std::string_view(weights).substr(0, 500 * 1024))));
    ASSERT_TRUE(blob->sync());
  }
  ASSERT_TRUE(pull_tiny());
  EXPECT_LT(registry_.sent_bytes(), 142U * 1024);
}

TEST_F(TransferTest, BlobThatSomebodyElseFetches_IsWaitedFor) {
  const std::string weights = noise(1000);
  registry_.add_model({weights});
  std::optional<PartialBlob> held = *store_->partial_blob(Digest::of(weights), weights.size());
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_TRUE(held->write(0, bytes_of(weights)));
    EXPECT_TRUE(held->commit());
    held.reset();
  });
  const auto pulled = pull_tiny();
  other.join();
  ASSERT_TRUE(pulled) << pulled.error().message();
  EXPECT_EQ(registry_.count(Digest::of(weights).text()), 0U);
}

TEST_F(TransferTest, ClosedDescriptor_CancelsAndKeepsWhatThereIs) {
  const std::string weights = noise(640 * 1024);
  registry_.add_model({weights});
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  std::atomic<int> n_blobs{0};
  registry_.intercept(only(Digest::of(weights).text(), [&](const TinyRequest&) -> std::optional<TinyReply> {
    if (++n_blobs == 5) ::shutdown(pair[1], SHUT_RDWR);
    return std::nullopt;
  }));
  options_.transport.cancel_descriptor = pair[0];
  options_.n_streams = 1;
  const auto pulled = pull_tiny();
  ASSERT_FALSE(pulled);
  EXPECT_EQ(pulled.error().code(), ErrorCode::kCancelled);
  const auto blob = store_->partial_blob(Digest::of(weights), weights.size());
  ASSERT_TRUE(blob);
  EXPECT_GE(blob->completed_bytes(), 3U * 65536);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_F(TransferTest, Model_IsPushedAndPulledBackTheSame) {
  const std::string manifest = store_.put_manifest_blobs(noise(300'000));
  ASSERT_TRUE(store_->write_manifest(name(), manifest));
  std::atomic<int> n_patches{0};
  registry_.intercept(only("/uploads/", [&](const TinyRequest& request) -> std::optional<TinyReply> {
    if (request.method == "PATCH" && ++n_patches == 3) return TinyReply{.status = 503};
    return std::nullopt;
  }));
  const auto pushed = push(*session(Session::Action::kPush), *store_, name(), events());
  ASSERT_TRUE(pushed) << pushed.error().message();
  EXPECT_EQ(registry_.manifest(), manifest);
  EXPECT_EQ(registry_.blobs().size(), 2U);
  EXPECT_EQ(registry_.blobs()[Digest::of(noise(300'000)).text()], noise(300'000));

  const size_t n_before = registry_.count("/uploads/");
  ASSERT_TRUE(push(*session(Session::Action::kPush), *store_, name(), events()));
  EXPECT_EQ(registry_.count("/uploads/"), n_before) << "what is there was sent again";
  EXPECT_FALSE(push(*session(Session::Action::kPush), *store_, *ModelName::parse("other"), events()));
}

// Over as much as what waits in the sockets' buffers counts for little: curl takes that at once.
TEST_F(TransferTest, RateLimit_IsKept) {
  registry_.add_model({noise(40'000'000)});
  options_.part_bytes = 10 << 20;
  options_.transport.max_bytes_per_s = 16'000'000;
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(pull_tiny());
  EXPECT_GT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(1800));  // of 2,500
}

}  // namespace
}  // namespace hearth::store::registry
