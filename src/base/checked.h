// Arithmetic on counts, lengths and offsets that came from outside: false on overflow, the result otherwise.
#pragma once

#include <concepts>

namespace hearth {

template <std::unsigned_integral T>
[[nodiscard]] bool checked_add(T a, T b, T& sum) noexcept {
  return !__builtin_add_overflow(a, b, &sum);
}

template <std::unsigned_integral T>
[[nodiscard]] bool checked_mul(T a, T b, T& product) noexcept {
  return !__builtin_mul_overflow(a, b, &product);
}

// The least multiple of `alignment` (a power of two) that is >= value.
template <std::unsigned_integral T>
[[nodiscard]] bool checked_align_up(T value, T alignment, T& aligned) noexcept {
  if (__builtin_add_overflow(value, alignment - 1, &aligned)) return false;
  aligned &= ~(alignment - 1);
  return true;
}

}  // namespace hearth
