#include "sampling/deterministic_exp.h"

#include <bit>
#include <cstdint>

namespace hearth::sampling {

// x = k ln 2 + r with |r| <= ln(2) / 2; e^r by its Taylor series, whose first missing term is below 1e-11.
double deterministic_exp(double x) noexcept {
  constexpr double kSmallest = -700.0;  // 2^k stays a normal number
  if (x < kSmallest) return 0.0;
  constexpr double kLog2E = 1.4426950408889634;
  constexpr double kLn2High = 6.93147180369123816490e-01;  // its last 32 bits are zero: k * kLn2High is exact
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  const auto k = static_cast<int64_t>(x * kLog2E - 0.5);  // truncation towards zero rounds to nearest: x <= 0
  const auto k_real = static_cast<double>(k);
  const double r = (x - k_real * kLn2High) - k_real * kLn2Low;

  constexpr double kReciprocalFactorials[] = {1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                                              1.0 / 24,     1.0 / 6,     1.0 / 2,    1.0,       1.0};
  double power_series = 0.0;
  for (const double coefficient : kReciprocalFactorials) power_series = power_series * r + coefficient;
  const auto two_to_k = std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
  return power_series * two_to_k;
}

}  // namespace hearth::sampling
