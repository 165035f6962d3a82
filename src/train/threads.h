// The threads that ops run on, and the dense products that they share.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "tensor/gemm.h"

namespace hearth::train {

// One thread at a time may use it.
class Threads {
 public:
  // `gemm` computes on `pool`; both must outlive it.
  Threads(ThreadPool& pool, tensor::Gemm& gemm) : pool_(pool), gemm_(gemm) {}

  // Calls body(thread, begin, end) for parts of 0 .. n, each on a thread of its own: multiples of `grain`,
  // but for the last.
  template <typename Body>
  void for_ranges_on(int64_t n, int64_t grain, const Body& body) {
    pool_.run([&](int thread) {
      const Range range = split_range(n, grain, thread, pool_.size());
      if (range.begin < range.end) body(thread, range.begin, range.end);
    });
  }
  // The same with body(begin, end).
  template <typename Body>
  void for_ranges(int64_t n, int64_t grain, const Body& body) {
    for_ranges_on(n, grain, [&](int /*thread*/, int64_t begin, int64_t end) { body(begin, end); });
  }
  tensor::Gemm& gemm() noexcept { return gemm_; }

 private:
  ThreadPool& pool_;
  tensor::Gemm& gemm_;
};

}  // namespace hearth::train
