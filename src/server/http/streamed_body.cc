#include "server/http/streamed_body.h"

namespace hearth::server::http {

StreamedBody::StreamedBody(Channel& channel, RequestParser& parser, const Limits& limits)
    : channel_(channel),
      parser_(parser),
      limits_(limits),
      is_whole_(!parser.head().has_body),
      time_left_(limits.body_stall) {}

bool StreamedBody::is_held_back() const noexcept {
  return parser_.head().expects_continue && !has_begun_ && !is_whole_ && channel_.input().empty();
}

Task<bool> StreamedBody::wait() {
  constexpr int kClientWentAway = 499;
  const auto began = Clock::now();
  const auto wait = co_await channel_.more_input(began + time_left_);
  time_left_ -= Clock::now() - began;
  if (wait == Channel::Wait::kClosed) {
    fail(kClientWentAway, "the client went away before the end of the request's body");
    co_return false;
  }
  if (wait == Channel::Wait::kTimeout || time_left_ <= Clock::duration::zero()) {
    fail(408, "the request's body took too long");
    co_return false;
  }
  co_return true;
}

Task<bool> StreamedBody::read(std::string& bytes) {
  if (is_whole_ || failure_) co_return false;
  if (is_held_back()) {
    const bool told = co_await channel_.write("HTTP/1.1 100 Continue\r\n\r\n", limits_.write_stall);
    if (!told) {
      fail(499, "the client went away before the request's body");
      co_return false;
    }
  }
  has_begun_ = true;
  const size_t before = bytes.size();
  while (true) {
    size_t n_taken = 0;
    auto failed = parser_.parse_body(channel_.input(), bytes, n_taken);
    if (failed) {
      fail(failed->status, std::move(failed->message));
      co_return false;
    }
    channel_.consume(n_taken);
    progress_bytes_ += n_taken;
    if (progress_bytes_ >= kMinBodyProgressBytes) {
      time_left_ = limits_.body_stall;
      progress_bytes_ = 0;
    }
    if (parser_.complete()) {
      is_whole_ = true;
      // From here on it is noticed also while nobody reads that the client goes away.
      channel_.watch([] {});
      co_return bytes.size() > before;
    }
    if (bytes.size() > before) co_return true;
    const bool goes_on = co_await wait();
    if (!goes_on) co_return false;
  }
}

}  // namespace hearth::server::http
