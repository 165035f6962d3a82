// The small scales of K-quant blocks as 16-bit integers, on any x86 set with AVX2.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Eight scales and eight mins of six bits each, from the 12 bytes that quant/blocks.h describes. Every row of
// every block has them: as vectors they cost half of what words of integers would.
struct SixBitScales {
  __m128i scales;  // 8 words
  __m128i mins;    // 8 words
};
inline SixBitScales unpack_six_bits(const uint8_t (&packed)[12]) {
  // Words 0, 1 and 2, and four bytes of what stands behind them in the block.
  const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed));
  // Scales 0-3 are the low six bits of word 0, scales 4-7 four bits of word 2 and the top two of word 0; mins
  // the same of words 1 and 2.
  const __m128i low_masks = _mm_set_epi32(0x0F0F0F0F, 0x3F3F3F3F, 0x0F0F0F0F, 0x3F3F3F3F);
  const __m128i top_masks = _mm_set_epi32(0x30303030, 0, 0x30303030, 0);
  const __m128i low =
      _mm_srlv_epi32(_mm_shuffle_epi32(words, _MM_SHUFFLE(2, 1, 2, 0)), _mm_set_epi32(4, 0, 0, 0));
  const __m128i top = _mm_srli_epi32(_mm_shuffle_epi32(words, _MM_SHUFFLE(1, 1, 0, 0)), 2);
  const __m128i bytes = _mm_or_si128(_mm_and_si128(low, low_masks), _mm_and_si128(top, top_masks));
  return {_mm_cvtepu8_epi16(bytes), _mm_unpackhi_epi8(bytes, _mm_setzero_si128())};
}

// Sums of 32 from those of 16, in order.
inline __m128i sums_of_32(const int16_t* sums) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + 8));
  return _mm_hadd_epi16(low, high);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
