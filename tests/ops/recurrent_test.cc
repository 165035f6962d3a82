// Ops with a state that outlives the step.
#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

using tensor::RecurrentState;
using tensor::SequenceRows;

class Recurrent : public Ops {};
HEARTH_FOR_EVERY_SET(Recurrent);

constexpr int64_t kSlots = 3;

// Memory of states that holds rubbish: a sequence that starts must not see it.
struct State {
  State(int64_t kernel, int64_t n_channels, int64_t n_heads, int64_t key_dim, int64_t value_dim)
      : conv(random_tensor(DType::kF32, {kSlots, kernel - 1, n_channels}, 90)),
        delta(random_tensor(DType::kF32, {kSlots, n_heads, key_dim, value_dim}, 91)) {}
  RecurrentState view() const { return {conv.tensor, delta.tensor}; }
  Owned conv;
  Owned delta;
};

Tensor slice(const Tensor& x, int64_t first, int64_t count) {
  Shape shape{count};
  int64_t row = 1;
  for (size_t i = 1; i < x.shape.rank(); ++i) {
    shape.push_back(x.shape[i]);
    row *= x.shape[i];
  }
  return {x.dtype, shape, x.f32() + first * row};
}

// One sequence in steps of the given sizes, each in a batch of its own.
template <typename Apply>
void in_steps(const std::vector<int64_t>& sizes, int64_t slot, const Apply& apply) {
  int64_t first = 0;
  for (const int64_t size : sizes) {
    apply(first, size, SequenceRows{0, size, first, {}, slot});
    first += size;
  }
}

const std::vector<std::vector<int64_t>> kCuts{{23}, {1, 22}, {2, 2, 19}, std::vector<int64_t>(23, 1)};

std::vector<float> convolve(tensor::Backend& backend, const Tensor& x, const Tensor& weight,
                            const RecurrentState& state, const std::vector<int64_t>& cuts) {
  const Owned out = make_tensor(DType::kF32, x.shape);
  in_steps(cuts, 1, [&](int64_t first, int64_t n, const SequenceRows& rows) {
    backend.causal_conv(slice(x, first, n), weight, state, {&rows, 1}, slice(out.tensor, first, n));
  });
  return out.floats();
}

TEST_P(Recurrent, CausalConv_AgreesWithTheOracle_HoweverCut) {
  for (const int64_t n_channels : {1, 7, 64, 131}) {
    for (const int64_t kernel : {2, 4}) {
      const Owned x = random_tensor(DType::kF32, {23, n_channels}, 1);
      const Owned weight = random_tensor(DType::kF32, {n_channels, kernel}, 2);
      const State oracle_state(kernel, n_channels, 1, 1, 1);
      const std::vector<float> expected =
          convolve(*ref, x.tensor, weight.tensor, oracle_state.view(), kCuts[0]);
      std::vector<float> whole;
      for (const auto& cuts : kCuts) {
        const State state(kernel, n_channels, 1, 1, 1);
        const auto found = convolve(*backend, x.tensor, weight.tensor, state.view(), cuts);
        EXPECT_LE(nmse(found, expected), kFloatNmse) << n_channels << " channels, kernel " << kernel;
        EXPECT_EQ(state.conv.floats(), oracle_state.conv.floats()) << "and leaves the other slots alone";
        if (whole.empty()) whole = found;
        EXPECT_EQ(found, whole);
      }
    }
  }
}

TEST_P(Recurrent, CausalConv_OfKnownValues_IsSiluOfTheSum) {
  Owned x = make_tensor(DType::kF32, {3, 1});
  const float inputs[] = {1.0F, 2.0F, -3.0F};
  std::copy(std::begin(inputs), std::end(inputs), x.tensor.f32());
  Owned weight = make_tensor(DType::kF32, {1, 2});
  weight.tensor.f32()[0] = 10.0F;  // of the position before
  weight.tensor.f32()[1] = 0.5F;
  const State state(2, 1, 1, 1, 1);
  const std::vector<float> out = convolve(*backend, x.tensor, weight.tensor, state.view(), {3});
  const auto silu = [](float v) { return v / (1.0F + std::exp(-v)); };
  EXPECT_NEAR(out[0], silu(0.5F), 1e-6);
  EXPECT_NEAR(out[1], silu(11.0F), 1e-5);
  EXPECT_NEAR(out[2], silu(18.5F), 1e-5);
}

struct DeltaCase {
  DeltaCase(int64_t n, int64_t n_key_heads, int64_t n_heads, int64_t key_dim, int64_t value_dim)
      : q(random_tensor(DType::kF32, {n, n_key_heads, key_dim}, 11)),
        k(random_tensor(DType::kF32, {n, n_key_heads, key_dim}, 12)),
        v(random_tensor(DType::kF32, {n, n_heads, value_dim}, 13)),
        beta(random_tensor(DType::kF32, {n, n_heads}, 14)),
        alpha(random_tensor(DType::kF32, {n, n_heads}, 15)),
        decay(random_tensor(DType::kF32, {n_heads}, 16)),
        dt_bias(random_tensor(DType::kF32, {n_heads}, 17)) {
    for (int64_t h = 0; h < n_heads; ++h) decay.tensor.f32()[h] = -std::abs(decay.tensor.f32()[h]);
  }
  tensor::DeltaRuleInputs rows(int64_t first, int64_t n) const {
    return {slice(q.tensor, first, n),
            slice(k.tensor, first, n),
            slice(v.tensor, first, n),
            slice(beta.tensor, first, n),
            slice(alpha.tensor, first, n),
            decay.tensor,
            dt_bias.tensor};
  }
  std::vector<float> run(tensor::Backend& backend, const RecurrentState& state,
                         const std::vector<int64_t>& cuts) const {
    const Owned out = make_tensor(DType::kF32, v.tensor.shape);
    in_steps(cuts, 2, [&](int64_t first, int64_t n, const SequenceRows& sequence) {
      backend.gated_delta_rule(rows(first, n), state, {&sequence, 1}, slice(out.tensor, first, n));
    });
    return out.floats();
  }
  Owned q, k, v, beta, alpha, decay, dt_bias;
};

TEST_P(Recurrent, DeltaRule_AgreesWithTheOracle_HoweverCut) {
  for (const auto& [n_key_heads, n_heads, key_dim, value_dim] :
       {std::array<int64_t, 4>{1, 1, 1, 1}, {2, 4, 16, 16}, {2, 2, 7, 33}, {1, 3, 128, 20}}) {
    const DeltaCase input(23, n_key_heads, n_heads, key_dim, value_dim);
    const State oracle_state(2, 1, n_heads, key_dim, value_dim);
    const std::vector<float> expected = input.run(*ref, oracle_state.view(), kCuts[0]);
    std::vector<float> whole;
    for (const auto& cuts : kCuts) {
      for (const int n_threads : {1, 2}) {
        const State state(2, 1, n_heads, key_dim, value_dim);
        const auto found = input.run(*make_backend(GetParam(), n_threads), state.view(), cuts);
        // Roundings add up over the positions.
        EXPECT_LE(nmse(found, expected), 10 * kFloatNmse) << key_dim << " x " << value_dim;
        EXPECT_LE(nmse(state.delta.floats(), oracle_state.delta.floats()), 10 * kFloatNmse);
        if (whole.empty()) whole = found;
        EXPECT_EQ(found, whole);
      }
    }
  }
}

// With full strength (beta) and no decay, what was stored under a key comes back for it.
TEST_P(Recurrent, DeltaRule_OfAStoredKey_RecallsItsValue) {
  DeltaCase input(2, 1, 1, 4, 3);
  std::copy_n(input.k.tensor.f32(), 4, input.k.tensor.f32() + 4);
  std::copy_n(input.k.tensor.f32(), 4, input.q.tensor.f32() + 4);
  input.beta.tensor.f32()[0] = 40.0F;
  input.beta.tensor.f32()[1] = -40.0F;
  input.decay.tensor.f32()[0] = 0.0F;
  const State state(2, 1, 1, 4, 3);
  const std::vector<float> out = input.run(*backend, state.view(), {2});
  for (size_t j = 0; j < 3; ++j) EXPECT_NEAR(out[3 + j], input.v.tensor.f32()[j] / 2.0F, 1e-5);
}

TEST_P(Recurrent, DeltaRule_SequencesSideBySide_AnswerAsAlone) {
  const DeltaCase input(9, 2, 4, 16, 24);
  const State alone(2, 1, 4, 16, 24);
  const State together(2, 1, 4, 16, 24);
  const Owned expected = make_tensor(DType::kF32, input.v.tensor.shape);
  const Owned found = make_tensor(DType::kF32, input.v.tensor.shape);
  const SequenceRows first{0, 4, 0, {}, 2};
  const SequenceRows second{0, 5, 0, {}, 0};
  backend->gated_delta_rule(input.rows(0, 4), alone.view(), {&first, 1}, slice(expected.tensor, 0, 4));
  backend->gated_delta_rule(input.rows(4, 5), alone.view(), {&second, 1}, slice(expected.tensor, 4, 5));
  const std::vector<SequenceRows> both{{0, 4, 0, {}, 2}, {4, 5, 0, {}, 0}};
  backend->gated_delta_rule(input.rows(0, 9), together.view(), both, found.tensor);
  EXPECT_EQ(found.floats(), expected.floats());
  EXPECT_EQ(together.delta.floats(), alone.delta.floats());
}

}  // namespace
}  // namespace hearth::ops_test
