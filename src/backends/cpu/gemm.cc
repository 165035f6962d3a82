// Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): blocks of both
// matrices are packed into the order in which a tile's loop reads them, and stay in the caches while used.
#include "backends/cpu/gemm.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "backends/cpu/dispatch.h"
#include "base/check.h"

namespace hearth::cpu {
namespace {

using FloatProduct = tensor::GemmArgs<float>;
using FloatMatrix = tensor::MatrixView<float>;

// Packed at a time: of b kDepth x kColumns (512 KiB), of a kRows x kDepth (96 KiB), which stays in the
// second-level cache while all of that b passes; of that, a strip (16 or 32 KiB) stays in the first-level
// cache while all of that a passes. Multiples of every kernel's tile.
constexpr int64_t kDepth = 256;
constexpr int64_t kRows = 96;
constexpr int64_t kColumns = 512;

// Strips of `width` columns (of `from`, [depth, n]) one after the other, each [depth, width]; zeros beyond n.
void pack(const GemmKernel& kernel, FloatMatrix from, int64_t depth, int64_t n, int64_t width, float* to) {
  for (int64_t i = 0; i < n; i += width, to += depth * width) {
    kernel.pack(
        {from.from(0, i).data, from.row_stride, from.column_stride, depth, std::min(width, n - i), width},
        to);
  }
}

// Memory in which no vector spans two cache lines.
class Floats {
 public:
  explicit Floats(int64_t n) : lines_(static_cast<size_t>((n + 15) / 16)) {}
  float* data() noexcept { return lines_.data()->values; }

 private:
  struct alignas(64) Line {
    float values[16];
  };
  std::vector<Line> lines_;
};

bool has_unit_stride(FloatMatrix view) {
  return view.row_stride == 1 || view.column_stride == 1;
}

// What one thread packs into.
class Panels {
 public:
  explicit Panels(const GemmKernel& kernel)

      : a_(kRows * kDepth + kGemmSlack),
        b_(kDepth * kColumns + kGemmSlack),
        edge_(kernel.rows * kernel.columns) {}

  void multiply(const GemmKernel& kernel, const FloatProduct& args) {
    HEARTH_CHECK(has_unit_stride(args.a) && has_unit_stride(args.b));
    if (args.k == 0 && !args.adds) {
      for (int64_t i = 0; i < args.m; ++i) std::fill_n(args.c + i * args.c_stride, args.n, 0.0F);
    }
    for (int64_t column = 0; column < args.n; column += kColumns) {
      const int64_t n = std::min(kColumns, args.n - column);
      for (int64_t p = 0; p < args.k; p += kDepth) {
        const int64_t depth = std::min(kDepth, args.k - p);
        const bool adds = args.adds || p > 0;
        pack(kernel, args.b.from(p, column), depth, n, kernel.columns, b_.data());
        for (int64_t row = 0; row < args.m; row += kRows) {
          const int64_t m = std::min(kRows, args.m - row);
          pack(kernel, args.a.from(row, p).transposed(), depth, m, kernel.rows, a_.data());
          multiply_block(kernel, m, n, depth, adds, args.c + row * args.c_stride + column, args.c_stride);
        }
      }
    }
  }

 private:
  // c [m, n] = or += the packed a [m, depth] times the packed b [depth, n].
  void multiply_block(const GemmKernel& kernel, int64_t m, int64_t n, int64_t depth, bool adds, float* c,
                      int64_t c_stride) {
    for (int64_t j = 0; j < n; j += kernel.columns) {
      const int64_t columns = std::min(kernel.columns, n - j);
      for (int64_t i = 0; i < m; i += kernel.rows) {
        const int64_t rows = std::min(kernel.rows, m - i);
        const float* const a = a_.data() + i * depth;
        const float* const b = b_.data() + j * depth;
        float* const out = c + i * c_stride + j;
        if (rows == kernel.rows && columns == kernel.columns) {
          kernel.tile(depth, a, b, adds, out, c_stride);
          continue;
        }
        // At its end c has not all of the tile.
        for (int64_t r = 0; adds && r < rows; ++r)
          std::copy_n(out + r * c_stride, columns, edge_.data() + r * kernel.columns);
        kernel.tile(depth, a, b, adds, edge_.data(), kernel.columns);
        for (int64_t r = 0; r < rows; ++r)
          std::copy_n(edge_.data() + r * kernel.columns, columns, out + r * c_stride);
      }
    }
  }

  Floats a_;
  Floats b_;
  Floats edge_;
};

class CpuGemm final : public tensor::Gemm {
 public:
  CpuGemm(const GemmKernel& kernel, ThreadPool& pool)
      : kernel_(kernel), pool_(pool), panels_(static_cast<size_t>(pool.size()), Panels(kernel)) {}

  void multiply(const FloatProduct& args) override {
    pool_.run([&](int thread) { multiply_on(thread, part_of(args, thread)); });
  }
  void multiply_on(int thread, const FloatProduct& args) override {
    panels_[static_cast<size_t>(thread)].multiply(kernel_, args);
  }

 private:
  // The longer side of c is divided.
  FloatProduct part_of(const FloatProduct& args, int thread) const {
    FloatProduct part = args;
    if (args.m >= args.n) {
      const Range rows = split_range(args.m, kernel_.rows, thread, pool_.size());
      part.m = rows.end - rows.begin;
      part.a = args.a.from(rows.begin, 0);
      part.c = args.c + rows.begin * args.c_stride;
    } else {
      const Range columns = split_range(args.n, kernel_.columns, thread, pool_.size());
      part.n = columns.end - columns.begin;
      part.b = args.b.from(0, columns.begin);
      part.c = args.c + columns.begin;
    }
    return part;
  }

  const GemmKernel kernel_;
  ThreadPool& pool_;
  std::vector<Panels> panels_;  // of each thread
};

}  // namespace

Result<std::unique_ptr<tensor::Gemm>> make_gemm(Isa isa, ThreadPool& pool) {
  HEARTH_TRY(check_isa(isa));
  const Kernels* const kernels = kernels_for(isa).kernels;
  if (kernels == nullptr) {
    return make_error(ErrorCode::kUnsupported, "this build has no {} kernels for dense products",
                      isa_name(isa));
  }
  return std::unique_ptr<tensor::Gemm>(std::make_unique<CpuGemm>(kernels->gemm, pool));
}

}  // namespace hearth::cpu
