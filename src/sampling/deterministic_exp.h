// exp() that gives the same bits on every machine. The C library's may differ between versions and between
// processors with and without fused multiply-add, and one bit can move a draw to another token.
#pragma once

namespace hearth::sampling {

// e^x for x <= 0 with a relative error below 1e-11; 0 below -700. NaN is not allowed.
double deterministic_exp(double x) noexcept;

}  // namespace hearth::sampling
