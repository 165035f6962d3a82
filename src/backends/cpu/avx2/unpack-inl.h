// Blocks of quantised weights as bytes in the order of the elements, for the AVX2 products.

namespace hearth::cpu::HEARTH_ISA {
namespace {

constexpr int kSuperVectors = quant::kSuperBlock / kVectorBytes;

// A K-quant block: the sum over elements of scales * u * x, less the sum over 16 of offsets * (sums of 16 x).
struct UnpackedBlock {
  I u[kSuperVectors];
  I scales[kSuperVectors];  // 16-bit, one per two bytes of u
};

inline I low_nibbles(I x) {
  return _mm256_and_si256(x, _mm256_set1_epi8(15));
}
inline I high_nibbles(I x) {
  return low_nibbles(_mm256_srli_epi16(x, 4));
}

// The eight scales of Q4_K and Q5_K, each spread over the vector of its group.
inline void spread_scales_of_32(__m128i scales, UnpackedBlock& out) {
  const I all = _mm256_broadcastsi128_si256(scales);
  for (int v = 0; v < kSuperVectors; ++v) {
    out.scales[v] = _mm256_shuffle_epi8(all, _mm256_set1_epi16(static_cast<int16_t>(0x0100 + 0x0202 * v)));
  }
}

inline void unpack_elements(const quant::BlockQ4_K& block, I (&u)[kSuperVectors]) {
  for (int v = 0; v < kSuperVectors; v += 2) {
    const I both = load_bytes(block.qs + 16 * v);
    u[v] = low_nibbles(both);
    u[v + 1] = high_nibbles(both);
  }
}

inline void unpack_elements(const quant::BlockQ5_K& block, I (&u)[kSuperVectors]) {
  const I top = load_bytes(block.qh);
  const auto fifth_bit = [&](int group) {
    const I bit = _mm256_set1_epi8(static_cast<char>(1 << group));
    return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(top, bit), bit), _mm256_set1_epi8(16));
  };
  for (int v = 0; v < kSuperVectors; v += 2) {
    const I both = load_bytes(block.qs + 16 * v);
    u[v] = _mm256_or_si256(low_nibbles(both), fifth_bit(v));
    u[v + 1] = _mm256_or_si256(high_nibbles(both), fifth_bit(v + 1));
  }
}

inline void unpack_elements(const quant::BlockQ6_K& block, I (&u)[kSuperVectors]) {
  const I top_bits = _mm256_set1_epi8(0x30);
  for (int half = 0; half < 2; ++half) {
    const I first = load_bytes(block.ql + 64 * half);
    const I second = load_bytes(block.ql + 64 * half + 32);
    const I top = load_bytes(block.qh + 32 * half);
    I* to = u + 4 * half;
    to[0] = _mm256_or_si256(low_nibbles(first), _mm256_and_si256(_mm256_slli_epi16(top, 4), top_bits));
    to[1] = _mm256_or_si256(low_nibbles(second), _mm256_and_si256(_mm256_slli_epi16(top, 2), top_bits));
    to[2] = _mm256_or_si256(high_nibbles(first), _mm256_and_si256(top, top_bits));
    to[3] = _mm256_or_si256(high_nibbles(second), _mm256_and_si256(_mm256_srli_epi16(top, 2), top_bits));
  }
}

// Q4_K and Q5_K: a group of 32 to a vector.
template <typename Block>
inline void unpack(const Block& block, __m128i scales, UnpackedBlock& out) {
  unpack_elements(block, out.u);
  spread_scales_of_32(scales, out);
}

inline void unpack(const quant::BlockQ6_K& block, __m256i scales, UnpackedBlock& out) {
  unpack_elements(block, out.u);
  // Vector v holds groups 2v and 2v + 1, a 128-bit lane each.
  const I low = _mm256_permute2x128_si256(scales, scales, 0x00);
  const I high = _mm256_permute2x128_si256(scales, scales, 0x11);
  for (int v = 0; v < kSuperVectors; ++v) {
    const int first = 0x0100 + 0x0404 * (v % 4);
    const I index = _mm256_set_m128i(_mm_set1_epi16(static_cast<int16_t>(first + 0x0202)),
                                     _mm_set1_epi16(static_cast<int16_t>(first)));
    out.scales[v] = _mm256_shuffle_epi8(v < 4 ? low : high, index);
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
