#include "train/optimiser.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/check.h"
#include "train/row_math.h"

namespace hearth::train {
namespace {

constexpr int64_t kChunk = 4096;  // weights that a thread takes at a time

}  // namespace

// A sum for each chunk, added up in their order.
template <typename T>
double global_norm(Threads& threads, std::span<const T> x) {
  const int64_t n = std::ssize(x);
  std::vector<double> sums(static_cast<size_t>((n + kChunk - 1) / kChunk));
  threads.for_ranges(n, kChunk, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kChunk) {
      const T* const chunk = x.data() + first;
      sums[static_cast<size_t>(first / kChunk)] =
          sum_of<double>(std::min(kChunk, end - first), [&](int64_t i) {
            const auto value = static_cast<double>(chunk[i]);
            return value * value;
          });
    }
  });
  double sum = 0;
  for (const double of_chunk : sums) sum += of_chunk;
  return std::sqrt(sum);
}

double clip_factor(double norm, double most) noexcept {
  return norm <= most ? 1.0 : std::isfinite(norm) ? most / norm : std::nan("");
}

double CosineSchedule::learning_rate(int64_t step) const noexcept {
  if (step < warmup_steps) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (step >= total_steps) return last;
  const double passed =
      static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
  return last + 0.5 * (peak - last) * (1 + std::cos(std::numbers::pi * passed));
}

template <typename T>
AdamW<T>::AdamW(std::vector<Part> parts, const AdamWOptions& options)
    : parts_(std::move(parts)), options_(options) {
  size_t n = 0;
  for (const Part& part : parts_) n += static_cast<size_t>(part.n);
  state_.means.resize(n);
  state_.squares.resize(n);
}

template <typename T>
void AdamW<T>::set_state(State state) {
  HEARTH_CHECK(state.means.size() == state_.means.size() && state.squares.size() == state_.squares.size());
  state_ = std::move(state);
}

template <typename T>
void AdamW<T>::step(Threads& threads, double learning_rate, double scale, std::span<const T> derivatives,
                    std::span<T> weights) {
  HEARTH_CHECK(derivatives.size() == state_.means.size() && weights.size() == state_.means.size());
  const auto n_steps = static_cast<double>(++state_.n_steps);
  const double mean_correction = 1 / (1 - std::pow(options_.beta1, n_steps));
  const double square_correction = 1 / (1 - std::pow(options_.beta2, n_steps));
  const auto beta1 = static_cast<T>(options_.beta1);
  const auto beta2 = static_cast<T>(options_.beta2);
  const auto rest1 = static_cast<T>(1 - options_.beta1);
  const auto rest2 = static_cast<T>(1 - options_.beta2);
  const auto epsilon = static_cast<T>(options_.epsilon);
  const auto factor = static_cast<T>(scale);
  const auto rate = static_cast<T>(learning_rate * mean_correction);
  const auto root = static_cast<T>(std::sqrt(square_correction));
  int64_t first = 0;
  for (const Part& part : parts_) {
    const auto kept = static_cast<T>(part.decays ? 1 - learning_rate * options_.weight_decay : 1.0);
    const auto at = static_cast<size_t>(first);
    T* const w = weights.data() + at;
    T* const mean = state_.means.data() + at;
    T* const square = state_.squares.data() + at;
    const T* const d = derivatives.data() + at;
    threads.for_ranges(part.n, kChunk, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T x = factor * d[i];
        mean[i] = beta1 * mean[i] + rest1 * x;
        square[i] = beta2 * square[i] + rest2 * x * x;
        w[i] = kept * w[i] - rate * mean[i] / (root * std::sqrt(square[i]) + epsilon);
      }
    });
    first += part.n;
  }
}

template double global_norm<float>(Threads&, std::span<const float>);
template double global_norm<double>(Threads&, std::span<const double>);
template class AdamW<float>;
template class AdamW<double>;

}  // namespace hearth::train
