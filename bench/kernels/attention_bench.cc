// Attention through the backend's own interface, with heads as llama models of a billion weights have them:
// 32 that share 8 of keys and values, 64 elements each. Of one row that generates, in bytes of the cache per
// second, whatever the type of the cache, beside what the memory gives (ReadMemory); and of a prompt's last
// 512 rows, in operations per second.
//
//   kernel_bench --benchmark_filter='ReadMemory|Attention/decode/amx'
//   kernel_bench --benchmark_filter='Attention/prompt|MultiplyAdd/amx'
//
// HEARTH_BENCH_THREADS (default: the physical cores) sets the number of threads.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <numeric>
#include <random>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "bench/kernels/threads.h"

namespace hearth {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr int64_t kHeads = 32;
constexpr int64_t kKvHeads = 8;
constexpr int64_t kHeadDim = 64;
constexpr int64_t kBlockTokens = 32;
constexpr int64_t kPositions = 8192;
// As many as a model's layers, so that the cache comes from memory.
constexpr int kLayers = 16;

// The caches of all layers, of one sequence.
class Caches {
 public:
  Caches(tensor::Backend& backend, DType type) {
    table_.resize(kPositions / kBlockTokens);
    std::iota(table_.begin(), table_.end(), 0);
    std::vector<float> rows(static_cast<size_t>(kPositions * kKvHeads * kHeadDim));
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (float& v : rows) v = normal(random);
    const Tensor x{DType::kF32, {kPositions, kKvHeads, kHeadDim}, rows.data()};
    const tensor::Shape shape{kPositions / kBlockTokens, kKvHeads, kBlockTokens, kHeadDim};
    const Tensor part{type, shape, nullptr};
    for (int layer = 0; layer < kLayers; ++layer) {
      auto k = std::move(backend.allocate(part.size_bytes())).value();
      auto v = std::move(backend.allocate(part.size_bytes())).value();
      layers_.push_back({{type, shape, k->data()}, {type, shape, v->data()}});
      const tensor::SequenceRows all{0, kPositions, 0, table_};
      backend.store_kv(x, x, layers_.back(), {&all, 1});
      n_bytes_ += 2 * part.size_bytes();
      buffers_.push_back(std::move(k));
      buffers_.push_back(std::move(v));
    }
  }

  const std::vector<tensor::PagedKv>& layers() const { return layers_; }
  const std::vector<int32_t>& table() const { return table_; }
  size_t n_bytes() const { return n_bytes_; }

 private:
  std::vector<int32_t> table_;
  std::vector<tensor::PagedKv> layers_;
  std::vector<std::shared_ptr<tensor::Buffer>> buffers_;
  size_t n_bytes_ = 0;
};

void attend(benchmark::State& state, Isa isa, DType type, int64_t n_rows, tensor::Phase phase) {
  auto backend = std::move(cpu::make_cpu_backend({isa, n_bench_threads()})).value();
  const Caches caches(*backend, type);
  std::vector<float> q(static_cast<size_t>(n_rows * kHeads * kHeadDim));
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (float& v : q) v = normal(random);
  std::vector<float> out(q.size());
  const tensor::SequenceRows rows{0, n_rows, kPositions - n_rows, caches.table(), 0, phase};
  tensor::AttentionArgs args{0.125F};
  args.weights = DType::kQ4_K;
  const tensor::Shape shape{n_rows, kHeads, kHeadDim};
  for (auto _ : state) {
    for (const tensor::PagedKv& layer : caches.layers()) {
      backend->attention({DType::kF32, shape, q.data()}, layer, {&rows, 1}, args,
                         {DType::kF32, shape, out.data()});
    }
    backend->synchronize();
    benchmark::DoNotOptimize(out.data());
  }
  const auto iterations = static_cast<double>(state.iterations());
  const double seen = static_cast<double>(n_rows) * static_cast<double>(2 * kPositions - n_rows + 1) / 2.0;
  using benchmark::Counter;
  state.counters["cache_B/s"] = Counter(iterations * static_cast<double>(caches.n_bytes()), Counter::kIsRate);
  // Of scores and of weighted sums, two for each element of a head.
  state.counters["op/s"] =
      Counter(iterations * kLayers * seen * static_cast<double>(4 * kHeads * kHeadDim), Counter::kIsRate);
}

const bool kRegistered = [] {
  for (const Isa isa : kAllIsas) {
    if (isa == Isa::kRef || !check_isa(isa)) continue;
    const auto add = [&](const char* name, DType type, int64_t n_rows, tensor::Phase phase) {
      benchmark::RegisterBenchmark(
          fmt::format("Attention/{}/{}/{}", name, isa_name(isa), tensor::dtype_name(type)).c_str(), attend,
          isa, type, n_rows, phase)
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
    };
    for (const DType type : {DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0})
      add("decode", type, 1, tensor::Phase::kDecode);
    add("prompt", DType::kF16, 512, tensor::Phase::kPrefill);
  }
  return true;
}();

}  // namespace
}  // namespace hearth
