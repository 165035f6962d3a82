#include "worker/engine_process.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

#include "protocol/framing.h"

namespace hearth::worker {
namespace {

// The loop in a thread, unsealed, with this test as its front.
class ServeCallsTest : public ::testing::Test {
 protected:
  ServeCallsTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    front_.reset(pair[0]);
    thread_ = std::thread([this, engine = pair[1]] {
      const EngineProcessOptions options{[](int) -> Result<std::unique_ptr<tensor::Backend>> {
                                           return Error(ErrorCode::kUnsupported, "none");
                                         },
                                         1, "nothing"};
      result_.emplace(serve_calls(UniqueDescriptor(engine), options));
    });
  }
  ~ServeCallsTest() override {
    if (thread_.joinable()) end();
  }

  Result<void>& end() {
    ::shutdown(front_.get(), SHUT_WR);
    thread_.join();
    return *result_;
  }

  UniqueDescriptor front_;
  std::thread thread_;
  std::optional<Result<void>> result_;
};

TEST_F(ServeCallsTest, ClosedSocket_EndsItWell) {
  EXPECT_TRUE(end());
}

TEST_F(ServeCallsTest, BrokenFrame_EndsIt) {
  ASSERT_EQ(::send(front_.get(), "\xFF\xFF\xFF\x7F....", 8, MSG_NOSIGNAL), 8);
  thread_.join();
  EXPECT_EQ(result_->error().code(), ErrorCode::kMalformed);
}

TEST(EngineReplies, ProgressIsSentAtOnceAndTheRestQueued) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueDescriptor front(pair[0]);
  Connection connection{UniqueDescriptor(pair[1])};
  const ReplySink send = sink_of(connection);
  std::array<char, 256> bytes;
  protocol::Reply reply;
  reply.mutable_started();
  send(reply);
  EXPECT_EQ(::recv(front.get(), bytes.data(), bytes.size(), MSG_DONTWAIT), -1);
  reply.mutable_progress()->set_stage("reading weights");
  send(reply);
  const ssize_t n = ::recv(front.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  ASSERT_GT(n, 0);
  protocol::FrameReader reader;
  reader.append({bytes.data(), static_cast<size_t>(n)});
  ASSERT_TRUE(*reader.next(reply) && reply.has_started());
  ASSERT_TRUE(*reader.next(reply) && reply.has_progress());
  EXPECT_EQ(reply.progress().stage(), "reading weights");
}

// More calls than the socket's buffers hold replies to, before the first reply is read.
TEST_F(ServeCallsTest, FrontThatDoesNotRead_DoesNotBlockItsCalls) {
  constexpr uint64_t kCalls = 20'000;
  std::string bytes;
  for (uint64_t id = 1; id <= kCalls; ++id) {
    protocol::Call call;
    call.set_id(id);
    call.mutable_inspect();
    ASSERT_TRUE(protocol::append_frame(bytes, call));
  }
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(front_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    ASSERT_GT(n, 0);
    sent += static_cast<size_t>(n);
  }
  protocol::FrameReader reader;
  std::array<char, 65536> chunk;
  uint64_t n_replies = 0;
  while (n_replies < kCalls) {
    const ssize_t n = ::recv(front_.get(), chunk.data(), chunk.size(), 0);
    ASSERT_GT(n, 0);
    reader.append({chunk.data(), static_cast<size_t>(n)});
    for (protocol::Reply reply; *reader.next(reply);) {
      ++n_replies;
      ASSERT_EQ(reply.id(), n_replies);
      ASSERT_TRUE(reply.has_failure());
    }
  }
  EXPECT_TRUE(end());
}

}  // namespace
}  // namespace hearth::worker
