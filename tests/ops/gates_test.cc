// Caps, gates, and ops that move or multiply parts of rows.
#include <limits>

#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

class Gates : public Ops {};
HEARTH_FOR_EVERY_SET(Gates);

constexpr int64_t kWidths[] = {1, 3, 16, 31, 100, 257};

Owned copy_of(const Owned& x) {
  Owned copy = make_tensor(x.tensor.dtype, x.tensor.shape);
  std::ranges::copy(x.memory, copy.memory.begin());
  return copy;
}

TEST_P(Gates, SoftCap_AgreesWithTheOracle) {
  for (const int64_t width : kWidths) {
    for (const float size : {1e-3F, 1.0F, 30.0F, 1e6F}) {
      const Owned found = random_tensor(DType::kF32, {3, width}, 1, size);
      const Owned expected = copy_of(found);
      backend->soft_cap(found.tensor, 30.0F);
      ref->soft_cap(expected.tensor, 30.0F);
      EXPECT_LE(nmse(found.floats(), expected.floats()), kFloatNmse) << width << " " << size;
    }
  }
}

TEST_P(Gates, SoftCap_OfEveryMagnitude_KeepsSignAndPrecision) {
  Owned x = make_tensor(DType::kF32, {7});
  const float values[] = {0.0F, -0.0F, 1e-20F, 0.49999F, -0.5F, 8.99F, -std::numeric_limits<float>::max()};
  std::copy(std::begin(values), std::end(values), x.tensor.f32());
  backend->soft_cap(x.tensor, 1.0F);
  for (size_t i = 0; i < 7; ++i) {
    const double expected = std::tanh(static_cast<double>(values[i]));
    EXPECT_NEAR(x.tensor.f32()[i], expected, 4e-7 * std::abs(expected)) << values[i];
  }
}

TEST_P(Gates, GateBySigmoid_OfElementsAndOfRows_AgreesWithTheOracle) {
  for (const int64_t width : kWidths) {
    for (const int64_t n_gates : {int64_t{1}, width}) {
      const Owned found = random_tensor(DType::kF32, {4, width}, 2);
      const Owned expected = copy_of(found);
      const Owned gate = random_tensor(DType::kF32, {4, n_gates}, 3, 5.0F);
      backend->gate_by_sigmoid(found.tensor, gate.tensor);
      ref->gate_by_sigmoid(expected.tensor, gate.tensor);
      EXPECT_LE(nmse(found.floats(), expected.floats()), kFloatNmse) << width;
    }
  }
}

TEST_P(Gates, ClampedSwiglu_AgreesWithTheOracle) {
  for (const int64_t width : kWidths) {
    const Owned found = random_tensor(DType::kF32, {4, width}, 4, 6.0F);
    const Owned expected = copy_of(found);
    const Owned up = random_tensor(DType::kF32, {4, width}, 5, 6.0F);
    backend->clamped_swiglu(found.tensor, up.tensor, 7.0F);
    ref->clamped_swiglu(expected.tensor, up.tensor, 7.0F);
    EXPECT_LE(nmse(found.floats(), expected.floats()), kFloatNmse) << width;
  }
}

TEST_P(Gates, ClampedSwiglu_BeyondTheLimit_IsHeldThere) {
  Owned gate = make_tensor(DType::kF32, {1, 2});
  Owned up = make_tensor(DType::kF32, {1, 2});
  gate.tensor.f32()[0] = 100.0F;
  up.tensor.f32()[0] = 100.0F;
  gate.tensor.f32()[1] = 100.0F;
  up.tensor.f32()[1] = -100.0F;
  backend->clamped_swiglu(gate.tensor, up.tensor, 7.0F);
  const double swish = 7.0 / (1.0 + std::exp(-1.702 * 7.0));
  EXPECT_NEAR(gate.tensor.f32()[0], swish * 8.0, 1e-4);
  EXPECT_NEAR(gate.tensor.f32()[1], swish * -6.0, 1e-4);
}

TEST_P(Gates, AddExpertBias_AddsTheRowOfEachExpert) {
  for (const int64_t width : kWidths) {
    const Owned found = random_tensor(DType::kF32, {3, 2, width}, 6);
    const Owned expected = copy_of(found);
    const Owned bias = random_tensor(DType::kF32, {5, width}, 7);
    Owned experts = make_tensor(DType::kI32, {3, 2});
    const int32_t chosen[] = {4, 0, 2, 3, 1, 4};
    std::copy(std::begin(chosen), std::end(chosen), experts.tensor.as<int32_t>());
    backend->add_expert_bias(found.tensor, bias.tensor, experts.tensor);
    ref->add_expert_bias(expected.tensor, bias.tensor, experts.tensor);
    EXPECT_EQ(found.floats(), expected.floats());
  }
}

TEST_P(Gates, CopyColumns_CopiesThoseAndNoOthers) {
  const Owned from = random_tensor(DType::kF32, {3, 7}, 8);
  const Owned to = random_tensor(DType::kF32, {3, 5}, 9);
  const std::vector<float> before = to.floats();
  backend->copy_columns(from.tensor, 4, to.tensor, 1, 3);
  for (size_t row = 0; row < 3; ++row) {
    for (size_t i = 0; i < 5; ++i) {
      const bool copied = i >= 1 && i < 4;
      EXPECT_EQ(to.floats()[row * 5 + i], copied ? from.floats()[row * 7 + 3 + i] : before[row * 5 + i]);
    }
  }
}

TEST_P(Gates, GatherColumns_TakesThemInTheirOrder) {
  for (const int64_t n : {0, 1, 5}) {
    for (const int64_t width : kWidths) {
      const Owned x = random_tensor(DType::kF32, {n, width}, 12);
      const Owned columns = make_tensor(DType::kI32, {width + 1});
      for (int64_t j = 0; j <= width; ++j)
        columns.tensor.as<int32_t>()[j] = static_cast<int32_t>((7 * j + 3) % width);
      const Owned found = make_tensor(DType::kF32, {n, width + 1});
      const Owned expected = make_tensor(DType::kF32, {n, width + 1});
      backend->gather_columns(x.tensor, columns.tensor, found.tensor);
      ref->gather_columns(x.tensor, columns.tensor, expected.tensor);
      EXPECT_EQ(found.floats(), expected.floats());
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j <= width; ++j) {
          ASSERT_EQ(found.tensor.f32()[i * (width + 1) + j], x.tensor.f32()[i * width + (7 * j + 3) % width]);
        }
      }
    }
  }
}

TEST_P(Gates, MatmulHeads_AgreesWithTheOracle_AndRowsAreIndependent) {
  for (const DType dtype : kWeightTypes) {
    const Owned x = random_tensor(DType::kF32, {20, 3, 256}, 10);
    const Owned w = random_tensor(dtype, {3 * 19, 256}, 11, 0.02F);
    const Tensor stack = w.tensor.reshaped({3, 19, 256});
    const Owned found = make_tensor(DType::kF32, {20, 3, 19});
    const Owned expected = make_tensor(DType::kF32, {20, 3, 19});
    backend->matmul_heads(x.tensor, stack, found.tensor);
    ref->matmul_heads(x.tensor, stack, expected.tensor);
    const double bound = tensor::dtype_traits(dtype).block_elements == 1 ? kFloatNmse : 1e-4;
    EXPECT_LE(nmse(found.floats(), expected.floats()), bound) << tensor::dtype_name(dtype);
    const Owned alone = make_tensor(DType::kF32, {1, 3, 19});
    backend->matmul_heads({DType::kF32, {1, 3, 256}, x.tensor.f32() + 7 * 3 * 256}, stack, alone.tensor);
    EXPECT_TRUE(std::equal(alone.tensor.f32(), alone.tensor.f32() + 57, found.tensor.f32() + 7 * 57))
        << tensor::dtype_name(dtype);
  }
}

}  // namespace
}  // namespace hearth::ops_test
