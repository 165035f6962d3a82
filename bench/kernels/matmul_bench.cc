// Matrix products through the backend's own interface: bytes of weights per second for one activation row and
// for a few, beside what the memory gives in the same run, and operations per second for a prompt of 512
// rows. Dense products as training has them (Gemm/SET/M x N x K of an output, of an input's and of weights'
// derivatives). Beside both, what fused multiplications and additions of registers give (MultiplyAdd; on AMX
// tiles of bf16).
//
//   kernel_bench --benchmark_filter='Decode/avx512/.*'
//   kernel_bench --benchmark_filter='Decode.*/amx/Q4_K'     (Decode8: eight sequences at once)
//   kernel_bench --benchmark_filter='Prompt/amx/|MultiplyAdd/amx'
//   kernel_bench --benchmark_filter='Gemm|MultiplyAdd'
//
// HEARTH_BENCH_THREADS (default: the physical cores) sets the number of threads.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>
#include <random>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/gemm.h"
#include "base/thread_pool.h"
#include "bench/kernels/threads.h"
#include "metrics/read_bandwidth.h"
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

void multiply(benchmark::State& state, Isa isa, DType dtype, int64_t n, int64_t m, tensor::Phase phase) {
  auto backend = std::move(cpu::make_cpu_backend({isa, n_bench_threads()})).value();
  const Weights weights(*backend, dtype, m, kWidth);
  std::vector<float> x(static_cast<size_t>(n * kWidth));
  std::vector<float> out(static_cast<size_t>(n * m));
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (float& v : x) v = normal(random);
  for (auto _ : state) {
    backend->matmul({DType::kF32, {n, kWidth}, x.data()}, weights.tensor, {DType::kF32, {n, m}, out.data()},
                    phase);
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
  double rate = 0.0;
  for (auto _ : state) {
    rate = metrics::measure_read_bandwidth({.n_threads = n_bench_threads(), .buffer_bytes = kDecodeBytes})
               .value();
  }
  state.counters["weights_B/s"] = rate;
}

void set_operations(benchmark::State& state, double per_iteration) {
  state.counters["op/s"] = benchmark::Counter(static_cast<double>(state.iterations()) * per_iteration,
                                              benchmark::Counter::kIsRate);
}

#if defined(__x86_64__)
// Twelve chains hide the latency of two units.
constexpr int kChains = 12;
constexpr int64_t kLinks = 10'000;

__attribute__((target("avx2,fma"))) float multiply_add_avx2(float x) {
  __m256 sums[kChains];
  for (__m256& sum : sums) sum = _mm256_set1_ps(x);
  const __m256 factor = _mm256_set1_ps(0.5F);
  for (int64_t i = 0; i < kLinks; ++i) {
#pragma GCC unroll 12
    for (__m256& sum : sums) sum = _mm256_fmadd_ps(sum, factor, factor);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm256_add_ps(sums[0], sums[c]);
  return _mm256_cvtss_f32(sums[0]);
}
__attribute__((target("avx512f"))) float multiply_add_avx512(float x) {
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_set1_ps(x);
  const __m512 factor = _mm512_set1_ps(0.5F);
  for (int64_t i = 0; i < kLinks; ++i) {
#pragma GCC unroll 12
    for (__m512& sum : sums) sum = _mm512_fmadd_ps(sum, factor, factor);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_add_ps(sums[0], sums[c]);
  return _mm512_cvtss_f32(sums[0]);
}

// Products of tiles of bf16, 16 x 16 sums of 32 each, from registers alone: what prompts are read with on
// AMX.
constexpr int kTiles = 4;
constexpr double kTileProduct = 2.0 * 16 * 16 * 32;

__attribute__((target("amx-tile,amx-bf16"))) void multiply_add_amx() {
  struct alignas(64) {
    uint8_t palette = 1;
    uint8_t reserved[15] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
  for (int64_t i = 0; i < kLinks; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
}

void multiply_add_tiles(benchmark::State& state) {
  ThreadPool pool(n_bench_threads());
  for (auto _ : state) pool.run([&](int) { multiply_add_amx(); });
  set_operations(state, kTileProduct * kTiles * static_cast<double>(kLinks) * pool.size());
}

// The most that the processor's units give, with as many threads.
void multiply_add(benchmark::State& state, Isa isa) {
  ThreadPool pool(n_bench_threads());
  for (auto _ : state) {
    pool.run([&](int thread) {
      const auto x = static_cast<float>(thread);
      benchmark::DoNotOptimize(isa == Isa::kAvx2 ? multiply_add_avx2(x) : multiply_add_avx512(x));
    });
  }
  const double lanes = isa == Isa::kAvx2 ? 8 : 16;
  set_operations(state, 2.0 * lanes * kChains * static_cast<double>(kLinks) * pool.size());
}
#endif

// Which side of a layer's product is wanted: out = x w^T, d_x = d_out w or d_w = d_out^T x.
enum class Product { kOutput, kInputDerivative, kWeightDerivative };

void multiply_dense(benchmark::State& state, Isa isa, tensor::GemmPrecision precision, Product product,
                    int64_t m, int64_t n, int64_t k) {
  ThreadPool pool(n_bench_threads());
  const auto gemm = std::move(cpu::make_gemm(isa, pool, precision)).value();
  std::vector<float> a(static_cast<size_t>(m * k), 0.5F);
  std::vector<float> b(static_cast<size_t>(k * n), 0.5F);
  std::vector<float> c(static_cast<size_t>(m * n));
  tensor::GemmArgs<float> args{m, n, k, {a.data(), k, 1}, {b.data(), n, 1}, /*adds=*/false, c.data(), n};
  if (product == Product::kOutput) args.b = {b.data(), 1, k};
  if (product == Product::kWeightDerivative) args.a = {a.data(), 1, m};
  for (auto _ : state) {
    gemm->multiply(args);
    benchmark::DoNotOptimize(c.data());
  }
  set_operations(state, 2.0 * static_cast<double>(m) * static_cast<double>(n * k));
}

// Square, and the products of a model of 10M parameters with 2,048 tokens a step: width 320, feed-forward
// 864, vocabulary 4,096.
void register_dense(Isa isa) {
  struct Case {
    const char* name;
    Product product;
    int64_t m, n, k;
  };
  static constexpr Case kCases[] = {{"square", Product::kOutput, 512, 512, 512},
                                    {"q", Product::kOutput, 2048, 320, 320},
                                    {"up", Product::kOutput, 2048, 864, 320},
                                    {"logits", Product::kOutput, 2048, 4096, 320},
                                    {"d_up", Product::kInputDerivative, 2048, 320, 864},
                                    {"dw_up", Product::kWeightDerivative, 864, 320, 2048},
                                    {"scores", Product::kOutput, 64, 256, 40}};
  for (const Case& c : kCases) {
    // The AMX set's products of floats are the AVX-512 set's.
    const bool is_bf16 = isa == Isa::kAmx;
    benchmark::RegisterBenchmark(
        fmt::format("Gemm/{}/{}/{}x{}x{}", is_bf16 ? "bf16" : isa_name(isa), c.name, c.m, c.n, c.k).c_str(),
        multiply_dense, isa, is_bf16 ? tensor::GemmPrecision::kBf16 : tensor::GemmPrecision::kF32, c.product,
        c.m, c.n, c.k)
        ->UseRealTime();
  }
#if defined(__x86_64__)
  if (isa == Isa::kAvx2 || isa == Isa::kAvx512) {
    benchmark::RegisterBenchmark(fmt::format("MultiplyAdd/{}", isa_name(isa)).c_str(), multiply_add, isa)
        ->UseRealTime();
  }
  if (isa == Isa::kAmx) benchmark::RegisterBenchmark("MultiplyAdd/amx", multiply_add_tiles)->UseRealTime();
#endif
}

void register_all() {
  benchmark::RegisterBenchmark("ReadMemory", read_memory)->Iterations(1);
  for (const Isa isa : kAllIsas) {
    if (isa == Isa::kRef || !check_isa(isa)) continue;
    register_dense(isa);
    for (const tensor::DTypeTraits& type : tensor::all_dtypes()) {
      if (!quant::can_quantize(type.dtype)) continue;
      const size_t stride = *tensor::row_bytes(type.dtype, static_cast<uint64_t>(kWidth));
      const auto add = [&](const std::string& name, int64_t n, int64_t m, tensor::Phase phase) {
        benchmark::RegisterBenchmark(fmt::format("{}/{}/{}", name, isa_name(isa), type.name).c_str(),
                                     multiply, isa, type.dtype, n, m, phase)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      };
      const auto rows_from_memory = static_cast<int64_t>(kDecodeBytes / stride);
      add("Decode", 1, rows_from_memory, tensor::Phase::kDecode);
      for (const int64_t n : {2, 4, 8, 16, 32})
        add(fmt::format("Decode{}", n), n, rows_from_memory, tensor::Phase::kDecode);
      add("Prompt", kPromptRows, kPromptOutputs, tensor::Phase::kPrefill);
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
