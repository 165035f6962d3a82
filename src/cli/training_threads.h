// What training computes on: threads, and the products that run on them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/command.h"
#include "train/threads.h"
#include "train/training_options.h"

namespace hearth::cli {

class TrainingThreads {
 public:
  // n_threads 0: one for each core. Where kAuto becomes bf16, the person is told. kUnsupported for a
  // precision that the processor does not have.
  static Result<std::unique_ptr<TrainingThreads>> create(const Context& context, int64_t n_threads,
                                                         train::Precision precision);

  train::Threads& threads() noexcept { return *threads_; }

 private:
  explicit TrainingThreads(int n_threads) : pool_(n_threads) {}

  ThreadPool pool_;
  std::unique_ptr<tensor::Gemm> gemm_;
  std::optional<train::Threads> threads_;
};

}  // namespace hearth::cli
