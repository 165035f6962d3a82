// Coroutines that wait until something has changed, and look again.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "server/async/task.h"

namespace hearth::server {

// For one thread. Must outlive the coroutines that wait.
class Monitor {
 public:
  explicit Monitor(const Executor& executor)
      : changed_(executor, boost::asio::steady_timer::time_point::max()) {}

  // Wakes all who wait now.
  void notify_all() noexcept {
    try {
      changed_.cancel();
    } catch (...) {
      // Boost's interface allows an error here; a timer of this process has none.
    }
  }
  Task<void> changed() {
    boost::system::error_code woken;  // by a cancelled timer
    co_await changed_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }

 private:
  boost::asio::steady_timer changed_;
};

}  // namespace hearth::server
