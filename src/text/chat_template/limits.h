// What a template may cost. Templates come with model files, and model files come from anywhere.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace hearth::text {

// Of one rendering. The defaults are some hundred times what the templates of published models need.
struct RenderLimits {
  uint64_t max_steps = 1'000'000;       // expressions and statements evaluated, elements visited
  size_t max_output_bytes = 4U << 20U;  // the rendered text
  size_t max_work_bytes = 64U << 20U;   // text and lists made or searched on the way, all together
};

namespace jinja {

constexpr size_t kMaxSourceBytes = 1U << 20U;
// Of syntax, of values within values, and of macros calling macros.
constexpr size_t kMaxDepth = 100;
// Of everything being evaluated at a time: what bounds the stack.
constexpr size_t kMaxEvaluationDepth = 600;
// Python's sandbox has the same limit on range().
constexpr int64_t kMaxRange = 100'000;

// Counts what one rendering spends. Whatever makes or walks something pays first, so that nothing large is
// ever made only to be refused.
class Budget {
 public:
  explicit Budget(const RenderLimits& limits) : limits_(limits) {}

  Result<void> steps(uint64_t n) {
    if (n > limits_.max_steps - steps_) {
      return make_error(ErrorCode::kResourceExhausted, "the template takes more than {} steps",
                        limits_.max_steps);
    }
    steps_ += n;
    return {};
  }

  Result<void> bytes(uint64_t n) {
    if (n > limits_.max_work_bytes - bytes_) {
      return make_error(ErrorCode::kResourceExhausted, "the template works on more than {} bytes",
                        limits_.max_work_bytes);
    }
    bytes_ += n;
    return {};
  }

  // Text that is looked at character by character, which costs more than copying it.
  Result<void> characters(uint64_t n) { return bytes(n * kCharacterBytes); }

  // A list or dict of `n` elements.
  Result<void> elements(uint64_t n) {
    HEARTH_TRY(steps(n));
    return bytes(n * kElementBytes);
  }

  const RenderLimits& limits() const { return limits_; }
  // What is left of the limits, for a rendering that goes on.
  RenderLimits left() const {
    RenderLimits left = limits_;
    left.max_steps -= steps_;
    left.max_work_bytes -= bytes_;
    return left;
  }

 private:
  static constexpr uint64_t kElementBytes = 32;
  static constexpr uint64_t kCharacterBytes = 4;

  RenderLimits limits_;
  uint64_t steps_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace jinja
}  // namespace hearth::text
