#include "protocol/framing.h"

#include <gtest/gtest.h>

#include "protocol/status.h"

namespace hearth::protocol {
namespace {

Call call_of(uint64_t id, const std::string& text) {
  Call call;
  call.set_id(id);
  call.mutable_tokenize()->mutable_text()->set_text(text);
  return call;
}

TEST(FrameReader, BytesOneByOne_GiveTheMessagesInOrder) {
  std::string bytes;
  for (uint64_t id = 1; id <= 3; ++id)
    ASSERT_TRUE(append_frame(bytes, call_of(id, std::string(id * 100, 'x'))));
  FrameReader reader;
  uint64_t expected = 1;
  for (const char byte : bytes) {
    reader.append({&byte, 1});
    Call call;
    const auto whole = reader.next(call);
    ASSERT_TRUE(whole);
    if (!*whole) continue;
    EXPECT_EQ(call.id(), expected);
    EXPECT_EQ(call.tokenize().text().text().size(), expected * 100);
    ++expected;
  }
  EXPECT_EQ(expected, 4U);
}

TEST(FrameReader, ManyMessagesAtOnce_AreTakenOneByOne) {
  std::string bytes;
  for (uint64_t id = 0; id < 100; ++id) ASSERT_TRUE(append_frame(bytes, call_of(id, "t")));
  FrameReader reader;
  reader.append(bytes);
  for (uint64_t id = 0; id < 100; ++id) {
    Call call;
    ASSERT_TRUE(*reader.next(call));
    EXPECT_EQ(call.id(), id);
  }
  Call call;
  EXPECT_FALSE(*reader.next(call));
}

TEST(FrameReader, LengthBeyondTheLimit_IsRefusedBeforeItsBytesCome) {
  FrameReader reader;
  reader.append(std::string("\xFF\xFF\xFF\x7F", 4));
  Call call;
  const auto whole = reader.next(call);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().code(), ErrorCode::kMalformed);
}

TEST(FrameReader, BytesThatAreNoMessage_AreRefused) {
  FrameReader reader;
  reader.append(std::string("\x03\0\0\0\xFF\xFF\xFF", 7));
  Call call;
  EXPECT_FALSE(reader.next(call));
}

TEST(Failure, EveryErrorCode_ComesBackAsItWent) {
  for (const ErrorCode code : {ErrorCode::kUsage, ErrorCode::kInvalidArgument, ErrorCode::kNotFound,
                               ErrorCode::kMalformed, ErrorCode::kUnsupported, ErrorCode::kResourceExhausted,
                               ErrorCode::kUnavailable, ErrorCode::kCancelled, ErrorCode::kIo}) {
    const Error error = error_of(failure_of(Error(code, "why")));
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.message(), "why");
  }
}

TEST(Failure, CodeOfALaterVersion_IsNobodysFault) {
  Failure failure;
  failure.set_code(static_cast<Failure::Code>(99));
  EXPECT_EQ(error_of(failure).code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace hearth::protocol
