// What tests of training compute with.
#pragma once

#include <utility>

#include "backends/cpu/gemm.h"
#include "train/threads.h"

namespace hearth::train {

struct Compute {
  explicit Compute(int n_threads)
      : pool(n_threads),
        gemm(std::move(cpu::make_gemm(choose_isa().value(), pool)).value()),
        threads(pool, *gemm) {}

  ThreadPool pool;
  std::unique_ptr<tensor::Gemm> gemm;
  Threads threads;
};

}  // namespace hearth::train
