#include "server/http/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace hearth::server::http {
namespace {

using boost::system::error_code;

constexpr auto kPollPeriod = std::chrono::milliseconds(100);
constexpr auto kLinger = std::chrono::seconds(2);
constexpr size_t kMaxLingerBytes = 16 * 1024 * 1024;
// What a slow reader has to take within a time-out, where there is as much for it.
constexpr size_t kMinProgressBytes = 1024;

// One buffer for all connections, which are on one thread: what was read goes on to the connection's own
// memory.
std::span<char> scratch() {
  thread_local std::array<char, 16 * 1024> buffer;
  return buffer;
}

}  // namespace

Channel::Channel(Socket socket, std::unique_ptr<Transport> transport)
    : socket_(std::move(socket)), transport_(std::move(transport)), timer_(socket_.get_executor()) {}

Task<void> Channel::wait_until(Clock::time_point deadline) {
  timer_.expires_at(deadline);
  error_code woken;
  co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

void Channel::wake() {
  timer_.cancel();
}

void Channel::arm_read() {
  if (read_armed_ || !socket_.is_open()) return;
  read_armed_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    self->read_armed_ = false;
    if (error) {
      self->end_reading(IoState::kBroken);
    } else if (self->shaking_hands_) {
      self->wake();
    } else {
      self->pump();
    }
  });
}

void Channel::arm_write() {
  if (write_armed_ || !socket_.is_open()) return;
  write_armed_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
    self->write_armed_ = false;
    if (error) self->end_reading(IoState::kBroken);
    self->wake();
  });
}

void Channel::pump() {
  const size_t before = input_.size();
  while (!gone() && input_.size() < kMaxInputBytes) {
    std::span<char> buffer = scratch();
    buffer = buffer.first(std::min(buffer.size(), kMaxInputBytes - input_.size()));
    const IoResult result = transport_->read(buffer);
    if (result.state == IoState::kDone) {
      input_.append(buffer.data(), result.n_bytes);
      continue;
    }
    // TLS might want to write before it can read on (an update of keys): the next write does that.
    if (result.state == IoState::kNeedsRead || result.state == IoState::kNeedsWrite) {
      arm_read();
    } else {
      end_reading(result.state);
    }
    break;
  }
  if (input_.size() >= kMaxInputBytes && on_gone_) poll_for_end();
  if (input_.size() != before || gone()) wake();
}

// With room for no more input the end behind it cannot be read, but the system knows of it.
void Channel::poll_for_end() {
  if (poll_timer_ || gone()) return;
  poll_timer_ = std::make_unique<boost::asio::steady_timer>(socket_.get_executor(), kPollPeriod);
  poll_timer_->async_wait([self = shared_from_this()](error_code error) {
    self->poll_timer_.reset();
    if (error || self->gone() || !self->on_gone_) return;
    pollfd descriptor{.fd = self->socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
    if (poll(&descriptor, 1, 0) > 0 && descriptor.revents != 0) {
      self->end_reading(IoState::kEnd);
    } else {
      self->poll_for_end();
    }
  });
}

void Channel::end_reading(IoState state) {
  (state == IoState::kEnd ? ended_ : broken_) = true;
  wake();
  tell_gone();
}

void Channel::tell_gone() {
  if (!on_gone_) return;
  // It may set another, or let go of the last reference to this.
  const auto self = shared_from_this();
  const auto callback = std::exchange(on_gone_, nullptr);
  callback();
}

void Channel::watch(std::function<void()> on_gone) {
  on_gone_ = std::move(on_gone);
  if (!on_gone_) return;
  if (gone()) {
    tell_gone();
  } else {
    pump();
  }
}

Task<bool> Channel::handshake(Clock::time_point deadline) {
  shaking_hands_ = true;
  while (!gone()) {
    const IoResult result = transport_->handshake();
    if (result.state == IoState::kDone) {
      shaking_hands_ = false;
      co_return true;
    }
    if (result.state == IoState::kNeedsRead) {
      arm_read();
    } else if (result.state == IoState::kNeedsWrite) {
      arm_write();
    } else {
      break;  // what the other end may read of the reason has been sent, and close() sees to it that it can
    }
    if (Clock::now() >= deadline) break;
    co_await wait_until(deadline);
  }
  shaking_hands_ = false;
  co_return false;
}

void Channel::consume(size_t n_bytes) {
  input_.erase(0, n_bytes);
}

void Channel::release_memory() {
  if (input_.empty()) input_ = std::string();
}

Task<Channel::Wait> Channel::more_input(Clock::time_point deadline) {
  const size_t before = input_.size();
  pump();
  while (input_.size() == before && !gone()) {
    if (Clock::now() >= deadline) co_return Wait::kTimeout;
    co_await wait_until(deadline);
  }
  co_return input_.size() != before ? Wait::kInput : Wait::kClosed;
}

Task<bool> Channel::write(std::string_view bytes, Clock::duration stall) {
  Clock::time_point deadline = Clock::now() + stall;
  size_t progress = 0;
  while (!bytes.empty()) {
    if (broken_) co_return false;
    const IoResult result = transport_->write(bytes);
    if (result.state == IoState::kDone) {
      bytes.remove_prefix(result.n_bytes);
      progress += result.n_bytes;
      continue;
    }
    if (result.state != IoState::kNeedsWrite && result.state != IoState::kNeedsRead) {
      end_reading(IoState::kBroken);
      co_return false;
    }
    const auto now = Clock::now();
    if (progress >= kMinProgressBytes) {
      deadline = now + stall;
      progress = 0;
    } else if (now >= deadline) {
      cut();
      co_return false;
    }
    arm_write();
    co_await wait_until(deadline);
  }
  co_return true;
}

void Channel::cut() {
  error_code ignored;
  socket_.set_option(boost::asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  end_reading(IoState::kBroken);
}

void Channel::stop_reading() {
  ended_ = true;
  wake();
}

Task<void> Channel::close(bool linger) {
  if (!broken_) transport_->shut_down();
  const auto deadline = Clock::now() + kLinger;
  size_t n_bytes = 0;
  // What comes is nobody's, and is not even decrypted.
  while (linger && !gone() && n_bytes < kMaxLingerBytes && Clock::now() < deadline) {
    const std::span<char> buffer = scratch();
    const ssize_t n = recv(socket_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) break;
    if (n > 0) {
      n_bytes += static_cast<size_t>(n);
      continue;
    }
    shaking_hands_ = true;  // so that nobody else reads
    arm_read();
    co_await wait_until(deadline);
  }
  error_code ignored;
  socket_.close(ignored);
  broken_ = true;
}

}  // namespace hearth::server::http
