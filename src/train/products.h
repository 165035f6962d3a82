// Products that ops are made of: in float those of the backend, in double plain loops, which are what finite
// differences are taken of.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tensor/gemm.h"
#include "train/threads.h"

namespace hearth::train {

using tensor::GemmArgs;
using tensor::MatrixView;

inline void multiply_plainly(const GemmArgs<double>& args) {
  for (int64_t i = 0; i < args.m; ++i) {
    for (int64_t j = 0; j < args.n; ++j) {
      double& c = args.c[i * args.c_stride + j];
      const MatrixView<double> row = args.a.from(i, 0);
      const MatrixView<double> column = args.b.from(0, j);
      double sum = args.adds ? c : 0.0;
      for (int64_t p = 0; p < args.k; ++p)
        sum += row.data[p * row.column_stride] * column.data[p * column.row_stride];
      c = sum;
    }
  }
}

// On all threads ...
template <typename T>
void multiply(Threads& threads, const GemmArgs<T>& args) {
  if constexpr (std::is_same_v<T, float>) {
    threads.gemm().multiply(args);
  } else {
    multiply_plainly(args);
  }
}

// ... and on the calling one of a region.
template <typename T>
void multiply_on(Threads& threads, int thread, const GemmArgs<T>& args) {
  if constexpr (std::is_same_v<T, float>) {
    threads.gemm().multiply_on(thread, args);
  } else {
    multiply_plainly(args);
  }
}

}  // namespace hearth::train
