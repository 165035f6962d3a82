// The packed scales of Q4_K and Q5_K blocks as bytes.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Eight scales and eight mins of six bits each, a byte each, the first in the lowest.
struct SixBitBytes {
  uint64_t scales;
  uint64_t mins;
};
// From the 12 bytes that quant/blocks.h describes, four at a time.
inline SixBitBytes split_six_bits(const uint8_t (&packed)[12]) {
  uint32_t words[3];
  __builtin_memcpy(words, packed, sizeof(words));
  const uint32_t scales_low = words[0] & 0x3F3F3F3FU;
  const uint32_t mins_low = words[1] & 0x3F3F3F3FU;
  const uint32_t scales_high = (words[2] & 0x0F0F0F0FU) | ((words[0] >> 2) & 0x30303030U);
  const uint32_t mins_high = ((words[2] >> 4) & 0x0F0F0F0FU) | ((words[1] >> 2) & 0x30303030U);
  const auto join = [](uint32_t low, uint32_t high) { return low | (static_cast<uint64_t>(high) << 32); };
  return {join(scales_low, scales_high), join(mins_low, mins_high)};
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
