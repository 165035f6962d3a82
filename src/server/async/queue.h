// Values from callbacks to one coroutine that waits for them.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <optional>

#include "server/async/task.h"

namespace hearth::server {

// For one thread: producers and the consumer run on the executor. The consumer must have left next() before
// the queue is destroyed.
template <typename T>
class Queue {
 public:
  explicit Queue(const Executor& executor) : ready_(executor, boost::asio::steady_timer::time_point::max()) {}

  void push(T value) {
    if (closed_) return;
    values_.push_back(std::move(value));
    ready_.cancel();
  }
  // No further values. What was pushed before is still delivered.
  void close() {
    closed_ = true;
    ready_.cancel();
  }
  bool closed() const noexcept { return closed_; }
  size_t size() const noexcept { return values_.size(); }

  // The next value; nothing once the queue is closed and empty. One consumer at a time.
  Task<std::optional<T>> next() {
    while (values_.empty() && !closed_) {
      boost::system::error_code woken;  // by a cancelled timer, which is how push() and close() wake
      co_await ready_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    }
    if (values_.empty()) co_return std::nullopt;
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    co_return value;
  }

 private:
  boost::asio::steady_timer ready_;
  std::deque<T> values_;
  bool closed_ = false;
};

}  // namespace hearth::server
