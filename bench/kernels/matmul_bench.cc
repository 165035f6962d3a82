// Matrix products through the backend's own interface: bytes of weights per second for one activation row,
// beside what the memory gives in the same run, and operations per second for a prompt of 512 rows.
//
//   kernel_bench --benchmark_filter='Decode/avx512/.*'
//
// HEARTH_BENCH_THREADS (default: the physical cores) sets the number of threads.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "backends/cpu/cpu_backend.h"
#include "base/thread_pool.h"
#include "quant/quant.h"

namespace hearth {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr int64_t kWidth = 2048;
// Far beyond any last-level cache share, so that the weights come from memory.
constexpr size_t kDecodeBytes = size_t{384} << 20;
constexpr int64_t kPromptRows = 512;
constexpr int64_t kPromptOutputs = 8192;

int thread_count() {
  const char* forced = std::getenv("HEARTH_BENCH_THREADS");
  return forced != nullptr ? std::max(1, std::atoi(forced)) : physical_core_count();
}

// A matrix whose rows are few random ones, repeated: quantising hundreds of megabytes would outlast the run.
class Weights {
 public:
  Weights(tensor::Backend& backend, DType dtype, int64_t n_rows, int64_t width) {
    const size_t stride = *tensor::row_bytes(dtype, static_cast<uint64_t>(width));
    buffer_ = std::move(backend.allocate(stride * static_cast<size_t>(n_rows))).value();
    tensor = {dtype, {n_rows, width}, buffer_->data()};
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0.0F, 0.02F);
    std::vector<float> row(static_cast<size_t>(width));
    constexpr int64_t kDistinct = 61;
    auto* bytes = tensor.as<std::byte>();
    for (int64_t r = 0; r < n_rows; ++r) {
      std::byte* to = bytes + static_cast<size_t>(r) * stride;
      if (r < kDistinct) {
        for (float& v : row) v = normal(random);
        quant::quantize_row(dtype, row.data(), to, width);
      } else {
        std::memcpy(to, bytes + static_cast<size_t>(r % kDistinct) * stride, stride);
      }
    }
  }

  Tensor tensor;

 private:
  std::shared_ptr<tensor::Buffer> buffer_;
};

void multiply(benchmark::State& state, Isa isa, DType dtype, int64_t n, int64_t m) {
  auto backend = std::move(cpu::make_cpu_backend({isa, thread_count()})).value();
  const Weights weights(*backend, dtype, m, kWidth);
  std::vector<float> x(static_cast<size_t>(n * kWidth));
  std::vector<float> out(static_cast<size_t>(n * m));
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (float& v : x) v = normal(random);
  for (auto _ : state) {
    backend->matmul({DType::kF32, {n, kWidth}, x.data()}, weights.tensor, {DType::kF32, {n, m}, out.data()});
    backend->synchronize();
    benchmark::DoNotOptimize(out.data());
  }
  const auto iterations = static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["weights_B/s"] =
      Counter(iterations * static_cast<double>(weights.tensor.size_bytes()), Counter::kIsRate);
  state.counters["op/s"] =
      Counter(iterations * 2.0 * static_cast<double>(n) * static_cast<double>(m * kWidth), Counter::kIsRate);
}

// The memory's rate for plain reading, with as many threads.
void read_memory(benchmark::State& state) {
  std::vector<uint64_t> memory(kDecodeBytes / sizeof(uint64_t), 1);
  ThreadPool pool(thread_count());
  std::vector<uint64_t> sums(static_cast<size_t>(pool.size()));
  for (auto _ : state) {
    pool.run([&](int thread) {
      const Range range = split_range(static_cast<int64_t>(memory.size()), 512, thread, pool.size());
      uint64_t sum[8] = {};
      for (int64_t i = range.begin; i < range.end; i += 8) {
        __builtin_prefetch(&memory[static_cast<size_t>(i)] + 256);
        for (int64_t j = 0; j < 8; ++j) sum[j] += memory[static_cast<size_t>(i + j)];
      }
      for (const uint64_t s : sum) sums[static_cast<size_t>(thread)] += s;
    });
    benchmark::DoNotOptimize(sums.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(kDecodeBytes) * state.iterations());
}

void register_all() {
  benchmark::RegisterBenchmark("ReadMemory", read_memory)->UseRealTime();
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAmx}) {
    if (!check_isa(isa)) continue;
    for (const tensor::DTypeTraits& type : tensor::all_dtypes()) {
      if (!quant::can_dequantize(type.dtype)) continue;
      const size_t stride = *tensor::row_bytes(type.dtype, static_cast<uint64_t>(kWidth));
      const auto add = [&](const char* name, int64_t n, int64_t m) {
        benchmark::RegisterBenchmark(fmt::format("{}/{}/{}", name, isa_name(isa), type.name).c_str(),
                                     multiply, isa, type.dtype, n, m)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      };
      add("Decode", 1, static_cast<int64_t>(kDecodeBytes / stride));
      add("Prompt", kPromptRows, kPromptOutputs);
    }
  }
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  hearth::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
