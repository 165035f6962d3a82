#include <array>
#include <limits>

#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

class Matmul : public Ops {};
HEARTH_FOR_EVERY_SET(Matmul);

using tensor::Phase;
constexpr Phase kPhases[] = {Phase::kDecode, Phase::kPrefill};
const char* phase_name(Phase phase) {
  return phase == Phase::kDecode ? "decode" : "prefill";
}

std::vector<float> multiply(tensor::Backend& backend, const Tensor& x, const Tensor& w,
                            Phase phase = Phase::kDecode) {
  Owned out = make_tensor(DType::kF32, {x.shape[0], w.shape[0]});
  for (int64_t i = 0; i < out.tensor.shape.n_elements(); ++i) {
    out.tensor.f32()[i] = std::numeric_limits<float>::quiet_NaN();  // every element must be overwritten
  }
  backend.matmul(x, w, out.tensor, phase);
  backend.synchronize();
  return out.floats();
}

TEST_P(Matmul, RandomShapes_AgreeWithTheOracle) {
  std::mt19937 random(3);
  for (const DType dtype : kWeightTypes) {
    const int64_t block = tensor::dtype_traits(dtype).block_elements;
    for (int round = 0; round < (testing::kEmulated ? 10 : 16); ++round) {
      const auto pick = [&](int64_t low, int64_t high) {
        return std::uniform_int_distribution<int64_t>(low, high)(random);
      };
      const int64_t n = round < 4 ? 1 : pick(1, 70);
      const int64_t m = round % 4 == 0 ? pick(1, 3) : pick(1, 75);
      const int64_t k = block == 1 ? pick(1, 300) : block * pick(1, block == 32 ? 20 : 5);
      const Owned x = random_tensor(DType::kF32, {n, k}, random());
      const Owned w = random_tensor(dtype, {m, k}, random(), 0.02F);
      const double power = static_cast<double>(n * m * k) * 0.02 * 0.02;
      const std::vector<float> expected = multiply(*ref, x.tensor, w.tensor);
      for (const Phase phase : kPhases) {
        EXPECT_LE(nmse(multiply(*backend, x.tensor, w.tensor, phase), expected, power),
                  matmul_nmse(GetParam(), phase, dtype, n * m))
            << tensor::dtype_name(dtype) << " " << phase_name(phase) << " n " << n << " m " << m << " k "
            << k;
      }
    }
  }
}

TEST_P(Matmul, Row_WhateverBatchAndThreads_HasTheSameBits) {
  for (const DType dtype : kWeightTypes) {
    for (const Phase phase : kPhases) {
      const int64_t k = tensor::dtype_traits(dtype).block_elements == 1 ? 531 : 512;
      const int64_t m = 83;
      const int64_t n = 67;
      const Owned x = random_tensor(DType::kF32, {n, k}, 11);
      Owned w = random_tensor(dtype, {m, k}, 12, 0.05F);
      const std::vector<float> all = multiply(*backend, x.tensor, w.tensor, phase);
      for (const int n_threads : {1, 2, 3}) {
        const auto other = make_backend(GetParam(), n_threads);
        for (const auto& [first, count] : std::vector<std::pair<int64_t, int64_t>>{
                 {0, 67}, {0, 1}, {66, 1}, {5, 2}, {9, 3}, {20, 7}, {2, 10}, {31, 16}, {1, 33}, {3, 64}}) {
          const Tensor rows{DType::kF32, {count, k}, x.tensor.f32() + first * k};
          const std::vector<float> some = multiply(*other, rows, w.tensor, phase);
          EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + first * m))
              << tensor::dtype_name(dtype) << " rows " << first << " + " << count << ", threads "
              << n_threads;
        }
        // A row of weights among others or alone.
        const Tensor one_row{dtype, {1, k}, w.memory.data() + 82 * (w.memory.size() / 83)};
        EXPECT_EQ(multiply(*other, x.tensor, one_row, phase)[40], all[40 * 83 + 82])
            << tensor::dtype_name(dtype);
      }
    }
  }
}

// More activations than one pass takes and more of their elements than the cache keeps, weight rows whose
// sums stand unfinished together and some that are left over, and a k that ends within a panel. And few
// activations of more elements than the cache keeps.
TEST_P(Matmul, PrefillInSeveralPasses_AgreesWithTheOracle) {
  // Emulated, with few weight rows: only AMX keeps sums of many.
  const int64_t all = testing::kEmulated ? 37 : 289;
  for (const auto& [n, m, k] :
       std::vector<std::array<int64_t, 3>>{{530, all + 11, 608}, {97, all, 3200}, {20, all, 9472}}) {
    const Owned x = random_tensor(DType::kF32, {n, k}, 17);
    for (const DType dtype : {DType::kQ8_0, DType::kBF16}) {
      const Owned w = random_tensor(dtype, {m, k}, 18, 0.02F);
      const std::vector<float> expected = multiply(*ref, x.tensor, w.tensor);
      for (const int n_threads : {1, 2}) {
        const auto other = make_backend(GetParam(), n_threads);
        EXPECT_LE(nmse(multiply(*other, x.tensor, w.tensor, Phase::kPrefill), expected),
                  matmul_nmse(GetParam(), Phase::kPrefill, dtype));
      }
    }
  }
}

TEST_P(Matmul, ExtremeActivations_StayFiniteAndExactWhereTheyMust) {
  for (const DType dtype : kWeightTypes) {
    const Owned w = random_tensor(dtype, {20, 256}, 5);
    for (const float scale : {0.0F, 1e-42F, 1e-30F, 1e30F}) {
      Owned x = random_tensor(DType::kF32, {17, 256}, 6, 1.0F);
      for (int64_t i = 0; i < x.tensor.shape.n_elements(); ++i) x.tensor.f32()[i] *= scale;
      const std::vector<float> expected = multiply(*ref, x.tensor, w.tensor);
      for (const Phase phase : kPhases) {
        const std::vector<float> out = multiply(*backend, x.tensor, w.tensor, phase);
        for (const float v : out) {
          ASSERT_TRUE(std::isfinite(v)) << tensor::dtype_name(dtype) << " " << scale;
          if (scale == 0.0F) {
            ASSERT_EQ(v, 0.0F) << tensor::dtype_name(dtype);
          }
        }
        if (scale >= 1e-30F) {
          EXPECT_LE(nmse(out, expected), matmul_nmse(GetParam(), phase, dtype))
              << tensor::dtype_name(dtype) << " " << phase_name(phase) << " " << scale;
        }
      }
    }
  }
}

// Blocks of random bytes reach every scale, min and sign, also those that no quantiser writes.
TEST_P(Matmul, AnyBitsOfABlock_AgreeWithTheOracle) {
  std::mt19937 random(8);
  for (const DType dtype : kInt8Types) {
    const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
    Owned w = make_tensor(dtype, {37, 512});
    for (std::byte& b : w.memory) b = static_cast<std::byte>(random());
    const size_t scale_at = dtype == DType::kQ6_K ? 208 : 0;
    const bool has_min = dtype == DType::kQ4_K || dtype == DType::kQ5_K;
    for (size_t block = 0; block < w.memory.size(); block += traits.block_bytes) {
      w.memory[block + scale_at + 1] = std::byte{0x2C};  // a finite half-precision scale
      if (has_min) w.memory[block + 3] = std::byte{0xA8};
    }
    // One activation at the end of its range, so that the others' rounding is all that differs.
    const Owned x = random_tensor(DType::kF32, {19, 512}, 9);
    for (const Phase phase : kPhases) {
      EXPECT_LE(nmse(multiply(*backend, x.tensor, w.tensor, phase), multiply(*ref, x.tensor, w.tensor)),
                std::min(5e-4, 5.0 * matmul_nmse(GetParam(), phase, dtype)))
          << traits.name << " " << phase_name(phase);
    }
  }
}

// Activations that are whole multiples of their scale lose nothing in rounding, so any error is the kernel's.
TEST_P(Matmul, IntegerActivations_AreMultipliedExactly) {
  std::mt19937 random(10);
  std::uniform_int_distribution<int> level(-127, 127);
  for (const DType dtype : kInt8Types) {
    const Owned w = random_tensor(dtype, {35, 768}, 13);
    Owned x = make_tensor(DType::kF32, {18, 768});
    for (int64_t i = 0; i < x.tensor.shape.n_elements(); ++i) {
      x.tensor.f32()[i] = static_cast<float>(i % 32 == 0 ? 127 : level(random));
    }
    EXPECT_LE(nmse(multiply(*backend, x.tensor, w.tensor), multiply(*ref, x.tensor, w.tensor)), 1e-12)
        << tensor::dtype_name(dtype);
  }
}

// The largest integers that a type's blocks can give, all of one sign: whatever adds them up must hold them.
TEST_P(Matmul, LargestElementsAndScales_AreMultipliedExactly) {
  for (const DType dtype : kInt8Types) {
    const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
    for (const int filling : {0x00, 0x7F, 0x80, 0xFF}) {
      Owned w = make_tensor(dtype, {17, 512});
      for (std::byte& b : w.memory) b = static_cast<std::byte>(filling);
      const bool is_q6_k = dtype == DType::kQ6_K;
      const bool has_min = dtype == DType::kQ4_K || dtype == DType::kQ5_K;
      for (size_t block = 0; block < w.memory.size(); block += traits.block_bytes) {
        const auto set_half = [&](size_t at, uint8_t high) {
          w.memory[block + at] = std::byte{0};
          w.memory[block + at + 1] = std::byte{high};
        };
        set_half(is_q6_k ? 208 : 0, 0x3C);  // one
        if (has_min) set_half(2, 0);        // zero
        if (is_q6_k) {
          // The largest scales by the smallest elements, and by the largest.
          for (size_t i = 192; i < 208; ++i) w.memory[block + i] = std::byte{0x80};
        }
      }
      for (const int64_t n : {1, 2, 5, 7, 10, 18}) {
        Owned x = make_tensor(DType::kF32, {n, 512});
        for (int64_t i = 0; i < x.tensor.shape.n_elements(); ++i) x.tensor.f32()[i] = i % 3 == 0 ? -127 : 127;
        for (int64_t i = 0; i < 512; ++i) x.tensor.f32()[i] = 127;
        EXPECT_EQ(multiply(*backend, x.tensor, w.tensor), multiply(*ref, x.tensor, w.tensor))
            << traits.name << " of " << filling << ", rows " << n;
      }
    }
  }
}

// Longer rows than a panel of dequantised weights holds sixteen of, and more of both than a pass takes.
TEST_P(Matmul, DequantizedWeights_InSeveralPasses_AgreeWithTheOracle) {
  const Owned x = random_tensor(DType::kF32, {37, 9216}, 14);
  const Owned w = random_tensor(DType::kQ4_1, {35, 9216}, 15, 0.02F);
  const std::vector<float> expected = multiply(*ref, x.tensor, w.tensor);
  for (const int n_threads : {1, 2}) {
    const auto other = make_backend(GetParam(), n_threads);
    EXPECT_LE(nmse(multiply(*other, x.tensor, w.tensor), expected), kFloatNmse);
  }
}

TEST_P(Matmul, EmptyBatch_WritesNothing) {
  const Owned w = random_tensor(DType::kQ8_0, {4, 64}, 1);
  const Owned x = make_tensor(DType::kF32, {0, 64});
  EXPECT_TRUE(multiply(*backend, x.tensor, w.tensor).empty());
}

}  // namespace
}  // namespace hearth::ops_test
