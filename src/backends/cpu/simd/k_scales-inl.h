// The small scales of K-quant blocks as 16-bit integers, on any x86 set with AVX2.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Eight scales and eight mins of six bits each, from the 12 bytes that quant/blocks.h describes, four at a
// time in the bytes of an integer.
struct SixBitScales {
  __m128i scales;  // 8 words
  __m128i mins;    // 8 words
};
inline SixBitScales unpack_six_bits(const uint8_t (&packed)[12]) {
  uint32_t words[3];
  __builtin_memcpy(words, packed, sizeof(words));
  const uint32_t scales_low = words[0] & 0x3F3F3F3FU;
  const uint32_t mins_low = words[1] & 0x3F3F3F3FU;
  const uint32_t scales_high = (words[2] & 0x0F0F0F0FU) | ((words[0] >> 2) & 0x30303030U);
  const uint32_t mins_high = ((words[2] >> 4) & 0x0F0F0F0FU) | ((words[1] >> 2) & 0x30303030U);
  const auto join = [](uint32_t low, uint32_t high) {
    return _mm_cvtepu8_epi16(
        _mm_cvtsi64_si128(static_cast<int64_t>(low | (static_cast<uint64_t>(high) << 32))));
  };
  return {join(scales_low, scales_high), join(mins_low, mins_high)};
}

// Sums of 32 from those of 16, in order.
inline __m128i sums_of_32(const int16_t* sums) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + 8));
  return _mm_hadd_epi16(low, high);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
