// Weights in any type: quantised where Hearth has a quantiser, else blocks of random bits, which reach every
// scale, sign and codebook entry, also those that no quantiser writes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "quant/half.h"
#include "quant/quant.h"

namespace hearth::testing {

// Sets the scale of a whole block, in types that have no quantiser.
inline void set_block_scale(tensor::DType dtype, float scale, uint8_t* block) {
  using tensor::DType;
  const uint16_t bits = quant::f32_to_f16(scale);
  const auto put_at = [&](std::initializer_list<size_t> offsets) {
    for (const size_t offset : offsets) {
      block[offset] = static_cast<uint8_t>(bits & 255);
      block[offset + 1] = static_cast<uint8_t>(bits >> 8);
    }
  };
  switch (dtype) {
    case DType::kTQ1_0:
      return put_at({52});
    case DType::kTQ2_0:
      return put_at({64});
    case DType::kIQ1_M:  // in the top four bits of four 16-bit words
      for (size_t i = 0; i < 4; ++i) {
        uint8_t& byte = block[48 + 2 * i + 1];
        byte = static_cast<uint8_t>((byte & 15) | (bits >> (4 * i) & 15) << 4);
      }
      return;
    case DType::kA4:
    case DType::kA8: {  // a float32; the zero near the middle
      const auto whole = std::bit_cast<uint32_t>(scale);
      for (size_t i = 0; i < 4; ++i) block[i] = static_cast<uint8_t>(whole >> (8 * i));
      block[4] = dtype == DType::kA4 ? block[4] & 15 : block[4];
      block[5] = 0;
      return;
    }
    case DType::kNVFP4: {  // E4M3, subnormal below 2^-6
      const int exponent = std::max(std::ilogb(scale), -7);
      const float code =
          exponent < -6 ? scale * 512.0F
                        : std::ldexp(scale, 3 - exponent) - 8.0F + static_cast<float>(8 * (exponent + 7));
      std::fill_n(block, 4, static_cast<uint8_t>(std::clamp(std::lround(code), 1L, 126L)));
      return;
    }
    default:
      return put_at({0});
  }
}

// n elements, a whole number of blocks, of about the power that x has: x itself, rounded, where the type can
// be quantised to.
inline void encode_or_randomize(tensor::DType dtype, const float* x, int64_t n, std::mt19937& random,
                                void* row) {
  if (quant::can_quantize(dtype)) return quant::quantize_row(dtype, x, row, n);
  const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
  auto* bytes = static_cast<uint8_t*>(row);
  const size_t n_blocks = static_cast<size_t>(n) / traits.block_elements;
  for (size_t i = 0; i < n_blocks * traits.block_bytes; ++i) bytes[i] = static_cast<uint8_t>(random());
  const auto for_each_block = [&](auto&& scale) {
    for (size_t b = 0; b < n_blocks; ++b) set_block_scale(dtype, scale(), bytes + b * traits.block_bytes);
  };
  for_each_block([] { return 1.0F; });
  std::vector<float> unit(static_cast<size_t>(n));
  quant::dequantize_row(dtype, row, unit.data(), n);
  double power = 0.0;
  double unit_power = 0.0;
  for (size_t i = 0; i < unit.size(); ++i) {
    power += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    unit_power += static_cast<double>(unit[i]) * static_cast<double>(unit[i]);
  }
  const auto scale = static_cast<float>(std::sqrt(power / unit_power));
  std::uniform_real_distribution<float> spread(0.5F, 1.4F);
  for_each_block([&] { return scale * spread(random); });
}

}  // namespace hearth::testing
