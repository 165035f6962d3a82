#include "worker/engine_process.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <thread>

#include "protocol/file_passing.h"
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

// A file comes with its call, and with no other, however the bytes are cut up.
TEST(EngineCalls, AdapterComesWithItsFile) {
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueDescriptor front(pair[0]);
  Connection connection{UniqueDescriptor(pair[1])};
  const auto send_call = [&](const protocol::Call& call, int file) {
    std::string frame;
    ASSERT_TRUE(protocol::append_frame(frame, call));
    const size_t n_first = file < 0 ? frame.size() : 1;
    const std::string_view first(frame.data(), n_first);
    ASSERT_EQ(file < 0 ? ::send(front.get(), first.data(), n_first, MSG_NOSIGNAL)
                       : protocol::send_with_file(front.get(), first, file),
              static_cast<ssize_t>(n_first));
    if (file < 0) return;
    ASSERT_EQ(::send(front.get(), frame.data() + 1, frame.size() - 1, MSG_NOSIGNAL),
              static_cast<ssize_t>(frame.size() - 1));
  };
  protocol::Call inspect;
  inspect.set_id(1);
  inspect.mutable_inspect();
  protocol::Call load;
  load.set_id(2);
  load.mutable_load_adapter()->set_path("adapter.gguf");
  std::array<UniqueDescriptor, 2> files;
  for (UniqueDescriptor& file : files) file.reset(::memfd_create("file", MFD_CLOEXEC));
  send_call(inspect, -1);
  for (size_t i = 0; i < files.size(); ++i) {
    ASSERT_EQ(::pwrite(files[i].get(), i == 0 ? "a" : "b", 1, 0), 1);
    send_call(load, files[i].get());
    send_call(inspect, -1);
  }
  std::string seen;
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(*connection.receive());
    for (protocol::Call call; *connection.next(call);) {
      if (!call.has_load_adapter()) {
        seen += 'i';
        continue;
      }
      const UniqueDescriptor file(call.load_adapter().descriptor());
      char byte = 0;
      ASSERT_EQ(::pread(file.get(), &byte, 1, 0), 1);
      seen += byte;
    }
  }
  EXPECT_EQ(seen, "iaibi");
  send_call(load, -1);
  ASSERT_TRUE(*connection.receive());
  protocol::Call call;
  EXPECT_EQ(connection.next(call).error().code(), ErrorCode::kMalformed) << "no file came with it";
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
