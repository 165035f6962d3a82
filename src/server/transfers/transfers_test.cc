// Whole transfers through the program's own fetcher processes, and what is left when they are killed.
#include "server/transfers/transfers.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <random>

#include "server/models/model_store.h"
#include "server/transfers/fetcher_process.h"
#include "store/registry/tiny_registry_fixture.h"
#include "store/store_fixture.h"

namespace hearth::server {
namespace {

using store::Digest;
using store::registry::noise;
using store::registry::TinyRegistry;
using store::registry::TinyReply;
using store::registry::TinyRequest;

constexpr uint64_t kPartBytes = 262'144;
constexpr size_t kStreams = 4;

class TransfersTest : public ::testing::Test {
 protected:
  TransferOptions options() const {
    TransferOptions options;
    options.executable = HEARTH_PROGRAM;
    options.part_bytes = kPartBytes;
    options.stall_timeout_s = 2;
    options.first_pause_ms = 1;
    options.max_tries = 3;
    return options;
  }
  std::unique_ptr<TransferService> make_service(TransferOptions options) {
    return make_transfer_service(context_.get_executor(), &model_store_, std::move(options));
  }
  std::string name() const { return "http://" + registry_.host() + "/library/tiny"; }

  // All statuses, and the error at the end if there is one. `seen` looks at each one.
  Task<void> collect(Transfer& transfer) {
    while (const auto status = co_await transfer.next()) {
      if (*status) {
        texts_.push_back((*status)->text);
      } else {
        error_ = status->error().message();
      }
    }
  }
  void run(TransferService& service, const TransferWish& wish) {
    texts_.clear();
    error_.clear();
    auto transfer = service.begin(wish);
    ASSERT_TRUE(transfer) << transfer.error().message();
    boost::asio::co_spawn(context_, collect(**transfer), boost::asio::detached);
    context_.restart();
    context_.run();
  }
  void pull() {
    const auto service = make_service(options());
    run(*service, {.name = name(), .insecure = true});
  }
  store::ModelName stored_name() const { return *store::ModelName::parse(name()); }

  boost::asio::io_context context_;
  TinyRegistry registry_;
  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};
  std::vector<std::string> texts_;
  std::string error_;
};

TEST_F(TransfersTest, Pull_EndsWithTheManifest) {
  const std::string weights = noise(300'000);
  const std::string manifest = registry_.add_model({weights});
  pull();
  EXPECT_EQ(error_, "");
  ASSERT_GE(texts_.size(), 5U);
  EXPECT_EQ(texts_.front(), "pulling manifest");
  EXPECT_EQ(texts_[texts_.size() - 2], "writing manifest");
  EXPECT_EQ(texts_.back(), "success");
  EXPECT_NE(std::find(texts_.begin(), texts_.end(), "pulling " + Digest::of(weights).hex().substr(0, 12)),
            texts_.end());
  EXPECT_NE(std::find(texts_.begin(), texts_.end(), "verifying sha256 digest"), texts_.end());
  const auto stored = store_->manifest(stored_name());
  ASSERT_TRUE(stored) << stored.error().message();
  EXPECT_EQ(stored->bytes, manifest);
}

TEST_F(TransfersTest, Push_SendsWhatTheStoreHas) {
  const std::string manifest = store_.put_manifest_blobs("weights");
  ASSERT_TRUE(store_->write_manifest(stored_name(), manifest));
  const auto service = make_service(options());
  run(*service, {.kind = TransferWish::Kind::kPush, .name = name(), .insecure = true});
  EXPECT_EQ(error_, "");
  EXPECT_EQ(texts_.back(), "success");
  EXPECT_EQ(registry_.manifest(), manifest);
}

// Signed on one machine, pushed, and pulled on another that asks for signatures.
TEST_F(TransfersTest, Signatures_TravelWithTheModel) {
  const testing::TemporaryFolder folder;
  const auto key = *store::PrivateKey::create(folder / "key");
  ASSERT_TRUE(store_->write_manifest(stored_name(), store_.put_manifest_blobs("weights")));
  const Digest digest = store_->manifest(stored_name())->digest;
  ASSERT_TRUE(
      write_signature(*store_, stored_name(), store::ManifestSignature::make(key, stored_name(), digest)));
  const auto service = make_service(options());
  run(*service, {.kind = TransferWish::Kind::kPush, .name = name(), .insecure = true});
  EXPECT_EQ(error_, "");
  EXPECT_NE(std::find(texts_.begin(), texts_.end(), "pushed 1 signature"), texts_.end());

  ASSERT_TRUE(store_->remove(stored_name()));
  const std::vector trusted{key.public_key()};
  ASSERT_FALSE(check_signed(*store_, stored_name(), digest, trusted));
  texts_.clear();
  pull();
  EXPECT_EQ(error_, "");
  ASSERT_GE(texts_.size(), 3U);
  EXPECT_EQ(texts_[texts_.size() - 3], "signed by " + key.public_key().short_id());
  EXPECT_EQ(texts_[texts_.size() - 2], "writing manifest");
  EXPECT_TRUE(check_signed(*store_, stored_name(), digest, trusted));
}

TEST_F(TransfersTest, WhatCannotBegin_StartsNoProcess) {
  TransferOptions none = options();
  none.executable = "/no/such/program";
  none.offline = true;
  const auto offline = make_service(none);
  const auto refused = offline->begin({.name = name()});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message().find("offline"), std::string::npos);
  EXPECT_TRUE(registry_.log().empty());
  none.offline = false;
  const auto service = make_service(none);
  for (const char* bad : {"", "../../etc", "a/b/c/d/e", "a\\b", "library/..", "x:..", "-x", "http://"})
    EXPECT_EQ(service->begin({.name = bad}).error().code(), ErrorCode::kInvalidArgument) << bad;
  EXPECT_EQ(service->begin({.kind = TransferWish::Kind::kPush, .name = name()}).error().code(),
            ErrorCode::kNotFound);
  EXPECT_FALSE(make_transfer_service(context_.get_executor(), nullptr, options())->begin({.name = name()}));
}

TEST_F(TransfersTest, RegistrysErrors_AreTold) {
  pull();
  EXPECT_NE(error_.find("expected 200, found 404: manifest unknown"), std::string::npos) << error_;
  EXPECT_NE(error_.find("127.0.0.1"), std::string::npos) << error_;
  EXPECT_EQ(store_.count_files("manifests"), 0U);
}

TEST_F(TransfersTest, DestroyedTransfer_EndsTheProcessAndKeepsWhatThereIs) {
  const std::string weights = noise(2'000'000);
  registry_.add_model({weights});
  registry_.intercept([](const TinyRequest&) -> std::optional<TinyReply> {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    return std::nullopt;
  });
  const auto service = make_service(options());
  auto transfer = service->begin({.name = name(), .insecure = true});
  ASSERT_TRUE(transfer);
  boost::asio::co_spawn(context_, collect(**transfer), boost::asio::detached);
  boost::asio::steady_timer timer(context_, std::chrono::milliseconds(150));
  timer.async_wait([&](const boost::system::error_code&) { (*transfer)->cancel(); });
  context_.run();  // which ends when the process has ended, too
  EXPECT_NE(error_.find("cancelled"), std::string::npos) << error_;
  EXPECT_EQ(store_.count_files("manifests"), 0U);
  registry_.intercept(nullptr);
  pull();
  EXPECT_EQ(error_, "");
}

// --- kill -9
// --------------------------------------------------------------------------------------------------------

class KilledFetcher : public TransfersTest {
 protected:
  // Runs a fetcher that is killed after so long; whether it had come to its end before.
  bool fetch_until(std::chrono::microseconds moment) {
    protocol::FetchOrder order;
    order.set_name(registry_.host() + "/library/tiny:latest");
    order.set_store_root(store_.root().string());
    order.set_insecure(true);
    order.set_plain_http(true);
    order.set_part_bytes(kPartBytes);
    order.set_n_streams(kStreams);
    auto fetcher = FetcherProcess::start(context_.get_executor(), HEARTH_PROGRAM, order);
    EXPECT_TRUE(fetcher) << fetcher.error().message();
    bool has_fetched = false;
    std::string failure;
    boost::asio::co_spawn(
        context_,
        [&]() -> Task<void> {
          while (const auto report = co_await (*fetcher)->next()) {
            has_fetched = has_fetched || report->has_fetched();
            if (report->has_failure()) failure = report->failure().message();
          }
        },
        boost::asio::detached);
    boost::asio::steady_timer timer(context_, moment);
    timer.async_wait([&](const boost::system::error_code&) { ::kill((*fetcher)->pid(), SIGKILL); });
    context_.restart();
    context_.run();
    const bool was_killed =
        failure.find("the fetcher process ended unexpectedly (signal 9)") != std::string::npos;
    EXPECT_TRUE(has_fetched || was_killed) << failure;
    return has_fetched;
  }
};

// HEARTH_KILLS: how many moments; 24 take some seconds.
TEST_F(KilledFetcher, NextPull_GoesOnWhereItWas) {
  const char* wish = std::getenv("HEARTH_KILLS");
  const int n_kills = wish == nullptr ? 24 : std::atoi(wish);
  std::minstd_rand random(static_cast<unsigned>(n_kills));
  for (int i = 0; i < n_kills; ++i) {
    SCOPED_TRACE(i);
    const std::string weights = noise(3'000'000, static_cast<uint32_t>(i + 1));
    const std::string manifest = registry_.add_model({weights});
    registry_.intercept(nullptr);
    const uint64_t before = registry_.sent_bytes();
    std::uniform_int_distribution<int> chance(5'000, 300'000);
    fetch_until(std::chrono::microseconds(chance(random)));
    // What was lost: at most a part of what was read, of all streams together (store_faults_test counts
    // that), and what the sockets held of the parts that were on their way.
    uint64_t completed = 0;
    if (store_->has_blob(Digest::of(weights))) {
      completed = weights.size();
    } else if (const auto partial = store_->partial_blob(Digest::of(weights), weights.size())) {
      completed = partial->completed_bytes();
    }
    const uint64_t sent_by_then = registry_.sent_bytes() - before;
    EXPECT_GE(completed + kPartBytes + kStreams * kPartBytes + 4096,
              std::min<uint64_t>(sent_by_then, weights.size()));
    const uint64_t resumed = registry_.sent_bytes();
    pull();
    ASSERT_EQ(error_, "");
    EXPECT_LE(registry_.sent_bytes() - resumed, weights.size() - completed + 4096)
        << "more was fetched than missing";
    EXPECT_EQ(store_->manifest(stored_name())->bytes, manifest);
    const auto report = store_->verify({stored_name()});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->faults.empty());
  }
  // Killed just after the blob got its place, the notes of its ranges stay, and nothing else.
  for (const auto& entry : std::filesystem::directory_iterator(store_.root() / "hearth/partial"))
    EXPECT_EQ(entry.path().extension(), ".ranges");
}

}  // namespace
}  // namespace hearth::server
