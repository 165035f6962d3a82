// The body of a request for a handler that reads it as it comes. Private to the server.
#pragma once

#include <optional>
#include <string>

#include "server/http/channel.h"
#include "server/http/request.h"
#include "server/http/request_parser.h"
#include "server/http/server.h"

namespace hearth::server::http {

// What a slow body has to bring within Limits::body_stall.
inline constexpr size_t kMinBodyProgressBytes = 1024;

class StreamedBody final : public BodyReader {
 public:
  // All three outlive it. parser: has its head. Until the body is whole, nobody else reads the channel.
  StreamedBody(Channel& channel, RequestParser& parser, const Limits& limits);

  Task<bool> read(std::string& bytes) override;
  const std::optional<BodyFailure>& failure() const noexcept override { return failure_; }
  bool is_held_back() const noexcept override;
  bool is_whole() const noexcept { return is_whole_; }

 private:
  void fail(int status, std::string message) { failure_ = BodyFailure{status, std::move(message)}; }
  // Waits for more input than there is; false: failure().
  Task<bool> wait();

  Channel& channel_;
  RequestParser& parser_;
  const Limits& limits_;
  std::optional<BodyFailure> failure_;
  bool is_whole_;
  bool has_begun_ = false;
  // Only the time that the handler spends waiting for the client counts.
  Clock::duration time_left_;
  size_t progress_bytes_ = 0;
};

}  // namespace hearth::server::http
