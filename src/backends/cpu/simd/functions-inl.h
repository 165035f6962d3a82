// Exponentials and what is made of them, for any vector type F of kLanes floats (the set's vector-inl.h,
// included before this file).

namespace hearth::cpu::HEARTH_ISA {
namespace {

// e^x to about 2e-7 relative: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series to degree 7 (the
// remainder is below 1e-8). 0 below the smallest normal result; the largest finite power above.
inline F exp(F x) {
  constexpr float kLowest = -87.33654F;
  constexpr float kHighest = 88.37626F;
  const F clamped = min(max(x, broadcast(kLowest)), broadcast(kHighest));
  const F n = round(mul(clamped, broadcast(1.44269504F)));
  F r = fma(n, broadcast(-0.693359375F), clamped);  // ln 2 in two parts, the first of few bits
  r = fma(n, broadcast(2.12194440e-4F), r);
  F p = broadcast(1.0F / 5040.0F);
  p = fma(p, r, broadcast(1.0F / 720.0F));
  p = fma(p, r, broadcast(1.0F / 120.0F));
  p = fma(p, r, broadcast(1.0F / 24.0F));
  p = fma(p, r, broadcast(1.0F / 6.0F));
  p = fma(p, r, broadcast(0.5F));
  p = fma(p, r, broadcast(1.0F));
  p = fma(p, r, broadcast(1.0F));
  return zero_below(times_power_of_two(p, n), x, kLowest);
}

// 1 / (1 + e^-x), with the exponential of -|x| only, which cannot overflow: for x < 0 both sides of the
// fraction are multiplied by e^x.
inline F sigmoid(F x) {
  const F e = exp(sub(zero(), abs(x)));
  const F numerator = add(zero_below(sub(broadcast(1.0F), e), x, 0.0F), e);
  return div(numerator, add(broadcast(1.0F), e));
}

inline F silu(F x) {
  return mul(x, sigmoid(x));
}

// Below 1/2 Lambert's continued fraction to x^7, whose next term is below 1e-10 of the result; above,
// (1 - e) / (1 + e) with e = e^(-2|x|), which loses no digits there.
inline F tanh(F x) {
  constexpr float kSaturated = 9.0F;  // nearer to 1 than half an ulp
  const F bounded = min(max(x, broadcast(-kSaturated)), broadcast(kSaturated));
  const F size = abs(bounded);
  const F square = mul(size, size);
  F numerator = fma(square, broadcast(1.0F), broadcast(378.0F));
  numerator = fma(numerator, square, broadcast(17325.0F));
  numerator = mul(fma(numerator, square, broadcast(135135.0F)), size);
  F denominator = fma(square, broadcast(28.0F), broadcast(3150.0F));
  denominator = fma(denominator, square, broadcast(62370.0F));
  denominator = fma(denominator, square, broadcast(135135.0F));
  const F e = exp(mul(size, broadcast(-2.0F)));
  const F large = zero_below(div(sub(broadcast(1.0F), e), add(broadcast(1.0F), e)), size, 0.5F);
  const F fraction = div(numerator, denominator);
  const F small = sub(fraction, zero_below(fraction, size, 0.5F));
  const F magnitude = add(small, large);
  const F positive = zero_below(magnitude, x, 0.0F);
  return sub(positive, sub(magnitude, positive));
}

// By (1 + tanh u) / 2 = sigmoid(2u).
inline F gelu_tanh(F x) {
  constexpr float kTwiceRootOfTwoOverPi = 1.5957691F;
  const F cubic = fma(mul(x, x), broadcast(0.044715F), broadcast(1.0F));
  return mul(x, sigmoid(mul(mul(x, broadcast(kTwiceRootOfTwoOverPi)), cubic)));
}

// The normal distribution at -|x|, that is erfc(z) / 2 with z = |x| / sqrt(2). erfc(z) e^(z^2) is smooth in
// t = 1 / (1 + z / 2), and t times a polynomial through its values at Chebyshev nodes for z up to 9.6 (where
// float32 ends) is within 6e-8 of it, relatively.
inline F normal_tail(F x) {
  const F z = mul(abs(x), broadcast(0.70710678F));
  const F t = div(broadcast(1.0F), fma(z, broadcast(0.5F), broadcast(1.0F)));
  F p = broadcast(-5.942056383e-02F);
  p = fma(p, t, broadcast(2.863727064e-01F));
  p = fma(p, t, broadcast(-4.910683724e-01F));
  p = fma(p, t, broadcast(2.826209434e-01F));
  p = fma(p, t, broadcast(-2.981511213e-02F));
  p = fma(p, t, broadcast(2.040393890e-01F));
  p = fma(p, t, broadcast(2.427668907e-01F));
  p = fma(p, t, broadcast(2.824200804e-01F));
  p = fma(p, t, broadcast(2.820839984e-01F));
  return mul(mul(broadcast(0.5F), mul(p, t)), exp(sub(zero(), mul(z, z))));
}

// x times the normal distribution; from its tail, which keeps its digits where 1 + erf(x) would lose them.
inline F gelu_erf(F x) {
  const F tail = normal_tail(x);
  const F complement = sub(broadcast(1.0F), add(tail, tail));
  return mul(x, add(tail, zero_below(complement, x, 0.0F)));
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
