// Numbers that depend on a seed alone, on every machine: a run that is repeated is the same run.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

namespace hearth::train {

// SplitMix64: G. L. Steele, D. Lea, C. H. Flood, Fast Splittable Pseudorandom Number Generators (2014).
class Random {
 public:
  // Streams of one seed have nothing to do with each other.
  explicit Random(uint64_t seed, uint64_t stream = 0)
      : state_(mixed(seed + mixed(stream + 0x9E3779B97F4A7C15U))) {}

  uint64_t next() noexcept { return mixed(state_ += 0x9E3779B97F4A7C15U); }
  // In [0, n), n >= 1, all equally likely.
  uint64_t below(uint64_t n) noexcept {
    const uint64_t least = (0 - n) % n;  // 2^64 mod n: those would be too many
    uint64_t number = next();
    while (number < least) number = next();
    return number % n;
  }
  // In (0, 1].
  double unit() noexcept { return static_cast<double>((next() >> 11U) + 1) * 0x1.0p-53; }
  // Mean 0, deviation 1: Box and Muller's.
  double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(unit()));
    return radius * std::cos(2.0 * std::numbers::pi * unit());
  }

 private:
  static uint64_t mixed(uint64_t x) noexcept {
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31U);
  }
  uint64_t state_;
};

// Fisher and Yates'.
template <typename T>
void shuffle(std::vector<T>& items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}
template <typename T>
void shuffle(std::vector<T>& items, uint64_t seed) {
  Random random(seed);
  shuffle(items, random);
}

}  // namespace hearth::train
