// How much work may go into one thing that a stranger asks for.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hearth::text::grammar {

// Counted in steps that cost about the same, some ten nanoseconds, and not in seconds: what is refused on one
// machine is refused on all. Work goes on where it is when the budget is spent, and ends at the next place
// that can fail. Not thread-safe.
class WorkBudget {
 public:
  explicit WorkBudget(uint64_t steps) noexcept : limit_(steps), left_(steps) {}
  void spend(uint64_t steps) noexcept { left_ -= std::min(left_, steps); }
  bool is_spent() const noexcept { return left_ == 0; }
  uint64_t limit() const noexcept { return limit_; }
  uint64_t spent() const noexcept { return limit_ - left_; }

 private:
  uint64_t limit_;
  uint64_t left_;
};

}  // namespace hearth::text::grammar
