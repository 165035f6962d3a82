// What the op tests share: every kernel set that this machine runs, random tensors, and how far two results
// are apart.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "quant/quant.h"
#include "tests/support/random_blocks.h"
#include "tests/support/sanitized.h"

namespace hearth::ops_test {

using tensor::DType;
using tensor::Shape;
using tensor::Tensor;

// Those that a build for this architecture has.
#if defined(__aarch64__)
inline constexpr Isa kSets[] = {Isa::kScalar, Isa::kNeon};
#else
inline constexpr Isa kSets[] = {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAmx};
#endif
// Types with kernels of their own, which round activations to eight bits ...
inline constexpr DType kInt8Types[] = {DType::kQ4_0, DType::kQ8_0, DType::kQ4_K, DType::kQ5_K, DType::kQ6_K};
// ... and all: the others are computed in floats.
inline constexpr DType kAllWeightTypes[] = {
    DType::kF32,     DType::kF16,   DType::kBF16,   DType::kQ4_0,    DType::kQ4_1,   DType::kQ5_0,
    DType::kQ5_1,    DType::kQ8_0,  DType::kQ2_K,   DType::kQ3_K,    DType::kQ4_K,   DType::kQ5_K,
    DType::kQ6_K,    DType::kIQ1_S, DType::kIQ1_M,  DType::kIQ2_XXS, DType::kIQ2_XS, DType::kIQ2_S,
    DType::kIQ3_XXS, DType::kIQ3_S, DType::kIQ4_NL, DType::kIQ4_XS,  DType::kTQ1_0,  DType::kTQ2_0,
    DType::kQ1_0,    DType::kQ2_0,  DType::kMXFP4,  DType::kNVFP4,   DType::kA4,     DType::kA8};
// Each kernel once: the others share that of F32, into whose rows quant_test sees them dequantised.
inline constexpr DType kTypesOfEveryKernel[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                                                DType::kQ4_0, DType::kQ8_0, DType::kQ4_K,
                                                DType::kQ5_K, DType::kQ6_K, DType::kMXFP4};
inline constexpr std::span<const DType> kWeightTypes = testing::kEmulated
                                                           ? std::span<const DType>(kTypesOfEveryKernel)
                                                           : std::span<const DType>(kAllWeightTypes);

inline std::unique_ptr<tensor::Backend> make_backend(Isa isa, int n_threads = 1) {
  auto backend = cpu::make_cpu_backend({isa, n_threads});
  EXPECT_TRUE(backend) << backend.error().message();
  return std::move(backend).value();
}

// Runs each test once per kernel set; those that the machine lacks skip, and say what is missing.
class Ops : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (auto available = check_isa(GetParam()); !available) GTEST_SKIP() << available.error().message();
    backend = make_backend(GetParam());
  }

  std::unique_ptr<tensor::Backend> backend;
  std::unique_ptr<tensor::Backend> ref = make_backend(Isa::kRef);
};

inline std::string set_name(const ::testing::TestParamInfo<Isa>& info) {
  return std::string(isa_name(info.param));
}

// A tensor and its memory.
struct Owned {
  std::vector<std::byte> memory;
  Tensor tensor;

  std::vector<float> floats() const { return {tensor.f32(), tensor.f32() + tensor.shape.n_elements()}; }
};

inline Owned make_tensor(DType dtype, Shape shape) {
  Owned owned;
  owned.tensor = {dtype, shape, nullptr};
  owned.memory.resize(owned.tensor.size_bytes());
  owned.tensor.data = owned.memory.data();
  return owned;
}

// Normally distributed, in any type; random bits of the same power in types that cannot be quantised to.
inline Owned random_tensor(DType dtype, Shape shape, uint64_t seed, float deviation = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  Owned owned = make_tensor(dtype, shape);
  if (shape.n_elements() == 0) return owned;
  std::vector<float> x(static_cast<size_t>(shape.n_elements()));
  for (float& v : x) v = normal(random);
  const int64_t width = shape.back();
  const size_t stride = *tensor::row_bytes(dtype, static_cast<uint64_t>(width));
  for (size_t row = 0; row < x.size() / static_cast<size_t>(width); ++row) {
    testing::encode_or_randomize(dtype, x.data() + row * static_cast<size_t>(width), width, random,
                                 owned.memory.data() + row * stride);
  }
  return owned;
}

inline Owned copy(const Owned& from) {
  Owned owned{from.memory, from.tensor};
  owned.tensor.data = owned.memory.data();
  return owned;
}

// Normalised mean squared error: sum (x - y)^2 / sum y^2. Where y is so few values that their own power is
// chance, `expected_power` takes its place if it is larger.
inline double nmse(const std::vector<float>& x, const std::vector<float>& y, double expected_power = 0.0) {
  double error = 0.0;
  double power = 0.0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double difference = static_cast<double>(x[i]) - y[i];
    error += difference * difference;
    power += static_cast<double>(y[i]) * y[i];
  }
  power = std::max(power, expected_power);
  return power > 0.0 ? error / power : error;
}

// Two float32 computations of the same sum differ by a few roundings of 2^-24 each.
inline constexpr double kFloatNmse = 1e-11;

// Of a product with weights of a type. Eight-bit activations cost about 4e-5 where they are normally
// distributed; few outputs are few samples of that error. The weights are those of the type in both
// computations.
inline double matmul_nmse(DType dtype, int64_t n_outputs = 256) {
  if (std::find(std::begin(kInt8Types), std::end(kInt8Types), dtype) == std::end(kInt8Types))
    return kFloatNmse;
  return n_outputs < 256 ? 5e-4 : 1e-4;
}

// The same for a phase of a set. The AMX set reads prompts in bf16, but for types that
// are finer: each factor is off by half a unit of its
// eighth bit at most, evenly distributed, which is 2.8e-6 of the power of normally distributed ones.
inline double matmul_nmse(Isa isa, tensor::Phase phase, DType dtype, int64_t n_outputs = 256) {
  const bool in_bf16 =
      isa == Isa::kAmx && phase == tensor::Phase::kPrefill && dtype != DType::kF32 && dtype != DType::kF16;
  return in_bf16 ? (n_outputs < 256 ? 5e-5 : 7e-6) : matmul_nmse(dtype, n_outputs);
}

}  // namespace hearth::ops_test

#define HEARTH_FOR_EVERY_SET(suite)                                                    \
  INSTANTIATE_TEST_SUITE_P(Cpu, suite, ::testing::ValuesIn(::hearth::ops_test::kSets), \
                           ::hearth::ops_test::set_name)
