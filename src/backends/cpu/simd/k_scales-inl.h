// The small scales of K-quant blocks as 16-bit integers, on any x86 set with AVX2.

namespace hearth::cpu::HEARTH_ISA {
namespace {

struct SixBitScales {
  __m128i scales;  // 8 words
  __m128i mins;    // 8 words
};
inline SixBitScales unpack_six_bits(const uint8_t (&packed)[12]) {
  const SixBitBytes bytes = split_six_bits(packed);
  const auto widen = [](uint64_t x) { return _mm_cvtepu8_epi16(_mm_cvtsi64_si128(static_cast<int64_t>(x))); };
  return {widen(bytes.scales), widen(bytes.mins)};
}

// Sums of 32 from those of 16, in order.
inline __m128i sums_of_32(const int16_t* sums) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + 8));
  return _mm_hadd_epi16(low, high);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
