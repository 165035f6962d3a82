#include "sampling/deterministic_math.h"

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

// x = 2^k m with m within sqrt(1/2)..sqrt(2); log m = 2 artanh(s) for s = (m - 1) / (m + 1), |s| < 0.172,
// whose first missing term is below 1e-15.
double deterministic_log(double x) noexcept {
  constexpr double kSqrt2 = 1.4142135623730951;
  constexpr uint64_t kMantissa = (uint64_t{1} << 52) - 1;
  constexpr uint64_t kExponentOfOne = uint64_t{1023} << 52;
  const auto bits = std::bit_cast<uint64_t>(x);
  auto k = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  auto m = std::bit_cast<double>((bits & kMantissa) | kExponentOfOne);
  if (m > kSqrt2) {
    m /= 2.0;
    k += 1.0;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double square = s * s;
  double power_series = 0.0;
  for (int divisor = 19; divisor >= 1; divisor -= 2) power_series = power_series * square + 1.0 / divisor;
  return k * kLn2 + 2.0 * s * power_series;
}

double deterministic_power(double base, unsigned exponent) noexcept {
  double result = 1.0;
  for (double square = base; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result *= square;
    square *= square;
  }
  return result;
}

}  // namespace hearth::sampling
