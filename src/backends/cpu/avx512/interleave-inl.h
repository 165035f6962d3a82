// Sixteen rows of bytes, interleaved: a lane of 32 bits holds four neighbouring bytes of a row, and the lanes
// of a vector are the rows.

namespace hearth::cpu::HEARTH_ISA {
namespace {

inline I both_halves(const char* low, const char* high) {
  const auto load_half = [](const char* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  };
  return _mm512_inserti64x4(_mm512_castsi256_si512(load_half(low)), load_half(high), 1);
}

// m[i], lanes of four words: words become lanes, as a transposition of 4 x 4 in each 128 bits.
inline void transpose_quarters(const I* m, I* out) {
  const I low[2] = {_mm512_unpacklo_epi32(m[0], m[1]), _mm512_unpacklo_epi32(m[2], m[3])};
  const I high[2] = {_mm512_unpackhi_epi32(m[0], m[1]), _mm512_unpackhi_epi32(m[2], m[3])};
  out[0] = _mm512_unpacklo_epi64(low[0], low[1]);
  out[1] = _mm512_unpackhi_epi64(low[0], low[1]);
  out[2] = _mm512_unpacklo_epi64(high[0], high[1]);
  out[3] = _mm512_unpackhi_epi64(high[0], high[1]);
}

// 16 bytes at `offset` of each row.
inline void interleave_16(const char* const* rows, int64_t offset, I (&out)[4]) {
  const auto quarter = [&](int row) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[row] + offset));
  };
  I m[4];
  for (int i = 0; i < 4; ++i) {
    m[i] = _mm512_castsi128_si512(quarter(i));
    m[i] = _mm512_inserti32x4(m[i], quarter(4 + i), 1);
    m[i] = _mm512_inserti32x4(m[i], quarter(8 + i), 2);
    m[i] = _mm512_inserti32x4(m[i], quarter(12 + i), 3);
  }
  transpose_quarters(m, out);
}

// 32 bytes at `offset` of each row.
inline void interleave_32(const char* const* rows, int64_t offset, I (&out)[8]) {
  I m[8];
  for (int i = 0; i < 4; ++i) {
    m[i] = both_halves(rows[i] + offset, rows[4 + i] + offset);
    m[4 + i] = both_halves(rows[8 + i] + offset, rows[12 + i] + offset);
  }
  // Quarters: words c of rows 0-3, words 4 + c of them, the same of rows 4-7; of rows 8-15.
  I upper[4];
  I lower[4];
  transpose_quarters(m, upper);
  transpose_quarters(m + 4, lower);
  for (int c = 0; c < 4; ++c) {
    out[c] = _mm512_shuffle_i32x4(upper[c], lower[c], 0x88);
    out[4 + c] = _mm512_shuffle_i32x4(upper[c], lower[c], 0xDD);
  }
}

inline I low_nibbles(I x) {
  return _mm512_and_si512(x, _mm512_set1_epi8(15));
}
inline I high_nibbles(I x) {
  return low_nibbles(_mm512_srli_epi32(x, 4));
}
inline I and_then_or(I a, I b, I c) {
  return _mm512_ternarylogic_epi32(a, b, c, 0xEA);
}

// Half floats that stand at `offset` of each row.
inline F load_halves(const char* const* rows, int64_t offset) {
  alignas(32) uint16_t halves[kLanes];
  for (int r = 0; r < kLanes; ++r) __builtin_memcpy(&halves[r], rows[r] + offset, sizeof(uint16_t));
  return load_f16(halves);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
