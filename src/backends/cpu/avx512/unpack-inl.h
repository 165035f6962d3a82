// Blocks of quantised weights as unsigned bytes in the order of the elements, for the AVX-512 products.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kSuperVectors = quant::kSuperBlock / kVectorBytes;

// A K-quant block: the sum over elements of scales * u * x, less the sum over 16 of offsets * (sums of 16 x).
struct UnpackedBlock {
  I u[kSuperVectors];
  I scales[kSuperVectors];  // 16-bit, one per two bytes of u
};

// Nibbles of 32 bytes: the low ones, then the high ones.
inline I split_nibbles(const uint8_t* p) {
  const I both = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  const I shifts = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(4), 1);
  return _mm512_and_si512(_mm512_srlv_epi32(both, shifts), _mm512_set1_epi8(15));
}

// The eight scales of Q4_K and Q5_K spread to the two groups of each vector.
inline void spread_scales_of_32(__m128i scales, UnpackedBlock& out) {
  const I all = _mm512_broadcast_i32x4(scales);
  for (int v = 0; v < kSuperVectors; ++v) {
    // Bytes 4v, 4v + 1 hold the scale of the vector's first group, the next two that of its second.
    const __m256i first = _mm256_set1_epi16(static_cast<int16_t>(0x0100 + 0x0404 * v));
    const __m256i second = _mm256_set1_epi16(static_cast<int16_t>(0x0302 + 0x0404 * v));
    out.scales[v] = _mm512_shuffle_epi8(all, _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1));
  }
}

inline void unpack(const quant::BlockQ4_K& block, __m128i scales, UnpackedBlock& out) {
  for (int v = 0; v < kSuperVectors; ++v) out.u[v] = split_nibbles(block.qs + 32 * v);
  spread_scales_of_32(scales, out);
}

inline void unpack(const quant::BlockQ5_K& block, __m128i scales, UnpackedBlock& out) {
  const I top = _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.qh)));
  for (int v = 0; v < kSuperVectors; ++v) {
    const __m256i first = _mm256_set1_epi8(static_cast<char>(1 << (2 * v)));
    const __m256i second = _mm256_set1_epi8(static_cast<char>(2 << (2 * v)));
    const I bits = _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
    const I low = split_nibbles(block.qs + 32 * v);
    out.u[v] = _mm512_mask_add_epi8(low, _mm512_test_epi8_mask(top, bits), low, _mm512_set1_epi8(16));
  }
  spread_scales_of_32(scales, out);
}

inline void unpack(const quant::BlockQ6_K& block, __m256i scales, UnpackedBlock& out) {
  for (int half = 0; half < 2; ++half) {
    const I low = load_bytes(block.ql + 64 * half);
    const I top =
        _mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.qh + 32 * half)));
    // Chunks 0 and 1 have their top bits at 0 and 2, to be moved to 4; chunks 2 and 3 at 4 and 6.
    const I left = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_set1_epi32(4)), _mm256_set1_epi32(2), 1);
    const I right = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi32(2), 1);
    const I nibble = _mm512_set1_epi8(15);
    const I top_bits = _mm512_set1_epi8(0x30);
    constexpr int kAndThenOr = 0xEA;  // (a & b) | c
    out.u[2 * half] = _mm512_ternarylogic_epi32(_mm512_sllv_epi32(top, left), top_bits,
                                                _mm512_and_si512(low, nibble), kAndThenOr);
    out.u[2 * half + 1] =
        _mm512_ternarylogic_epi32(_mm512_srlv_epi32(top, right), top_bits,
                                  _mm512_and_si512(_mm512_srli_epi32(low, 4), nibble), kAndThenOr);
  }
  const I all = _mm512_castsi256_si512(scales);
  for (int v = 0; v < kSuperVectors; ++v) {
    // Word lane l belongs to group 4v + l / 8.
    const I group = _mm512_set_epi64(0x0003000300030003, 0x0003000300030003, 0x0002000200020002,
                                     0x0002000200020002, 0x0001000100010001, 0x0001000100010001, 0, 0);
    const I index = _mm512_add_epi16(group, _mm512_set1_epi16(static_cast<int16_t>(4 * v)));
    out.scales[v] = _mm512_permutexvar_epi16(index, all);
  }
}

// Two neighbouring blocks of 32 in one vector, and what was added to make their elements unsigned.
struct SmallQ8_0 {
  using Block = quant::BlockQ8_0;
  static constexpr int kOffset = 128;
  static I pair(const Block* blocks) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[0].qs));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[1].qs));
    return flip(_mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1));
  }
  static I single(const Block* blocks) {
    return flip(_mm512_zextsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[0].qs))));
  }
  static I flip(I x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
};

struct SmallQ4_0 {
  using Block = quant::BlockQ4_0;
  static constexpr int kOffset = 8;
  static I pair(const Block* blocks) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[0].qs));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[1].qs));
    return split(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1));
  }
  static I single(const Block* blocks) {
    return split(_mm256_zextsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(blocks[0].qs))));
  }
  // 128-bit lanes a, b become the nibbles low a, high a, low b, high b.
  static I split(__m256i x) {
    const I wide = _mm512_castsi256_si512(x);
    const I lanes = _mm512_shuffle_i32x4(wide, wide, 0x50);
    const I shifts = _mm512_set_epi32(4, 4, 4, 4, 0, 0, 0, 0, 4, 4, 4, 4, 0, 0, 0, 0);
    return _mm512_and_si512(_mm512_srlv_epi32(lanes, shifts), _mm512_set1_epi8(15));
  }
};

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
