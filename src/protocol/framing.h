// Messages as frames of a stream: four bytes of length, little-endian, then a message of engine.proto.
//
// A frame longer than kMaxFrameBytes, or one that does not parse, breaks the stream for good: who is at the
// other end is no more to be trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "protocol/engine.pb.h"

namespace hearth::protocol {

// Room for a prompt of some million tokens, and not for a length that was never meant.
constexpr size_t kMaxFrameBytes = size_t{64} << 20U;

// Appends the frame of a message to `bytes`. kResourceExhausted for one that is too long.
Result<void> append_frame(std::string& bytes, const google::protobuf::MessageLite& message);

// Puts frames together from the pieces in which a stream brings them. Not thread-safe.
class FrameReader {
 public:
  void append(std::string_view bytes);

  // Takes the next frame into `message`: false where it is not whole yet. kMalformed breaks the stream.
  Result<bool> next(google::protobuf::MessageLite& message);

 private:
  std::string buffer_;
  size_t begin_ = 0;  // of what was not taken yet
};

}  // namespace hearth::protocol
