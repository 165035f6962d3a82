// Sixteen rows of the KV cache to floats, side by side. As bytes they are turned in half of the steps that
// floats would take, or a quarter. The values are those of simd/expand-inl.h.

namespace hearth::cpu::HEARTH_ISA {
namespace {

void expand_sixteen_f16(const char* const* rows, int64_t n, int64_t stride, float* out) noexcept {
  // The low words of all lanes, then the high ones.
  alignas(64) constexpr uint16_t kEvenThenOdd[32] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20,
                                                     22, 24, 26, 28, 30, 1,  3,  5,  7,  9,  11,
                                                     13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  const I order = load_bytes(kEvenThenOdd);
  for (int64_t i = 0; i < n; i += 16) {
    I pairs[8];
    interleave_32(rows, 2 * i, pairs);
    for (const I& pair : pairs) {
      const I split = _mm512_permutexvar_epi16(order, pair);
      store(out, _mm512_cvtph_ps(_mm512_castsi512_si256(split)));
      store(out + stride, _mm512_cvtph_ps(_mm512_extracti64x4_epi64(split, 1)));
      out += 2 * stride;
    }
  }
}

void expand_sixteen_bf16(const char* const* rows, int64_t n, int64_t stride, float* out) noexcept {
  const I high = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  for (int64_t i = 0; i < n; i += 16) {
    I pairs[8];
    interleave_32(rows, 2 * i, pairs);
    for (const I& pair : pairs) {
      store(out, _mm512_castsi512_ps(_mm512_slli_epi32(pair, 16)));
      store(out + stride, _mm512_castsi512_ps(_mm512_and_si512(pair, high)));
      out += 2 * stride;
    }
  }
}

void expand_sixteen_q8_0(const char* const* rows, int64_t n, int64_t stride, float* out) noexcept {
  using Block = quant::BlockQ8_0;
  for (int64_t at = 0; n > 0; n -= quant::kSmallBlock, at += static_cast<int64_t>(sizeof(Block))) {
    const F scale = load_halves(rows, at + static_cast<int64_t>(offsetof(Block, d)));
    I fours[8];
    interleave_32(rows, at + static_cast<int64_t>(offsetof(Block, qs)), fours);
    for (const I& four : fours) {
      const I bytes[4] = {_mm512_slli_epi32(four, 24), _mm512_slli_epi32(four, 16),
                          _mm512_slli_epi32(four, 8), four};
      for (const I& byte : bytes) {
        store(out, mul(to_floats(_mm512_srai_epi32(byte, 24)), scale));
        out += stride;
      }
    }
  }
}

void expand_sixteen_q4_0(const char* const* rows, int64_t n, int64_t stride, float* out) noexcept {
  using Block = quant::BlockQ4_0;
  const F offset = broadcast(8.0F);
  const I low_bits = _mm512_set1_epi32(15);
  for (int64_t at = 0; n > 0; n -= quant::kSmallBlock, at += static_cast<int64_t>(sizeof(Block))) {
    const F scale = load_halves(rows, at + static_cast<int64_t>(offsetof(Block, d)));
    I eights[4];
    interleave_16(rows, at + static_cast<int64_t>(offsetof(Block, qs)), eights);
    float* high = out + quant::kSmallBlock / 2 * stride;
    for (I& eight : eights) {
      for (int i = 0; i < 4; ++i) {
        store(out, mul(sub(to_floats(_mm512_and_si512(eight, low_bits)), offset), scale));
        eight = _mm512_srli_epi32(eight, 4);
        store(high, mul(sub(to_floats(_mm512_and_si512(eight, low_bits)), offset), scale));
        eight = _mm512_srli_epi32(eight, 4);
        out += stride;
        high += stride;
      }
    }
    out = high;
  }
}

constexpr Kernels with_sixteen(Kernels kernels) {
  kernels.expand.f16.sixteen = expand_sixteen_f16;
  kernels.expand.bf16.sixteen = expand_sixteen_bf16;
  kernels.expand.q8_0.sixteen = expand_sixteen_q8_0;
  kernels.expand.q4_0.sixteen = expand_sixteen_q4_0;
  return kernels;
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
