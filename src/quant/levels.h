// Blocks whose four-bit elements are the numbers of levels that stand unevenly: IQ4 and the four-bit floats.
#pragma once

#include <cstdint>

namespace hearth::quant {

// The number of the level nearest to x; of two equally near, the first.
inline uint8_t nearest_level(float x, const int8_t (&levels)[16]) noexcept {
  int nearest = 0;
  float least = -1.0F;
  for (int i = 0; i < 16; ++i) {
    const float difference = x - static_cast<float>(levels[i]);
    const float distance = difference < 0.0F ? -difference : difference;
    if (least >= 0.0F && distance >= least) continue;
    least = distance;
    nearest = i;
  }
  return static_cast<uint8_t>(nearest);
}

// 2 `half` elements, the first half from the low nibbles.
inline float* write_levels(const uint8_t* qs, int half, const int8_t (&levels)[16], float scale,
                           float* out) noexcept {
  for (int j = 0; j < half; ++j) {
    out[j] = scale * static_cast<float>(levels[qs[j] & 15]);
    out[j + half] = scale * static_cast<float>(levels[qs[j] >> 4]);
  }
  return out + 2 * half;
}

inline void pack_levels(const float* x, int half, const int8_t (&levels)[16], float inverse_scale,
                        uint8_t* qs) noexcept {
  for (int j = 0; j < half; ++j) {
    const unsigned low = nearest_level(x[j] * inverse_scale, levels);
    const unsigned high = nearest_level(x[j + half] * inverse_scale, levels);
    qs[j] = static_cast<uint8_t>(low | high << 4);
  }
}

// Of n elements rounded to levels at `scale`.
inline double squared_error(const float* x, int n, const int8_t (&levels)[16], float scale,
                            float inverse_scale) noexcept {
  double error = 0.0;
  for (int i = 0; i < n; ++i) {
    const float rounded = scale * static_cast<float>(levels[nearest_level(x[i] * inverse_scale, levels)]);
    const double difference = static_cast<double>(x[i]) - static_cast<double>(rounded);
    error += difference * difference;
  }
  return error;
}

}  // namespace hearth::quant
