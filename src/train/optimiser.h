// What makes weights of derivatives: clipping, AdamW, and how far to go at which step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "train/threads.h"

namespace hearth::train {

// sqrt(sum x^2), in double precision and in one order, whatever the number of threads.
template <typename T>
double global_norm(Threads& threads, std::span<const T> x);

// What derivatives of this norm are multiplied with, so that it is at most `most`; 1 where it is already.
// Where the norm is no finite number, the result is none either: the step is the caller's to leave out.
double clip_factor(double norm, double most) noexcept;

// Up to `peak` in equal parts during the first warmup_steps, then along half a cosine to `last` at
// total_steps, and there from then on. Source: arXiv:1608.03983, without restarts.
struct CosineSchedule {
  double peak = 1e-3;
  double last = 1e-4;
  int64_t warmup_steps = 0;
  int64_t total_steps = 1;  // more than warmup_steps

  // Of the step that has `step` before it.
  double learning_rate(int64_t step) const noexcept;
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
};

// Source: arXiv:1711.05101, algorithm 2 with the decay multiplied by the learning rate, as in PyTorch.
template <typename T>
class AdamW {
 public:
  struct Part {
    int64_t n;  // weights, from where the part before ends
    bool decays;
  };
  AdamW(std::vector<Part> parts, const AdamWOptions& options);

  // One step against `scale` times the derivatives. Both spans are as long as all parts.
  void step(Threads& threads, double learning_rate, double scale, std::span<const T> derivatives,
            std::span<T> weights);

  // All that it remembers: to go on as if never stopped, set it again.
  struct State {
    int64_t n_steps = 0;
    std::vector<T> means;    // of derivatives
    std::vector<T> squares;  // their means
  };
  const State& state() const noexcept { return state_; }
  // Sizes must fit.
  void set_state(State state);

 private:
  const std::vector<Part> parts_;
  const AdamWOptions options_;
  State state_;
};

extern template class AdamW<float>;
extern template class AdamW<double>;

}  // namespace hearth::train
