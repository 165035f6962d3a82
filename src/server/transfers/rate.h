// How fast bytes come: over the last seconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

namespace hearth::server {

class TransferRate {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  void add(TimePoint now, uint64_t completed_bytes) {
    constexpr std::chrono::seconds kWindow{5};
    points_.push_back({now, completed_bytes});
    while (points_.size() > 2 && now - points_.front().at > kWindow) points_.pop_front();
  }
  // 0 where nothing is known: of one point in time, and of bytes that became fewer (a try from the
  // beginning).
  double bytes_per_s() const {
    if (points_.size() < 2) return 0.0;
    const std::chrono::duration<double> time = points_.back().at - points_.front().at;
    const bool went_on = points_.back().bytes > points_.front().bytes;
    if (!went_on || time.count() <= 0.0) return 0.0;
    return static_cast<double>(points_.back().bytes - points_.front().bytes) / time.count();
  }

 private:
  struct Point {
    TimePoint at;
    uint64_t bytes;
  };
  std::deque<Point> points_;
};

}  // namespace hearth::server
