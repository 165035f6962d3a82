// Products with F32, F16 and BF16 weights, for any vector type F (see elementwise-inl.h).
//
// An element of the output is one vector of partial sums over k, lane by lane in order, added up at the end:
// the same in every tile shape.

namespace hearth::cpu::HEARTH_ISA {
namespace {

struct F32Weight {
  using Element = float;
  static F load_all(const float* w) { return load(w); }
  static F load_some(const float* w, int64_t count) { return load_partial(w, count); }
};
struct F16Weight {
  using Element = uint16_t;
  static F load_all(const uint16_t* w) { return load_f16(w); }
  static F load_some(const uint16_t* w, int64_t count) { return load_f16_partial(w, count); }
};
struct BF16Weight {
  using Element = uint16_t;
  static F load_all(const uint16_t* w) { return load_bf16(w); }
  static F load_some(const uint16_t* w, int64_t count) { return load_bf16_partial(w, count); }
};

template <typename Weight, int kRows, int kActivations>
inline void float_tile(const MatmulTask& task, int64_t row, int64_t activation) {
  const typename Weight::Element* w[kRows];
  for (int r = 0; r < kRows; ++r) {
    w[r] = reinterpret_cast<const typename Weight::Element*>(static_cast<const char*>(task.w) +
                                                             (row + r) * task.w_row_bytes);
  }
  const float* x = task.x + activation * task.k;
  F sums[kRows][kActivations];
  for (auto& of_row : sums) {
    for (F& sum : of_row) sum = zero();
  }
  int64_t i = 0;
  for (; i + kLanes <= task.k; i += kLanes) {
    F xs[kActivations];
    for (int a = 0; a < kActivations; ++a) xs[a] = load(x + a * task.k + i);
    for (int r = 0; r < kRows; ++r) {
      // Ahead of the hardware's own prefetching, which stops at each 4 KiB page.
      if (kActivations == 1) prefetch(w[r] + i + 2048 / sizeof(typename Weight::Element));
      const F weight = Weight::load_all(w[r] + i);
      for (int a = 0; a < kActivations; ++a) sums[r][a] = fma(weight, xs[a], sums[r][a]);
    }
  }
  if (i < task.k) {
    for (int r = 0; r < kRows; ++r) {
      const F weight = Weight::load_some(w[r] + i, task.k - i);
      for (int a = 0; a < kActivations; ++a) {
        sums[r][a] = fma(weight, load_partial(x + a * task.k + i, task.k - i), sums[r][a]);
      }
    }
  }
  for (int a = 0; a < kActivations; ++a) {
    for (int r = 0; r < kRows; ++r) {
      task.out[(activation + a) * task.out_stride + row + r] = reduce_add(sums[r][a]);
    }
  }
}

template <typename Weight, int kRows>
inline void float_rows(const MatmulTask& task, int64_t row) {
  int64_t activation = 0;
  for (; activation + kTileActivations <= task.n; activation += kTileActivations) {
    float_tile<Weight, kRows, kTileActivations>(task, row, activation);
  }
  for (; activation < task.n; ++activation) float_tile<Weight, kRows, 1>(task, row, activation);
}

template <typename Weight>
void matmul_float(const MatmulTask& task) noexcept {
  int64_t row = task.row_begin;
  if (task.n == 1) {
    // Eight independent chains of additions hide the latency of each.
    for (; row + 8 <= task.row_end; row += 8) float_tile<Weight, 8, 1>(task, row, 0);
  }
  for (; row + kTileRows <= task.row_end; row += kTileRows) float_rows<Weight, kTileRows>(task, row);
  for (; row < task.row_end; ++row) float_rows<Weight, 1>(task, row);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
