// Notices that nothing happens any more.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "server/async/task.h"

namespace hearth::server {

// For the thread of the executor. It watches from its first touch() on.
class StallGuard {
 public:
  using Seconds = std::chrono::duration<double>;

  // Calls `on_stall`, once, when for `limit` there was no touch(); never where the limit is 0 or negative.
  // Not after the guard is destroyed.
  StallGuard(const Executor& executor, Seconds limit, std::function<void()> on_stall)
      : limit_(limit), state_(std::make_shared<State>(executor, std::move(on_stall))) {}
  StallGuard(const StallGuard&) = delete;
  StallGuard& operator=(const StallGuard&) = delete;
  ~StallGuard() { release(); }

  // Something has happened.
  void touch() {
    if (limit_ <= Seconds(0)) return;
    // Longer than anybody waits, and shorter than clocks overflow.
    constexpr Seconds kLongest{365.0 * 24 * 3600};
    state_->deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::min(limit_, kLongest));
    if (!std::exchange(state_->is_waiting, true)) wait(state_);
  }
  // What happens now may take its time, until the next touch().
  void pause() { state_->deadline = Clock::time_point::max(); }
  void release() {
    state_->on_stall = nullptr;
    try {
      state_->timer.cancel();
    } catch (...) {
      // Boost's interface allows an error here; a timer of this process has none.
    }
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    State(const Executor& executor, std::function<void()> callback)
        : timer(executor), on_stall(std::move(callback)) {}
    boost::asio::steady_timer timer;
    std::function<void()> on_stall;
    Clock::time_point deadline;
    bool is_waiting = false;
  };

  // One wait at a time: what is touched often moves the deadline only, and the wait is made longer at its
  // end.
  static void wait(const std::shared_ptr<State>& state) {
    state->timer.expires_at(state->deadline);
    state->timer.async_wait([weak = std::weak_ptr(state)](const boost::system::error_code& error) {
      const auto awaited = weak.lock();
      if (error || !awaited || !awaited->on_stall) return;
      if (Clock::now() < awaited->deadline) {
        awaited->is_waiting = awaited->deadline != Clock::time_point::max();
        if (awaited->is_waiting) wait(awaited);
        return;
      }
      std::exchange(awaited->on_stall, nullptr)();
    });
  }

  const Seconds limit_;
  const std::shared_ptr<State> state_;
};

}  // namespace hearth::server
