// A step of training of a llama of 11M parameters, with two sequences of 256 tokens: forward, backward,
// clipping and AdamW. op/s counts six for each weight and token, which leaves out attention's own products.
//
//   kernel_bench --benchmark_filter='TrainStep|MultiplyAdd'
//
// HEARTH_BENCH_THREADS (default: the physical cores) sets the number of threads.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "backends/cpu/gemm.h"
#include "bench/kernels/threads.h"
#include "train/decoder.h"
#include "train/optimiser.h"

namespace hearth::train {
namespace {

void train_step(benchmark::State& state, tensor::GemmPrecision precision) {
  ThreadPool pool(n_bench_threads());
  auto made = cpu::make_gemm(choose_isa().value(), pool, precision);
  if (!made) return state.SkipWithError(made.error().message().c_str());
  const auto gemm = std::move(made).value();
  Threads threads(pool, *gemm);
  const DecoderConfig config{.vocabulary = 4096,
                             .width = 320,
                             .n_layers = 8,
                             .n_heads = 8,
                             .n_kv_heads = 8,
                             .ffn_width = 864,
                             .context_tokens = 256};
  const BatchShape shape{2, 256};
  const DecoderLayout layout(config);
  DenseWeights<float> weights(layout);
  Decoder<float> model(config, shape, weights, threads);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0F, 0.02F);
  for (float& weight : weights.values()) weight = normal(random);
  std::vector<int32_t> tokens(static_cast<size_t>(shape.rows()));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 4096);
  AdamW<float> adamw({{layout.n_weights, true}}, {});
  for (auto _ : state) {
    std::fill(weights.derivatives().begin(), weights.derivatives().end(), 0.0F);
    model.loss_and_derivatives(tokens, tokens, 1.0 / static_cast<double>(shape.rows()));
    const double norm = global_norm<float>(threads, weights.derivatives());
    adamw.step(threads, 1e-4, clip_factor(norm, 1.0), weights.derivatives(), weights.values());
  }
  const auto n_weights = static_cast<double>(layout.n_weights);
  state.counters["op/s"] = benchmark::Counter(
      6.0 * n_weights * static_cast<double>(shape.rows()) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(train_step, f32, tensor::GemmPrecision::kF32)
    ->Name("TrainStep/f32")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(train_step, bf16, tensor::GemmPrecision::kBf16)
    ->Name("TrainStep/bf16")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace hearth::train
