// Mixtures of experts: routing, products with the experts chosen, and their weighted sum.
#include <limits>

#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

class Experts : public Ops {};
HEARTH_FOR_EVERY_SET(Experts);

struct Routing {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Routing route(tensor::Backend& backend, const Tensor& logits, int64_t n_used, const tensor::RouteArgs& args) {
  const Owned experts = make_tensor(DType::kI32, {logits.shape[0], n_used});
  const Owned weights = make_tensor(DType::kF32, {logits.shape[0], n_used});
  backend.route(logits, args, experts.tensor, weights.tensor);
  const auto* ids = experts.tensor.as<int32_t>();
  return {{ids, ids + experts.tensor.shape.n_elements()}, weights.floats()};
}

std::vector<float> multiply(tensor::Backend& backend, const Tensor& x, const Tensor& w,
                            const Tensor& experts) {
  const Owned out = make_tensor(DType::kF32, {experts.shape[0], experts.shape[1], w.shape[1]});
  backend.matmul_experts(x, w, experts, out.tensor);
  return out.floats();
}

// n rows that each choose n_used different experts.
Owned random_choice(int64_t n, int64_t n_used, int64_t n_experts, uint64_t seed) {
  std::mt19937 random(seed);
  Owned experts = make_tensor(DType::kI32, {n, n_used});
  std::vector<int32_t> all(static_cast<size_t>(n_experts));
  for (size_t e = 0; e < all.size(); ++e) all[e] = static_cast<int32_t>(e);
  for (int64_t row = 0; row < n; ++row) {
    std::shuffle(all.begin(), all.end(), random);
    std::copy_n(all.begin(), n_used, experts.tensor.as<int32_t>() + row * n_used);
  }
  return experts;
}

TEST_P(Experts, Route_RandomLogits_ChoosesAsTheOracle) {
  for (const int64_t n_experts : {1, 3, 8, 60}) {
    const Owned logits = random_tensor(DType::kF32, {9, n_experts}, static_cast<uint64_t>(n_experts), 3.0F);
    for (const int64_t n_used : {int64_t{1}, (n_experts + 1) / 2, n_experts}) {
      for (const bool renormalize : {true, false}) {
        const Routing expected = route(*ref, logits.tensor, n_used, {renormalize});
        const Routing found = route(*backend, logits.tensor, n_used, {renormalize});
        EXPECT_EQ(found.experts, expected.experts);
        EXPECT_LE(nmse(found.weights, expected.weights), kFloatNmse);
        float sum = 0.0F;
        for (int64_t j = 0; j < n_used; ++j) sum += found.weights[static_cast<size_t>(j)];
        if (renormalize || n_used == n_experts) {
          EXPECT_NEAR(sum, 1.0F, 1e-6F);
        } else {
          EXPECT_LT(sum, 1.0F);
        }
      }
    }
  }
}

TEST_P(Experts, Route_SigmoidBiasAndGroups_ChoosesAsTheOracle) {
  const Owned logits = random_tensor(DType::kF32, {9, 24}, 31, 3.0F);
  const Owned bias = random_tensor(DType::kF32, {24}, 32);
  for (const tensor::RouteScore score : {tensor::RouteScore::kSoftmax, tensor::RouteScore::kSigmoid}) {
    for (const bool renormalize : {true, false}) {
      for (const Tensor& selection_bias : {Tensor{}, bias.tensor}) {
        for (const int64_t n_groups : {1, 6}) {
          const int64_t n_groups_used = n_groups == 1 ? 1 : 2;
          const tensor::RouteArgs args{renormalize, score, 2.5F, selection_bias, n_groups, n_groups_used, 2};
          const Routing expected = route(*ref, logits.tensor, 5, args);
          const Routing found = route(*backend, logits.tensor, 5, args);
          EXPECT_EQ(found.experts, expected.experts);
          EXPECT_LE(nmse(found.weights, expected.weights), kFloatNmse);
        }
      }
    }
  }
}

// Scores 1/2 to all; the bias chooses, and its groups: {0, 1} sums to 0.9, {2, 3} to 1.0, {4, 5} to 0.8.
TEST_P(Experts, Route_BiasOfGroups_ChoosesButDoesNotWeigh) {
  const Owned logits = make_tensor(DType::kF32, {1, 6});
  Owned bias = make_tensor(DType::kF32, {6});
  const float values[] = {0.9F, 0.0F, 0.6F, 0.4F, 0.7F, 0.1F};
  std::copy(std::begin(values), std::end(values), bias.tensor.f32());
  const tensor::RouteArgs args{false, tensor::RouteScore::kSigmoid, 3.0F, bias.tensor, 3, 1, 2};
  const Routing found = route(*backend, logits.tensor, 2, args);
  EXPECT_EQ(found.experts, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(found.weights, (std::vector<float>{1.5F, 1.5F}));
}

TEST_P(Experts, Route_FactorsOfExperts_MultiplyTheWeightsOfTheChosen) {
  const Owned logits = random_tensor(DType::kF32, {9, 24}, 33, 3.0F);
  const Owned factors = random_tensor(DType::kF32, {24}, 34);
  tensor::RouteArgs args;
  const Routing plain = route(*backend, logits.tensor, 5, args);
  args.expert_scale = factors.tensor;
  for (tensor::Backend* each : {backend.get(), ref.get()}) {
    const Routing found = route(*each, logits.tensor, 5, args);
    EXPECT_EQ(found.experts, plain.experts);
    for (size_t i = 0; i < plain.weights.size(); ++i) {
      const float expected = plain.weights[i] * factors.tensor.f32()[plain.experts[i]];
      EXPECT_NEAR(found.weights[i], expected, 1e-6F * std::abs(expected)) << i;
    }
  }
}

TEST_P(Experts, Route_TiesAndNaN_TakeTheLowerIndexAndTheNumbers) {
  Owned logits = make_tensor(DType::kF32, {1, 5});
  const float values[] = {std::numeric_limits<float>::quiet_NaN(), 1.0F, 2.0F, 2.0F, 1.0F};
  std::copy(std::begin(values), std::end(values), logits.tensor.f32());
  EXPECT_EQ(route(*backend, logits.tensor, 4, {}).experts, (std::vector<int32_t>{2, 3, 1, 4}));
}

TEST_P(Experts, Matmul_RandomShapes_AgreesWithTheOracle) {
  for (const DType dtype : kWeightTypes) {
    for (const int64_t n : {1, 2, 40}) {
      for (const bool shared_rows : {true, false}) {
        const Owned experts = random_choice(n, 3, 7, 5);
        const Owned x = random_tensor(DType::kF32, {n, shared_rows ? 1 : 3, 256}, 6);
        const Owned w = random_tensor(dtype, {7 * 19, 256}, 7, 0.02F);
        const Tensor stack = w.tensor.reshaped({7, 19, 256});
        EXPECT_LE(nmse(multiply(*backend, x.tensor, stack, experts.tensor),
                       multiply(*ref, x.tensor, stack, experts.tensor)),
                  matmul_nmse(dtype))
            << tensor::dtype_name(dtype) << " n " << n;
      }
    }
  }
}

TEST_P(Experts, Matmul_RowAmongOthers_HasTheSameBitsAsAlone) {
  for (const DType dtype : kWeightTypes) {
    const int64_t n = 33;
    const Owned experts = random_choice(n, 2, 4, 8);
    const Owned x = random_tensor(DType::kF32, {n, 1, 256}, 9);
    const Owned w = random_tensor(dtype, {4 * 21, 256}, 10, 0.02F);
    const Tensor stack = w.tensor.reshaped({4, 21, 256});
    const std::vector<float> all = multiply(*make_backend(GetParam(), 2), x.tensor, stack, experts.tensor);
    for (int64_t row = 0; row < n; ++row) {
      const Tensor one{DType::kF32, {1, 1, 256}, x.tensor.f32() + row * 256};
      const Tensor choice{DType::kI32, {1, 2}, experts.tensor.as<int32_t>() + row * 2};
      const std::vector<float> alone = multiply(*backend, one, stack, choice);
      ASSERT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + row * 2 * 21))
          << tensor::dtype_name(dtype);
    }
  }
}

TEST_P(Experts, Combine_RandomShapes_AgreesWithTheOracle) {
  for (const int64_t width : {1, 7, 64, 301}) {
    const Owned x = random_tensor(DType::kF32, {5, 3, width}, 11);
    const Owned weights = random_tensor(DType::kF32, {5, 3}, 12);
    const Owned expected = make_tensor(DType::kF32, {5, width});
    const Owned found = make_tensor(DType::kF32, {5, width});
    ref->combine_experts(x.tensor, weights.tensor, expected.tensor);
    backend->combine_experts(x.tensor, weights.tensor, found.tensor);
    EXPECT_LE(nmse(found.floats(), expected.floats()), kFloatNmse);
  }
}

}  // namespace
}  // namespace hearth::ops_test
