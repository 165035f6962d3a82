// How many threads the kernels' benchmarks compute with.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "base/cpu.h"

namespace hearth {

// HEARTH_BENCH_THREADS, or the physical cores.
inline int n_bench_threads() {
  const char* forced = std::getenv("HEARTH_BENCH_THREADS");
  return forced != nullptr ? std::max(1, std::atoi(forced)) : physical_core_count();
}

}  // namespace hearth
