#include <algorithm>

#include "backends/cpu/cpu_backend_impl.h"
#include "quant/quant.h"

namespace hearth::cpu {
namespace {

using tensor::DType;
using tensor::Phase;
using tensor::Tensor;

MatmulKernel kernel_for(const MatmulKernels& kernels, DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return kernels.f32;
    case DType::kF16:
      return kernels.f16;
    case DType::kBF16:
      return kernels.bf16;
    case DType::kQ4_0:
      return kernels.q4_0;
    case DType::kQ8_0:
      return kernels.q8_0;
    case DType::kQ4_K:
      return kernels.q4_k;
    case DType::kQ5_K:
      return kernels.q5_k;
    case DType::kQ6_K:
      return kernels.q6_k;
    default:
      return nullptr;
  }
}

TileKernel tile_kernel_for(const TileKernels& kernels, DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return kernels.q4_0;
    case DType::kQ8_0:
      return kernels.q8_0;
    case DType::kQ4_K:
      return kernels.q4_k;
    case DType::kQ5_K:
      return kernels.q5_k;
    case DType::kQ6_K:
      return kernels.q6_k;
    default:
      return {};
  }
}

// Weight rows are dealt to threads in multiples of the widest panel of any kernel.
constexpr int64_t kRowGrain = 16;
// Activations that a pass over the weights uses: half of a 2 MiB L2, the other half being the weights'.
constexpr int64_t kActivationBytes = 1 << 20;
// Weights that stand dequantised at a time.
constexpr int64_t kPanelBytes = 1 << 19;

// Rows of so many bytes that one such pass takes.
int64_t rows_of_a_pass(int64_t all_bytes, int64_t row_bytes) {
  return std::max<int64_t>(16, all_bytes / std::max<int64_t>(1, row_bytes) / 16 * 16);
}

void dequantize_part(int type, const void* row, int64_t begin, int64_t count, float* out) noexcept {
  const auto dtype = static_cast<DType>(type);
  const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
  const int64_t first_block = begin / static_cast<int64_t>(traits.block_elements);
  quant::dequantize_row(
      dtype, static_cast<const std::byte*>(row) + first_block * static_cast<int64_t>(traits.block_bytes), out,
      count);
}

}  // namespace

QuantizedRows CpuBackend::quantize_rows(const Tensor& x, int64_t block) {
  const int64_t n = x.shape[0];
  const int64_t k = x.shape[1];
  const size_t q_bytes = round_up_64(static_cast<size_t>(n * k));
  const size_t scale_bytes = round_up_64(static_cast<size_t>(n * (k / block)) * sizeof(float));
  const size_t sum_bytes = static_cast<size_t>(n * (k / 16)) * sizeof(int16_t);
  auto* memory = static_cast<std::byte*>(scratch_.take(q_bytes + scale_bytes + sum_bytes));
  const QuantizedRows rows{reinterpret_cast<int8_t*>(memory), reinterpret_cast<float*>(memory + q_bytes),
                           reinterpret_cast<int16_t*>(memory + q_bytes + scale_bytes)};
  parallel(n, 1, k, [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      kernels_.quantize(x.f32() + i * k, k, block, rows.q + i * k, rows.scales + i * (k / block),
                        rows.sums + i * (k / 16));
    }
  });
  return rows;
}

void CpuBackend::do_matmul(const Tensor& x, const Tensor& w, const Tensor& out, Phase phase) {
  const int64_t n = x.shape[0];
  const int64_t m = w.shape[0];
  const int64_t k = w.shape[1];
  if (n == 0 || m == 0) return;
  if (phase == Phase::kPrefill && bf16_ != nullptr && fits_bf16(w.dtype)) return matmul_bf16(x, w, out);
  MatmulKernel kernel = kernel_for(kernels_.matmul, w.dtype);
  if (kernel == nullptr) return matmul_dequantized(x, w, out);
  const int64_t block = tensor::dtype_traits(w.dtype).block_elements;
  const bool quantized = block > 1;

  MatmulTask task{};
  task.w = w.data;
  task.w_row_bytes = static_cast<int64_t>(*tensor::row_bytes(w.dtype, static_cast<uint64_t>(k)));
  task.k = k;
  task.x = x.f32();
  if (quantized) task.q = quantize_rows(x, block);
  task.out = out.f32();
  task.out_stride = m;

  const TileKernels* tiles = nullptr;
  for (const TileKernels* some : tiles_) {
    if (some == nullptr) break;
    const TileKernel own = tile_kernel_for(*some, w.dtype);
    if (own.multiply == nullptr || n < own.min_rows) break;
    tiles = some;
    kernel = own.multiply;
  }
  if (tiles != nullptr && tiles->pack != nullptr) {
    void* packed = packed_scratch_.take(tiles->packed_bytes(n, k, block));
    parallel((n + 15) / 16, 1, 16 * k,
             [&](int, int64_t begin, int64_t end) { tiles->pack(task.q, n, k, block, begin, end, packed); });
    task.packed = packed;
    task.n = n;
    parallel(m, kRowGrain, k, [&](int thread, int64_t begin, int64_t end) {
      MatmulTask part = task;
      part.scratch = thread_scratch_[static_cast<size_t>(thread)].take(tiles->scratch_bytes(n));
      part.row_begin = begin;
      part.row_end = end;
      kernel(part);
    });
    return;
  }

  const int64_t element_bytes = quantized ? 1 : static_cast<int64_t>(sizeof(float));
  const int64_t chunk = rows_of_a_pass(kActivationBytes, k * element_bytes);
  parallel(m, kRowGrain, k, [&](int, int64_t begin, int64_t end) {
    MatmulTask part = task;
    part.row_begin = begin;
    part.row_end = end;
    for (int64_t first = 0; first < n; first += chunk) {
      part.n = std::min(chunk, n - first);
      part.x = task.x + first * k;
      if (quantized) {
        part.q = {task.q.q + first * k, task.q.scales + first * (k / block), task.q.sums + first * (k / 16)};
      }
      part.out = task.out + first * m;
      kernel(part);
    }
  });
}

void CpuBackend::matmul_bf16(const Tensor& x, const Tensor& w, const Tensor& out) {
  const int64_t n = x.shape[0];
  const int64_t m = w.shape[0];
  const int64_t k = w.shape[1];
  const MatmulKernel own = kernel_for(bf16_->matmul, w.dtype);
  const MatmulKernel kernel = own != nullptr ? own : bf16_->dequantized;
  MatmulTask task{};
  task.w = w.data;
  task.w_row_bytes = static_cast<int64_t>(*tensor::row_bytes(w.dtype, static_cast<uint64_t>(k)));
  task.k = k;
  task.n = n;
  task.out = out.f32();
  task.out_stride = m;
  task.dequantize = dequantize_part;
  task.type = static_cast<int>(w.dtype);
  void* packed = packed_scratch_.take(bf16_->packed_bytes(n, k));
  parallel((n + 15) / 16, 1, 16 * k,
           [&](int, int64_t begin, int64_t end) { bf16_->pack(x.f32(), n, k, begin, end, packed); });
  task.packed = packed;
  parallel(m, kRowGrain, k, [&](int thread, int64_t begin, int64_t end) {
    MatmulTask part = task;
    part.scratch = thread_scratch_[static_cast<size_t>(thread)].take(bf16_->scratch_bytes(n));
    part.row_begin = begin;
    part.row_end = end;
    kernel(part);
  });
}

void CpuBackend::matmul_dequantized(const Tensor& x, const Tensor& w, const Tensor& out) {
  const int64_t n = x.shape[0];
  const int64_t m = w.shape[0];
  const int64_t k = w.shape[1];
  const auto w_row_bytes = *tensor::row_bytes(w.dtype, static_cast<uint64_t>(k));
  const auto f32_row_bytes = k * static_cast<int64_t>(sizeof(float));
  const int64_t panel_rows = rows_of_a_pass(kPanelBytes, f32_row_bytes);
  const int64_t chunk = rows_of_a_pass(kActivationBytes, f32_row_bytes);
  parallel(m, kRowGrain, k, [&](int thread, int64_t begin, int64_t end) {
    const int64_t most_rows = std::min(panel_rows, end - begin);
    auto* panel = static_cast<float*>(
        thread_scratch_[static_cast<size_t>(thread)].take(static_cast<size_t>(most_rows * f32_row_bytes)));
    for (int64_t row = begin; row < end; row += panel_rows) {
      MatmulTask part{};
      part.w = panel;
      part.w_row_bytes = f32_row_bytes;
      part.k = k;
      part.row_end = std::min(panel_rows, end - row);
      part.out_stride = m;
      for (int64_t r = 0; r < part.row_end; ++r) {
        quant::dequantize_row(w.dtype, w.as<std::byte>() + static_cast<uint64_t>(row + r) * w_row_bytes,
                              panel + r * k, k);
      }
      for (int64_t first = 0; first < n; first += chunk) {
        part.n = std::min(chunk, n - first);
        part.x = x.f32() + first * k;
        part.out = out.f32() + first * m + row;
        kernels_.matmul.f32(part);
      }
    }
  });
}

}  // namespace hearth::cpu
