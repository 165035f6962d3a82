// One connection as its coroutine sees it: input that arrives by itself, waits that end, writes that are cut
// when nobody reads. Private to the server.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/async/task.h"
#include "server/http/transport.h"

namespace hearth::server::http {

using Clock = std::chrono::steady_clock;

// Held by a shared_ptr, since the system may still have a callback of it. All on one thread, and one
// coroutine at a time waits for it or writes.
class Channel : public std::enable_shared_from_this<Channel> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  // transport: of `socket`, which is TCP's or a Unix socket.
  Channel(Socket socket, std::unique_ptr<Transport> transport);

  Task<bool> handshake(Clock::time_point deadline);

  // What has arrived and was not yet taken. At most kMaxInputBytes; more stays with the system.
  const std::string& input() const noexcept { return input_; }
  void consume(size_t n_bytes);
  void release_memory();

  enum class Wait { kInput, kClosed, kTimeout };
  // For more input than there is.
  Task<Wait> more_input(Clock::time_point deadline);

  // Notices from here on also while nobody waits for input when the other end goes away; calls this once
  // then. Null: no more of it.
  void watch(std::function<void()> on_gone);
  // The other end has ended its side, or all is over.
  bool gone() const noexcept { return ended_ || broken_; }
  bool broken() const noexcept { return broken_; }

  // False: not all could be written. Breaks the channel where for a time of `stall` hardly anything is taken.
  Task<bool> write(std::string_view bytes, Clock::duration stall);

  // Everything waiting ends now, and the other end sees a reset rather than an end.
  void cut();
  // Waits end as with a closed connection, but what was written still arrives.
  void stop_reading();
  // Says that nothing more will come, and reads what the other end still sends, so that the last answer is
  // not lost with it. Then closes.
  Task<void> close(bool linger);

  static constexpr size_t kMaxInputBytes = 64 * 1024;

 private:
  Task<void> wait_until(Clock::time_point deadline);
  void wake();
  // Reads what there is, and waits for more in the background while there is room.
  void pump();
  void arm_read();
  void arm_write();
  void poll_for_end();
  void end_reading(IoState state);
  void tell_gone();

  Socket socket_;
  std::unique_ptr<Transport> transport_;
  boost::asio::steady_timer timer_;
  std::unique_ptr<boost::asio::steady_timer> poll_timer_;  // only for a client that sends ahead very far
  std::string input_;
  std::function<void()> on_gone_;
  bool shaking_hands_ = false;
  bool read_armed_ = false;
  bool write_armed_ = false;
  bool ended_ = false;
  bool broken_ = false;
};

}  // namespace hearth::server::http
