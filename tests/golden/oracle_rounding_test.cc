// Where the golden answers differ from exact ones because llama.cpp rounds: the same roundings, put into the
// reference kernels, give its answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backends/cpu/ref/ref_backend.h"
#include "engine/loaded_model.h"
#include "quant/half.h"
#include "tests/golden/golden.h"
#include "tests/support/test_data.h"

namespace hearth {
namespace {

using tensor::PagedKv;
using tensor::SequenceRows;
using tensor::Tensor;

float to_f16(double x) {
  return quant::f16_to_f32(quant::f32_to_f16(static_cast<float>(x)));
}

// The reference with what llama.cpp's CPU backend rounds to F16 on a processor with AMX, where products with
// F16 matrices take activations as they are: queries and the softmax, which meet an F16 cache; the argument
// and the value of GELU, which is a table; what goes into experts of F16.
class RoundingBackend final : public cpu::RefBackend {
 protected:
  void do_attention(const Tensor& q, const PagedKv& cache, std::span<const SequenceRows> sequences,
                    const tensor::AttentionArgs& args, const Tensor& out) override;

  void do_activate_gate(tensor::Activation activation, const Tensor& gate, const Tensor& up) override {
    round(gate);
    cpu::RefBackend::do_activate(activation, gate);
    round(gate);
    for (int64_t i = 0; i < gate.shape.n_elements(); ++i) gate.f32()[i] *= up.f32()[i];
  }

  void do_matmul_experts(const Tensor& x, const Tensor& w, const Tensor& experts, const Tensor& out,
                         tensor::Phase phase) override {
    std::vector<float> values(x.f32(), x.f32() + x.shape.n_elements());
    const Tensor rounded{x.dtype, x.shape, values.data()};
    if (w.dtype == tensor::DType::kF16) round(rounded);
    cpu::RefBackend::do_matmul_experts(rounded, w, experts, out, phase);
  }

 private:
  static void round(const Tensor& x) {
    std::transform(x.f32(), x.f32() + x.shape.n_elements(), x.f32(), to_f16);
  }
};

// One head's row: softmax(scale q K^T) over positions first .. last, rounded, times V.
struct HeadRow {
  const float* q;
  int64_t kv_head;
  int64_t first;
  int64_t last;
  float* out;
};

void attend(const HeadRow& row, const PagedKv& cache, const SequenceRows& sequence, float scale) {
  const auto f16_row = [&](const Tensor& from, int64_t position) {
    return reinterpret_cast<const uint16_t*>(cpu::cache_row(from, sequence, position, row.kv_head));
  };
  std::vector<double> weights;
  for (int64_t position = row.first; position <= row.last; ++position) {
    const uint16_t* key = f16_row(cache.k, position);
    double score = 0;
    for (int64_t i = 0; i < cache.k.shape[3]; ++i)
      score += static_cast<double>(to_f16(row.q[i])) * quant::f16_to_f32(key[i]);
    weights.push_back(score * static_cast<double>(scale));
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  double sum = 0;
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  for (int64_t i = 0; i < cache.v.shape[3]; ++i) {
    double mixed = 0;
    for (int64_t position = row.first; position <= row.last; ++position) {
      const double weight = weights[static_cast<size_t>(position - row.first)] / sum;
      mixed += static_cast<double>(to_f16(weight)) * quant::f16_to_f32(f16_row(cache.v, position)[i]);
    }
    row.out[i] = static_cast<float>(mixed);
  }
}

void RoundingBackend::do_attention(const Tensor& q, const PagedKv& cache,
                                   std::span<const SequenceRows> sequences, const tensor::AttentionArgs& args,
                                   const Tensor& out) {
  HEARTH_CHECK(cache.k.dtype == tensor::DType::kF16 && cache.v.dtype == tensor::DType::kF16);
  HEARTH_CHECK(args.soft_cap == 0 && args.sinks.data == nullptr);
  const int64_t n_heads = q.shape[1];
  const int64_t group = n_heads / cache.k.shape[1];
  for (const SequenceRows& sequence : sequences) {
    for (int64_t at = 0; at < sequence.n_tokens * n_heads; ++at) {
      const int64_t row = sequence.first_row * n_heads + at;
      const int64_t last = sequence.start_position + at / n_heads;
      const int64_t first = args.window > 0 ? std::max<int64_t>(0, last - args.window + 1) : 0;
      attend({q.f32() + row * q.shape[2], at % n_heads / group, first, last, out.f32() + row * out.shape[2]},
             cache, sequence, args.scale);
    }
  }
}

// KL(llama.cpp || model) in nats after each token.
std::vector<double> divergences(const std::filesystem::path& path, std::unique_ptr<tensor::Backend> backend) {
  const testing::Golden golden = testing::read_golden(path);
  auto file = models::open_checkpoint(path);
  EXPECT_TRUE(file);
  const auto model = engine::LoadedModel::load(std::move(*file), std::move(backend), {});
  EXPECT_TRUE(model);
  std::vector<double> result;
  const auto status =
      (*model)->engine().evaluate(golden.tokens, [&](int64_t position, std::span<const float> logits) {
        result.push_back(testing::divergence(golden.probabilities_after(position), logits));
        return true;
      });
  EXPECT_TRUE(status);
  return result;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double largest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

TEST(OracleRounding, Gemma4_WithIt_DivergesLess) {
  HEARTH_NEEDS_TEST_DATA(path, "golden/arch/gemma4.gguf");
  const std::vector<double> exact = divergences(path, std::make_unique<cpu::RefBackend>());
  const std::vector<double> rounded = divergences(path, std::make_unique<RoundingBackend>());
  EXPECT_LT(mean(rounded), mean(exact) / 2);
  EXPECT_LT(largest(rounded), largest(exact));
}

// Every answer is that of the exact computation or of the rounded one, which choose other experts where two
// are almost equal: after three tokens the first, after one the second.
TEST(OracleRounding, Gemma4Moe_WithAndWithoutIt_GivesEveryAnswer) {
  HEARTH_NEEDS_TEST_DATA(path, "golden/arch/gemma4-moe.gguf");
  const std::vector<double> exact = divergences(path, std::make_unique<cpu::RefBackend>());
  const std::vector<double> rounded = divergences(path, std::make_unique<RoundingBackend>());
  ASSERT_EQ(rounded.size(), 40U);
  std::vector<double> nearer;
  for (size_t i = 0; i < rounded.size(); ++i) nearer.push_back(std::min(exact[i], rounded[i]));
  EXPECT_LE(mean(nearer), 1e-5);
  EXPECT_LE(largest(nearer), 1e-4);
  EXPECT_LE(std::ranges::count_if(rounded, [](double kl) { return kl > 1e-3; }), 1);
}

}  // namespace
}  // namespace hearth
