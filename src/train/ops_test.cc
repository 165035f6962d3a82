// Each op's derivatives in double against central differences, and in float against those in double.
#include "train/ops.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "train/decoder_layout.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

using Values = std::vector<double>;

// What an op made of its inputs: their derivatives in the order of the inputs, of loss = sum out * weight.
struct Evaluated {
  double loss = 0;
  std::vector<Values> derivatives;
};

template <typename T>
std::vector<T> cast(const Values& x) {
  return {x.begin(), x.end()};
}

// A buffer that an op overwrites, and one that it adds to: whatever was there shows.
template <typename T>
std::vector<T> overwritten(size_t n) {
  return std::vector<T>(n, std::numeric_limits<T>::quiet_NaN());
}
template <typename T>
std::vector<T> added_to(size_t n) {
  return std::vector<T>(n, T{1});
}
template <typename T>
Values after_overwriting(const std::vector<T>& x) {
  return {x.begin(), x.end()};
}
template <typename T>
Values after_adding(const std::vector<T>& x) {
  Values values(x.begin(), x.end());
  for (double& value : values) value -= 1;
  return values;
}

template <typename T>
double inner_product(const std::vector<T>& out, const Values& weight) {
  double sum = 0;
  for (size_t i = 0; i < out.size(); ++i) sum += static_cast<double>(out[i]) * weight[i];
  return sum;
}

LayerPositions positions_of_head(int64_t head_dim, double base) {
  DecoderConfig config;
  config.width = head_dim;
  config.n_heads = 1;
  config.rope_base = base;
  return positions_of(config, 0);
}

double norm_of(const Values& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

class TrainOps : public ::testing::Test {
 protected:
  int64_t size(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(random_() % static_cast<uint64_t>(most - least + 1));
  }
  Values normal(int64_t n) {
    std::normal_distribution<double> distribution;
    Values values(static_cast<size_t>(n));
    for (double& value : values) value = distribution(random_);
    return values;
  }
  std::vector<int32_t> ids(int64_t n, int64_t most) {
    std::vector<int32_t> values(static_cast<size_t>(n));
    for (int32_t& value : values) value = static_cast<int32_t>(size(0, most));
    return values;
  }

  // op.operator()<T>(threads, inputs) -> Evaluated. Of each input, some elements are moved.
  template <typename Op>
  void expect_derivatives(std::vector<Values> inputs, const Op& op) {
    const Evaluated exact = op.template operator()<double>(compute_.threads, inputs);
    const Evaluated rounded = op.template operator()<float>(compute_.threads, inputs);
    EXPECT_NEAR(rounded.loss, exact.loss, 1e-4 * (1 + std::abs(exact.loss)));
    ASSERT_EQ(exact.derivatives.size(), inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      SCOPED_TRACE(i);
      ASSERT_EQ(exact.derivatives[i].size(), inputs[i].size());
      Values differences;
      Values errors;
      for (int sample = 0; sample < 24; ++sample) {
        const size_t at = random_() % inputs[i].size();
        const auto moved = [&](double by) {
          std::vector<Values> there = inputs;
          there[i][at] += by;
          return op.template operator()<double>(compute_.threads, there).loss;
        };
        constexpr double kStep = 1e-5;
        differences.push_back((moved(kStep) - moved(-kStep)) / (2 * kStep));
        errors.push_back(exact.derivatives[i][at] - differences.back());
      }
      EXPECT_LE(norm_of(errors), 1e-7 * norm_of(differences) + 1e-9);
      Values roundings = rounded.derivatives[i];
      for (size_t at = 0; at < roundings.size(); ++at) roundings[at] -= exact.derivatives[i][at];
      EXPECT_LE(norm_of(roundings), 1e-5 * norm_of(exact.derivatives[i]) + 1e-6);
    }
  }

  std::mt19937 random_{1};
  Compute compute_{1};
};

constexpr int kShapes = 4;  // of each op, at random

TEST_F(TrainOps, Embed_DerivativesAreDifferences) {
  for (int i = 0; i < kShapes; ++i) {
    const int64_t n = size(1, 20), width = size(1, 12), vocabulary = size(1, 9);
    const auto tokens = ids(n, vocabulary - 1);
    const Values weight = normal(n * width);
    expect_derivatives({normal(vocabulary * width)}, [&]<typename T>(Threads& threads, const auto& inputs) {
      const auto table = cast<T>(inputs[0]);
      auto out = overwritten<T>(weight.size());
      embed(threads, table.data(), tokens, width, out.data());
      auto d_table = added_to<T>(table.size());
      embed_backward(cast<T>(weight).data(), tokens, width, d_table.data());
      return Evaluated{inner_product(out, weight), {after_adding(d_table)}};
    });
  }
}

TEST_F(TrainOps, RmsNorm_DerivativesAreDifferences) {
  for (int i = 0; i < kShapes; ++i) {
    const int64_t n = size(1, 20), width = size(1, 40);
    const Values weight = normal(n * width);
    expect_derivatives({normal(n * width), normal(width)},
                       [&]<typename T>(Threads& threads, const auto& inputs) {
                         const auto x = cast<T>(inputs[0]);
                         const auto w = cast<T>(inputs[1]);
                         auto out = overwritten<T>(x.size());
                         auto scales = overwritten<T>(static_cast<size_t>(n));
                         rms_norm(threads, x.data(), w.data(), 0.01, n, width, out.data(), scales.data());
                         auto d_x = added_to<T>(x.size());
                         auto d_w = added_to<T>(w.size());
                         rms_norm_backward(threads, x.data(), w.data(), scales.data(), cast<T>(weight).data(),
                                           n, width, d_x.data(), d_w.data());
                         return Evaluated{inner_product(out, weight), {after_adding(d_x), after_adding(d_w)}};
                       });
  }
}

TEST_F(TrainOps, AddBias_DerivativesAreDifferences) {
  const int64_t n = size(1, 20), width = size(1, 40);
  const Values weight = normal(n * width);
  expect_derivatives({normal(n * width), normal(width)},
                     [&]<typename T>(Threads& threads, const auto& inputs) {
                       auto out = cast<T>(inputs[0]);
                       const auto bias = cast<T>(inputs[1]);
                       add_bias(threads, bias.data(), n, width, out.data());
                       auto d_bias = added_to<T>(bias.size());
                       add_bias_backward(threads, cast<T>(weight).data(), n, width, d_bias.data());
                       return Evaluated{inner_product(out, weight), {weight, after_adding(d_bias)}};
                     });
}

TEST_F(TrainOps, SoftCap_DerivativesAreDifferences) {
  const int64_t n = size(1, 100);
  const Values weight = normal(n);
  expect_derivatives({normal(n)}, [&]<typename T>(Threads& threads, const auto& inputs) {
    auto out = cast<T>(inputs[0]);
    soft_cap(threads, out.data(), 1.5, n, out.data());
    auto d = cast<T>(weight);
    soft_cap_backward(threads, out.data(), 1.5, n, d.data());
    return Evaluated{inner_product(out, weight), {after_overwriting(d)}};
  });
}

TEST_F(TrainOps, Scale_AndAddScaled) {
  const Values x{1, 2, 3};
  Values out{10, 20, 30};
  add_scaled(compute_.threads, x.data(), 0.5, 3, out.data());
  EXPECT_EQ(out, (Values{10.5, 21, 31.5}));
  scale(compute_.threads, out.data(), 2.0, 3, out.data());
  EXPECT_EQ(out, (Values{21, 42, 63}));
}

// Heads that turn whole or in part.
TEST_F(TrainOps, Rope_DerivativesAreDifferences) {
  for (const tensor::RopeStyle style : {tensor::RopeStyle::kInterleaved, tensor::RopeStyle::kHalves}) {
    for (int i = 0; i < kShapes; ++i) {
      const int64_t n_positions = size(1, 9), n = n_positions * size(1, 3);
      const int64_t n_heads = size(1, 3), turned = 2 * size(1, 6), head_dim = turned + 2 * size(0, 2);
      LayerPositions positions = positions_of_head(turned, 100.0);
      positions.magnitude = 1.25;
      const Values weight = normal(n * n_heads * head_dim);
      expect_derivatives({normal(n * n_heads * head_dim)},
                         [&]<typename T>(Threads& threads, const auto& inputs) {
                           const RopeTable<T> table(n_positions, positions, style);
                           auto out = cast<T>(inputs[0]);
                           rope(threads, table, n, n_positions, n_heads, head_dim, 1, out.data());
                           auto d_x = cast<T>(weight);
                           rope(threads, table, n, n_positions, n_heads, head_dim, -1, d_x.data());
                           return Evaluated{inner_product(out, weight), {after_overwriting(d_x)}};
                         });
    }
  }
}

// The third pair of position 2 turns by 2 * 100^(-4 / 6).
TEST_F(TrainOps, Rope_TurnsByPositionTimesFrequency) {
  const LayerPositions positions = positions_of_head(6, 100.0);
  const double angle = 2 * std::pow(100.0, -4.0 / 6);
  const RopeTable<double> interleaved(4, positions, tensor::RopeStyle::kInterleaved);
  Values x(4 * 6);
  x[2 * 6 + 4] = 1;
  rope(compute_.threads, interleaved, 4, 4, 1, 6, 1, x.data());
  EXPECT_NEAR(x[2 * 6 + 4], std::cos(angle), 1e-15);
  EXPECT_NEAR(x[2 * 6 + 5], std::sin(angle), 1e-15);
  const RopeTable<double> halves(4, positions, tensor::RopeStyle::kHalves);
  Values y(4 * 6);
  y[2 * 6 + 2] = 1;
  rope(compute_.threads, halves, 4, 4, 1, 6, 1, y.data());
  EXPECT_NEAR(y[2 * 6 + 2], std::cos(angle), 1e-15);
  EXPECT_NEAR(y[2 * 6 + 5], std::sin(angle), 1e-15);
}

TEST_F(TrainOps, Attention_DerivativesAreDifferences) {
  for (int i = 0; i < 2 * kShapes; ++i) {
    const int64_t n_kv_heads = size(1, 2), group = size(1, 3);
    // Two of several blocks of queries.
    AttentionShape shape{size(1, 2), i % kShapes == 0 ? 67 : size(1, 9), n_kv_heads * group, n_kv_heads,
                         size(1, 9)};
    if (i >= kShapes) {
      shape.scale = 0.7;
      shape.soft_cap = 1.5;
      shape.window = size(2, 5);
    }
    const int64_t n = shape.n_sequences * shape.n_positions;
    const int64_t n_q = n * shape.n_heads * shape.head_dim;
    const int64_t n_kv = n * shape.n_kv_heads * shape.head_dim;
    const Values weight = normal(n_q);
    expect_derivatives(
        {normal(n_q), normal(n_kv), normal(n_kv)}, [&]<typename T>(Threads& threads, const auto& inputs) {
          const auto q = cast<T>(inputs[0]);
          const auto k = cast<T>(inputs[1]);
          const auto v = cast<T>(inputs[2]);
          auto out = overwritten<T>(q.size());
          auto log_sums = overwritten<T>(static_cast<size_t>(n * shape.n_heads));
          attention(threads, shape, q.data(), k.data(), v.data(), out.data(), log_sums.data());
          auto d_q = overwritten<T>(q.size());
          auto d_k = overwritten<T>(k.size());
          auto d_v = overwritten<T>(v.size());
          attention_backward(threads, shape, q.data(), k.data(), v.data(), out.data(), log_sums.data(),
                             cast<T>(weight).data(), d_q.data(), d_k.data(), d_v.data());
          return Evaluated{inner_product(out, weight),
                           {after_overwriting(d_q), after_overwriting(d_k), after_overwriting(d_v)}};
        });
  }
}

// Two positions of one head, written out.
TEST_F(TrainOps, Attention_WeighsWhatWasSeen) {
  const AttentionShape shape{1, 2, 1, 1, 4};
  const Values q{9, 9, 9, 9, 1, 0, 0, 0};
  const Values k{2, 0, 0, 0, -1, 0, 0, 0};
  const Values v{1, 2, 3, 4, 5, 6, 7, 8};
  Values out(8), log_sums(2);
  attention(compute_.threads, shape, q.data(), k.data(), v.data(), out.data(), log_sums.data());
  const double first = std::exp(1.0), second = std::exp(-0.5);
  for (size_t j = 0; j < 4; ++j) {
    EXPECT_DOUBLE_EQ(out[j], v[j]);
    EXPECT_NEAR(out[4 + j], (first * v[j] + second * v[4 + j]) / (first + second), 1e-14);
  }
  EXPECT_NEAR(log_sums[1], std::log(first + second), 1e-14);
}

// The third position, with a window of two, does not see the first.
TEST_F(TrainOps, Attention_OverAWindow_WeighsWhatIsInIt) {
  const AttentionShape shape{.n_sequences = 1,
                             .n_positions = 3,
                             .n_heads = 1,
                             .n_kv_heads = 1,
                             .head_dim = 1,
                             .scale = 2.0,
                             .soft_cap = 3.0,
                             .window = 2};
  const Values q{1, 1, 1}, k{100, 1, -1}, v{100, 3, 5};
  Values out(3), log_sums(3);
  attention(compute_.threads, shape, q.data(), k.data(), v.data(), out.data(), log_sums.data());
  const double first = std::exp(3 * std::tanh(2.0 / 3)), second = std::exp(3 * std::tanh(-2.0 / 3));
  EXPECT_NEAR(out[2], (first * 3 + second * 5) / (first + second), 1e-14);
}

TEST_F(TrainOps, Gated_DerivativesAreDifferences) {
  for (int i = 0; i < 2 * kShapes; ++i) {
    const auto activation = i < kShapes ? tensor::Activation::kSilu : tensor::Activation::kGeluTanh;
    const int64_t n = size(1, 100);
    const Values weight = normal(n);
    expect_derivatives({normal(n), normal(n)}, [&]<typename T>(Threads& threads, const auto& inputs) {
      const auto gate = cast<T>(inputs[0]);
      const auto up = cast<T>(inputs[1]);
      auto out = overwritten<T>(gate.size());
      gated(threads, activation, gate.data(), up.data(), n, out.data());
      auto d_gate = overwritten<T>(gate.size());
      auto d_up = overwritten<T>(gate.size());
      gated_backward(threads, activation, gate.data(), up.data(), cast<T>(weight).data(), n, d_gate.data(),
                     d_up.data());
      return Evaluated{inner_product(out, weight), {after_overwriting(d_gate), after_overwriting(d_up)}};
    });
  }
}

// Its loss is a number already, times the scale.
TEST_F(TrainOps, CrossEntropy_DerivativesAreDifferences) {
  for (int i = 0; i < kShapes; ++i) {
    const int64_t n = size(2, 30), vocabulary = size(1, 20);
    auto targets = ids(n, vocabulary - 1);
    targets[1] = kNoTarget;
    constexpr double kScale = 0.25;
    expect_derivatives({normal(n * vocabulary)}, [&]<typename T>(Threads& threads, const auto& inputs) {
      auto logits = cast<T>(inputs[0]);
      const double loss = cross_entropy(threads, logits.data(), targets, vocabulary, kScale);
      return Evaluated{kScale * loss, {after_overwriting(logits)}};
    });
  }
}

TEST_F(TrainOps, CrossEntropy_OfLargeLogits_IsFinite) {
  std::vector<float> logits{1000, 0, -1000, 7, 7, 7};
  const std::vector<int32_t> targets{1, 2};
  EXPECT_NEAR(cross_entropy(compute_.threads, logits.data(), targets, 3, 1.0), 1000 + std::log(3.0), 1e-3);
  EXPECT_EQ(logits[0], 1.0F);
  EXPECT_EQ(logits[1], -1.0F);
}

TEST_F(TrainOps, Linear_DerivativesAreDifferences) {
  for (int i = 0; i < kShapes; ++i) {
    const int64_t n = size(1, 30), k = size(1, 20), m = size(1, 40);
    const bool adds = i % 2 == 0;
    const Values weight = normal(n * m);
    expect_derivatives({normal(n * k), normal(m * k)}, [&]<typename T>(Threads& threads, const auto& inputs) {
      const auto x = cast<T>(inputs[0]);
      const auto w = cast<T>(inputs[1]);
      auto out = adds ? added_to<T>(weight.size()) : overwritten<T>(weight.size());
      linear(threads, x.data(), w.data(), n, k, m, adds, out.data());
      auto d_x = adds ? added_to<T>(x.size()) : overwritten<T>(x.size());
      auto d_w = added_to<T>(w.size());
      linear_backward(threads, x.data(), w.data(), cast<T>(weight).data(), n, k, m, adds, d_x.data(),
                      d_w.data());
      return Evaluated{inner_product(out, weight),
                       {adds ? after_adding(d_x) : after_overwriting(d_x), after_adding(d_w)}};
    });
  }
}

}  // namespace
}  // namespace hearth::train
