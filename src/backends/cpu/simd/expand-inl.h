// Rows of the KV cache to floats, for any vector type F (see elementwise-inl.h). Exact, as
// quant::dequantize_row.

namespace hearth::cpu::HEARTH_ISA {
namespace {

void expand_f32(const void* row, int64_t n, float* out) noexcept {
  const auto* from = static_cast<const float*>(row);
  for (int64_t i = 0; i < n; ++i) out[i] = from[i];
}

void expand_f16(const void* row, int64_t n, float* out) noexcept {
  const auto* from = static_cast<const uint16_t*>(row);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, load_f16(from + i));
  if (i < n) store_partial(out + i, load_f16_partial(from + i, n - i), n - i);
}

void expand_bf16(const void* row, int64_t n, float* out) noexcept {
  const auto* from = static_cast<const uint16_t*>(row);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, load_bf16(from + i));
  if (i < n) store_partial(out + i, load_bf16_partial(from + i, n - i), n - i);
}

void expand_q8_0(const void* row, int64_t n, float* out) noexcept {
  const auto* blocks = static_cast<const quant::BlockQ8_0*>(row);
  for (int64_t b = 0; b < n / quant::kSmallBlock; ++b, out += quant::kSmallBlock) {
    const F scale = broadcast_f16(blocks[b].d);
    for (int i = 0; i < quant::kSmallBlock; i += kLanes) {
      store(out + i, mul(load_i8(blocks[b].qs + i), scale));
    }
  }
}

void expand_q4_0(const void* row, int64_t n, float* out) noexcept {
  constexpr int kHalf = quant::kSmallBlock / 2;
  const auto* blocks = static_cast<const quant::BlockQ4_0*>(row);
  for (int64_t b = 0; b < n / quant::kSmallBlock; ++b, out += quant::kSmallBlock) {
    const F scale = broadcast_f16(blocks[b].d);
    for (int i = 0; i < kHalf; i += kLanes) {
      const F low = sub(load_low_nibbles(blocks[b].qs + i), broadcast(8.0F));
      const F high = sub(load_high_nibbles(blocks[b].qs + i), broadcast(8.0F));
      store(out + i, mul(low, scale));
      store(out + kHalf + i, mul(high, scale));
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
