#include <limits>

#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

class Elementwise : public Ops {};
HEARTH_FOR_EVERY_SET(Elementwise);

constexpr int64_t kWidths[] = {1, 3, 16, 31, 64, 100, 257, 2048};

TEST_P(Elementwise, Embed_EveryType_IsExact) {
  for (const DType dtype : kWeightTypes) {
    const Owned table = random_tensor(dtype, {9, 512}, 1);
    const std::vector<int32_t> tokens{8, 0, 3, 3};
    Owned out = make_tensor(DType::kF32, {4, 512});
    Owned expected = make_tensor(DType::kF32, {4, 512});
    backend->embed(table.tensor, tokens, out.tensor);
    ref->embed(table.tensor, tokens, expected.tensor);
    EXPECT_EQ(out.floats(), expected.floats()) << tensor::dtype_name(dtype);
  }
}

TEST_P(Elementwise, RmsNorm_AgreesWithTheOracle_AlsoInPlace) {
  for (const int64_t width : kWidths) {
    for (const float size : {1e-18F, 1.0F, 1e15F}) {
      const Owned x = random_tensor(DType::kF32, {5, width}, 2, size);
      const Owned weight = random_tensor(DType::kF32, {width}, 3);
      Owned out = make_tensor(DType::kF32, {5, width});
      Owned expected = make_tensor(DType::kF32, {5, width});
      backend->rms_norm(x.tensor, weight.tensor, 1e-5F, out.tensor);
      ref->rms_norm(x.tensor, weight.tensor, 1e-5F, expected.tensor);
      EXPECT_LE(nmse(out.floats(), expected.floats()), kFloatNmse) << width << " " << size;
      const std::vector<float> apart = out.floats();
      backend->rms_norm(x.tensor, weight.tensor, 1e-5F, x.tensor);
      EXPECT_EQ(x.floats(), apart);
    }
  }
}

TEST_P(Elementwise, RmsNorm_OfZeros_IsZeros) {
  const Owned x = make_tensor(DType::kF32, {1, 70});
  const Owned weight = random_tensor(DType::kF32, {70}, 3);
  backend->rms_norm(x.tensor, weight.tensor, 1e-6F, x.tensor);
  EXPECT_EQ(x.floats(), std::vector<float>(70, 0.0F));
}

TEST_P(Elementwise, Rope_BothStyles_AgreeWithTheOracle) {
  for (const auto style : {tensor::RopeStyle::kInterleaved, tensor::RopeStyle::kHalves}) {
    for (const int64_t n_rotated : {2, 6, 48, 64}) {
      std::vector<float> frequencies;
      for (int64_t i = 0; i < n_rotated / 2; ++i) {
        frequencies.push_back(
            std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(n_rotated)));
      }
      const tensor::RopeArgs args{style, n_rotated, frequencies, 1.1F};
      const Owned x = random_tensor(DType::kF32, {3, 5, 64}, 4);
      Owned expected = make_tensor(DType::kF32, {3, 5, 64});
      expected.memory = x.memory;
      expected.tensor.data = expected.memory.data();
      backend->rope(x.tensor, std::vector<int32_t>{0, 77, 131000}, args);
      ref->rope(expected.tensor, std::vector<int32_t>{0, 77, 131000}, args);
      EXPECT_LE(nmse(x.floats(), expected.floats()), kFloatNmse) << n_rotated;
    }
  }
}

TEST_P(Elementwise, Rope_AnotherStepWithOtherPositions_UsesThem) {
  const std::vector<float> frequencies{1.0F, 0.1F};
  const tensor::RopeArgs args{tensor::RopeStyle::kHalves, 4, frequencies, 1.0F};
  for (const int32_t position : {5, 6, 5}) {
    const Owned x = random_tensor(DType::kF32, {1, 1, 4}, 4);
    const Owned expected = random_tensor(DType::kF32, {1, 1, 4}, 4);
    backend->rope(x.tensor, {{position}}, args);
    ref->rope(expected.tensor, {{position}}, args);
    EXPECT_LE(nmse(x.floats(), expected.floats()), kFloatNmse) << position;
  }
}

TEST_P(Elementwise, LayerNorm_AgreesWithTheOracle_AlsoInPlace) {
  for (const int64_t width : kWidths) {
    for (const float size : {1e-15F, 1.0F, 1e15F}) {
      const Owned x = random_tensor(DType::kF32, {5, width}, 12, size);
      // A mean far from zero is what a careless variance would drown in.
      for (int64_t i = 0; i < 2 * width; ++i) x.tensor.f32()[i] += 100.0F * size;
      const Owned weight = random_tensor(DType::kF32, {width}, 13);
      const Owned bias = random_tensor(DType::kF32, {width}, 14);
      for (const Tensor* shift : {static_cast<const Tensor*>(nullptr), &bias.tensor}) {
        Owned out = make_tensor(DType::kF32, {5, width});
        Owned expected = make_tensor(DType::kF32, {5, width});
        backend->layer_norm(x.tensor, weight.tensor, shift, 1e-5F, out.tensor);
        ref->layer_norm(x.tensor, weight.tensor, shift, 1e-5F, expected.tensor);
        // The mean is rounded to 2^-24 of 100 deviations, which every element of its row is off by.
        EXPECT_LE(nmse(out.floats(), expected.floats()), 3e-10) << width << " " << size;
      }
      Owned apart = make_tensor(DType::kF32, {5, width});
      backend->layer_norm(x.tensor, weight.tensor, &bias.tensor, 1e-5F, apart.tensor);
      backend->layer_norm(x.tensor, weight.tensor, &bias.tensor, 1e-5F, x.tensor);
      EXPECT_EQ(x.floats(), apart.floats());
    }
  }
}

TEST_P(Elementwise, LayerNorm_OfEqualElements_IsTheBias) {
  const Owned x = make_tensor(DType::kF32, {1, 70});
  std::fill_n(x.tensor.f32(), 70, 3.0F);
  const Owned weight = random_tensor(DType::kF32, {70}, 3);
  const Owned bias = random_tensor(DType::kF32, {70}, 4);
  backend->layer_norm(x.tensor, weight.tensor, &bias.tensor, 1e-6F, x.tensor);
  EXPECT_EQ(x.floats(), bias.floats());
}

using tensor::Activation;
constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGeluTanh, Activation::kGeluErf};

TEST_P(Elementwise, Activations_AgreeWithTheOracle_AlsoWhereExpSaturates) {
  for (const Activation activation : kActivations) {
    for (const int64_t width : kWidths) {
      const Owned gate = random_tensor(DType::kF32, {3, width}, 5, 4.0F);
      const float extremes[] = {0.0F,  -0.0F,  87.0F,  -87.0F, 90.0F, -90.0F,
                                1e30F, -1e30F, 1e-40F, -6.0F,  -12.0F};
      std::copy_n(extremes, std::min<int64_t>(width, 11), gate.tensor.f32());
      const Owned alone = copy(gate);
      const Owned expected = copy(gate);
      const Owned expected_alone = copy(gate);
      const Owned up = random_tensor(DType::kF32, {3, width}, 6);
      backend->activate_gate(activation, gate.tensor, up.tensor);
      ref->activate_gate(activation, expected.tensor, up.tensor);
      backend->activate(activation, alone.tensor);
      ref->activate(activation, expected_alone.tensor);
      // GELU's exponent grows as x^2 (x^3 for tanh's), and with it what rounding it to float32 costs; values
      // below the smallest normal number may become 0.
      const double relative = activation == Activation::kSilu ? 1e-6 : 2e-5;
      for (int64_t i = 0; i < gate.tensor.shape.n_elements(); ++i) {
        const float y = expected.tensor.f32()[i];
        EXPECT_NEAR(gate.tensor.f32()[i], y, std::fabs(y) * relative + 1e-35) << i << " of width " << width;
        const float z = expected_alone.tensor.f32()[i];
        EXPECT_NEAR(alone.tensor.f32()[i], z, std::fabs(z) * relative + 1e-35) << i << " of width " << width;
      }
    }
  }
}

// Values of the formulas at 1 and -2, from tables of the error function and of tanh.
TEST(RefActivations, KnownPoints_AreMet) {
  const auto ref = make_backend(Isa::kRef);
  const auto at = [&](Activation activation, float x) {
    const Tensor one{DType::kF32, {1, 1}, &x};
    ref->activate(activation, one);
    return x;
  };
  EXPECT_NEAR(at(Activation::kSilu, 1.0F), 0.7310586, 1e-6);
  EXPECT_NEAR(at(Activation::kSilu, -2.0F), -0.2384058, 1e-6);
  EXPECT_NEAR(at(Activation::kGeluTanh, 1.0F), 0.8411920, 1e-6);
  EXPECT_NEAR(at(Activation::kGeluTanh, -2.0F), -0.0454023, 1e-6);
  EXPECT_NEAR(at(Activation::kGeluErf, 1.0F), 0.8413447, 1e-6);
  EXPECT_NEAR(at(Activation::kGeluErf, -2.0F), -0.0455003, 1e-6);
}

TEST_P(Elementwise, AddBiasAndScale_AreExact) {
  const auto threads = make_backend(GetParam(), 3);
  for (const int64_t width : kWidths) {
    const Owned x = random_tensor(DType::kF32, {40, width}, 7);
    const Owned bias = random_tensor(DType::kF32, {width}, 8);
    const std::vector<float> before = x.floats();
    threads->add_bias(x.tensor, bias.tensor);
    threads->scale(x.tensor, 0.22F);
    for (size_t i = 0; i < before.size(); ++i) {
      const float sum = before[i] + bias.tensor.f32()[i % static_cast<size_t>(width)];
      ASSERT_EQ(x.tensor.f32()[i], sum * 0.22F) << i << " of width " << width;
    }
  }
}

TEST_P(Elementwise, AddAndTakeRows_AreExact) {
  const Owned x = random_tensor(DType::kF32, {40, 777}, 7);
  const Owned y = random_tensor(DType::kF32, {40, 777}, 8);
  const std::vector<float> before = x.floats();
  const auto threads = make_backend(GetParam(), 3);
  threads->add(x.tensor, y.tensor);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(x.tensor.f32()[i], before[i] + y.tensor.f32()[i]);
  Owned out = make_tensor(DType::kF32, {2, 777});
  backend->take_rows(x.tensor, std::vector<int32_t>{39, 2}, out.tensor);
  EXPECT_EQ(out.tensor.f32()[0], x.tensor.f32()[39 * 777]);
  EXPECT_EQ(out.tensor.f32()[777 + 776], x.tensor.f32()[2 * 777 + 776]);
}

TEST_P(Elementwise, Rows_WhateverBatchAndThreads_HaveTheSameBits) {
  const int64_t width = 1003;
  const Owned x = random_tensor(DType::kF32, {41, width}, 9);
  const Owned weight = random_tensor(DType::kF32, {width}, 10);
  const Owned up = random_tensor(DType::kF32, {41, width}, 11);
  const auto run = [&](tensor::Backend& on, int64_t first, int64_t count) {
    Owned out = make_tensor(DType::kF32, {count, width});
    const Tensor rows{DType::kF32, {count, width}, x.tensor.f32() + first * width};
    const Tensor up_rows{DType::kF32, {count, width}, up.tensor.f32() + first * width};
    on.rms_norm(rows, weight.tensor, 1e-5F, out.tensor);
    for (const Activation activation : kActivations) {
      on.activate_gate(activation, out.tensor, up_rows);
      on.add(out.tensor, rows);
      on.activate(activation, out.tensor);
      on.add_bias(out.tensor, weight.tensor);
      on.scale(out.tensor, 3.3F);
      on.layer_norm(out.tensor, weight.tensor, &weight.tensor, 1e-5F, out.tensor);
    }
    return out.floats();
  };
  const std::vector<float> all = run(*backend, 0, 41);
  for (const int n_threads : {1, 2, 3}) {
    const auto other = make_backend(GetParam(), n_threads);
    for (const int64_t first : {0, 1, 17, 40}) {
      for (const int64_t count : {int64_t{1}, 41 - first}) {
        const std::vector<float> some = run(*other, first, count);
        EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin() + first * width))
            << first << " " << count;
      }
    }
  }
}

TEST(CpuBackend, Allocate_IsZeroedAlignedAndRefusesWhatCannotBe) {
  const auto backend = make_backend(Isa::kScalar);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{100'000}, size_t{5} << 20}) {
    auto buffer = backend->allocate(size);
    ASSERT_TRUE(buffer) << buffer.error().message();
    EXPECT_EQ((*buffer)->size_bytes(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*buffer)->data()) % (size >= (4U << 20) ? (2U << 20) : 64U), 0U);
    const auto* bytes = static_cast<const char*>((*buffer)->data());
    EXPECT_TRUE(std::all_of(bytes, bytes + size, [](char b) { return b == 0; }));
  }
  for (const size_t size : {size_t{1} << 60, std::numeric_limits<size_t>::max()}) {
    const auto buffer = backend->allocate(size);
    ASSERT_FALSE(buffer);
    EXPECT_EQ(buffer.error().code(), ErrorCode::kResourceExhausted);
    EXPECT_NE(buffer.error().message().find(std::to_string(size)), std::string::npos);
  }
}

TEST(CpuBackend, NoThreads_IsAnInvalidArgument) {
  const auto backend = cpu::make_cpu_backend({Isa::kScalar, 0});
  ASSERT_FALSE(backend);
  EXPECT_EQ(backend.error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::ops_test
