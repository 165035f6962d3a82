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

// Packed at a time: of b kDepthBytes x kColumns (512 KiB), of a kRows x kDepthBytes (96 KiB), which stays in
// the second-level cache while all of that b passes; of that, a strip (16 or 32 KiB) stays in the first-level
// cache while all of that a passes. Multiples of every kernel's tile.
constexpr int64_t kDepthBytes = 1024;
constexpr int64_t kRows = 96;
constexpr int64_t kColumns = 512;

// Of a strip's columns.
int64_t packed_bytes(const GemmKernel& kernel, int64_t depth) {
  const int64_t multiple = kernel.depth_multiple;
  return (depth + multiple - 1) / multiple * multiple * kernel.element_bytes;
}

// Strips of `width` columns (of `from`, [depth, n]) one after the other; zeros beyond n.
void pack(const GemmKernel& kernel, decltype(GemmKernel::pack_left) pack_strip, FloatMatrix from,
          int64_t depth, int64_t n, int64_t width, std::byte* to) {
  for (int64_t i = 0; i < n; i += width, to += packed_bytes(kernel, depth) * width) {
    pack_strip(
        {from.from(0, i).data, from.row_stride, from.column_stride, depth, std::min(width, n - i), width},
        to);
  }
}

// Memory in which no vector spans two cache lines.
class Lines {
 public:
  explicit Lines(int64_t n_bytes) : lines_(static_cast<size_t>((n_bytes + 63) / 64)) {}
  std::byte* data() noexcept { return lines_.data()->bytes; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
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
      : a_(kRows * kDepthBytes + kGemmSlackBytes),
        b_(kDepthBytes * kColumns + kGemmSlackBytes),
        edge_(kernel.rows * kernel.columns * static_cast<int64_t>(sizeof(float))) {}

  void multiply(const GemmKernel& kernel, const FloatProduct& args) {
    HEARTH_CHECK(has_unit_stride(args.a) && has_unit_stride(args.b));
    if (args.k == 0 && !args.adds) {
      for (int64_t i = 0; i < args.m; ++i) std::fill_n(args.c + i * args.c_stride, args.n, 0.0F);
    }
    if (kernel.begin != nullptr) kernel.begin();
    const int64_t most_depth = kDepthBytes / kernel.element_bytes;
    for (int64_t column = 0; column < args.n; column += kColumns) {
      const int64_t n = std::min(kColumns, args.n - column);
      for (int64_t p = 0; p < args.k; p += most_depth) {
        const int64_t depth = std::min(most_depth, args.k - p);
        const bool adds = args.adds || p > 0;
        pack(kernel, kernel.pack_right, args.b.from(p, column), depth, n, kernel.columns, b_.data());
        for (int64_t row = 0; row < args.m; row += kRows) {
          const int64_t m = std::min(kRows, args.m - row);
          pack(kernel, kernel.pack_left, args.a.from(row, p).transposed(), depth, m, kernel.rows, a_.data());
          multiply_block(kernel, m, n, depth, adds, args.c + row * args.c_stride + column, args.c_stride);
        }
      }
    }
    if (kernel.end != nullptr) kernel.end();
  }

 private:
  // c [m, n] = or += the packed a [m, depth] times the packed b [depth, n].
  void multiply_block(const GemmKernel& kernel, int64_t m, int64_t n, int64_t depth, bool adds, float* c,
                      int64_t c_stride) {
    const int64_t column_bytes = packed_bytes(kernel, depth);
    auto* const edge = reinterpret_cast<float*>(edge_.data());
    for (int64_t j = 0; j < n; j += kernel.columns) {
      const int64_t columns = std::min(kernel.columns, n - j);
      for (int64_t i = 0; i < m; i += kernel.rows) {
        const int64_t rows = std::min(kernel.rows, m - i);
        const std::byte* const a = a_.data() + i * column_bytes;
        const std::byte* const b = b_.data() + j * column_bytes;
        float* const out = c + i * c_stride + j;
        if (rows == kernel.rows && columns == kernel.columns) {
          kernel.tile(depth, a, b, adds, out, c_stride);
          continue;
        }
        // At its end c has not all of the tile.
        for (int64_t r = 0; adds && r < rows; ++r)
          std::copy_n(out + r * c_stride, columns, edge + r * kernel.columns);
        kernel.tile(depth, a, b, adds, edge, kernel.columns);
        for (int64_t r = 0; r < rows; ++r)
          std::copy_n(edge + r * kernel.columns, columns, out + r * c_stride);
      }
    }
  }

  Lines a_;
  Lines b_;
  Lines edge_;
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

Result<std::unique_ptr<tensor::Gemm>> make_gemm(Isa isa, ThreadPool& pool, tensor::GemmPrecision precision) {
  HEARTH_TRY(check_isa(isa));
  const KernelSet set = kernels_for(isa);
  const GemmKernel* kernel = nullptr;
  if (precision == tensor::GemmPrecision::kBf16) {
    if (set.bf16 != nullptr) kernel = &set.bf16->gemm;
  } else if (set.kernels != nullptr) {
    kernel = &set.kernels->gemm;
  }
  if (kernel == nullptr) {
    return make_error(ErrorCode::kUnsupported, "there are no {} kernels for dense products in {}",
                      isa_name(isa), precision == tensor::GemmPrecision::kBf16 ? "bf16" : "f32");
  }
  return std::unique_ptr<tensor::Gemm>(std::make_unique<CpuGemm>(*kernel, pool));
}

}  // namespace hearth::cpu
