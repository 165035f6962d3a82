#include "train/distillation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "train/ops.h"

namespace hearth::train {
namespace {

// log softmax(x / temperature), in double precision.
template <typename T>
void log_softmax(const T* x, int64_t n, double temperature, std::vector<double>& out) {
  out.resize(static_cast<size_t>(n));
  const double top = *std::max_element(x, x + n);
  double sum = 0;
  for (size_t j = 0; j < out.size(); ++j) {
    out[j] = (static_cast<double>(x[j]) - top) / temperature;
    sum += std::exp(out[j]);
  }
  for (double& value : out) value -= std::log(sum);
}

// Of one row.
template <typename T>
class RowLoss {
 public:
  RowLoss(const SoftTargets& soft, int64_t vocab) : soft_(soft), vocab_(vocab) {}

  double compute(T* row, int32_t target, const float* teacher, double scale) {
    log_softmax(row, vocab_, 1.0, log_q_);
    log_softmax(row, vocab_, soft_.temperature, log_soft_q_);
    log_softmax(teacher, vocab_, soft_.temperature, log_p_);
    const double hard_share = 1 - soft_.weight;
    const double soft_share = soft_.weight * soft_.temperature;
    double divergence = 0;
    for (size_t j = 0; j < log_q_.size(); ++j) {
      const double p = std::exp(log_p_[j]);
      if (p > 0) divergence += p * (log_p_[j] - log_soft_q_[j]);
      const double hard = std::exp(log_q_[j]) - (static_cast<int64_t>(j) == target ? 1.0 : 0.0);
      row[j] = static_cast<T>(scale * (hard_share * hard + soft_share * (std::exp(log_soft_q_[j]) - p)));
    }
    return hard_share * -log_q_[static_cast<size_t>(target)] + soft_share * soft_.temperature * divergence;
  }

 private:
  const SoftTargets& soft_;
  const int64_t vocab_;
  std::vector<double> log_q_;
  std::vector<double> log_soft_q_;
  std::vector<double> log_p_;
};

constexpr int64_t kGrainRows = 8;

}  // namespace

template <typename T>
double distillation_loss(Threads& threads, T* logits, std::span<const int32_t> targets,
                         const SoftTargets& soft, int64_t vocab, double scale) {
  const auto n = static_cast<int64_t>(targets.size());
  HEARTH_CHECK(std::ssize(soft.logits) == n * vocab);
  std::vector<double> losses(targets.size());
  threads.for_ranges(n, kGrainRows, [&](int64_t begin, int64_t end) {
    RowLoss<T> row_loss(soft, vocab);
    for (int64_t i = begin; i < end; ++i) {
      const int32_t target = targets[static_cast<size_t>(i)];
      T* const row = logits + i * vocab;
      if (target == kNoTarget) {
        std::fill_n(row, vocab, T{0});
      } else {
        losses[static_cast<size_t>(i)] = row_loss.compute(row, target, soft.logits.data() + i * vocab, scale);
      }
    }
  });
  double loss = 0;
  for (const double its : losses) loss += its;
  return loss;
}

template double distillation_loss<float>(Threads&, float*, std::span<const int32_t>, const SoftTargets&,
                                         int64_t, double);
template double distillation_loss<double>(Threads&, double*, std::span<const int32_t>, const SoftTargets&,
                                          int64_t, double);

}  // namespace hearth::train
