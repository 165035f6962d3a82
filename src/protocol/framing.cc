#include "protocol/framing.h"

#include <array>

namespace hearth::protocol {
namespace {

constexpr size_t kLengthBytes = 4;

size_t read_length(std::string_view bytes) {
  size_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= size_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return length;
}

}  // namespace

Result<void> append_frame(std::string& bytes, const google::protobuf::MessageLite& message) {
  const size_t length = message.ByteSizeLong();
  if (length > kMaxFrameBytes) {
    return make_error(ErrorCode::kResourceExhausted, "a message of {} bytes: at most {} are sent at once",
                      length, kMaxFrameBytes);
  }
  for (size_t i = 0; i < kLengthBytes; ++i) bytes.push_back(static_cast<char>((length >> (8 * i)) & 0xFFU));
  const size_t at = bytes.size();
  bytes.resize(at + length);
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes.data() + at));
  return {};
}

void FrameReader::append(std::string_view bytes) {
  // What was taken is dropped once it is the larger part, so that each byte is moved about once.
  if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  buffer_.append(bytes);
}

Result<bool> FrameReader::next(google::protobuf::MessageLite& message) {
  const std::string_view rest = std::string_view(buffer_).substr(begin_);
  if (rest.size() < kLengthBytes) return false;
  const size_t length = read_length(rest);
  if (length > kMaxFrameBytes) {
    return make_error(ErrorCode::kMalformed, "a frame of {} bytes: expected at most {}", length,
                      kMaxFrameBytes);
  }
  if (rest.size() - kLengthBytes < length) return false;
  if (!message.ParseFromArray(rest.data() + kLengthBytes, static_cast<int>(length))) {
    return make_error(ErrorCode::kMalformed, "a frame of {} bytes that is no message of the protocol",
                      length);
  }
  begin_ += kLengthBytes + length;
  return true;
}

}  // namespace hearth::protocol
