// exp(), log() and pow() that give the same bits on every machine. The C library's may differ between
// versions and between processors with and without fused multiply-add, and one bit can move a draw to another
// token.
#pragma once

namespace hearth::sampling {

inline constexpr double kLn2 = 0.6931471805599453;

// e^x for x <= 0 with a relative error below 1e-11; 0 below -700. NaN is not allowed.
double deterministic_exp(double x) noexcept;

// The natural logarithm of a positive normal number, with an absolute error below 1e-14 for numbers near 1
// and a relative one below 1e-14 elsewhere.
double deterministic_log(double x) noexcept;

// base^exponent for whole exponents >= 0, by squaring; infinity where it leaves the range.
double deterministic_power(double base, unsigned exponent) noexcept;

}  // namespace hearth::sampling
