// Products of dense matrices against sums in double precision.
#include "backends/cpu/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tests/support/sanitized.h"
#include "tests/support/tested_isas.h"

namespace hearth::cpu {
namespace {

using tensor::GemmArgs;
using tensor::GemmPrecision;
using tensor::MatrixView;

std::vector<float> normal_floats(std::mt19937& random, int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

// The kernel sets of this machine that have dense products.
std::vector<Isa> gemm_isas() {
  std::vector<Isa> isas = testing::tested_isas();
  std::erase(isas, Isa::kRef);
  return isas;
}

constexpr double kRounding = 0x1p-24;  // of a float, relative
constexpr double kLambda = 3.0;        // deviations that are allowed

struct DenseProduct {
  int64_t m, n, k;
  int64_t c_stride;
  bool a_transposed, b_transposed, adds;
  std::vector<float> a, b, c;

  DenseProduct(std::mt19937& random, int64_t rows, int64_t columns, int64_t depth)
      : m(rows),
        n(columns),
        k(depth),
        c_stride(n + static_cast<int64_t>(random() % 3)),
        a_transposed(random() % 2 == 0),
        b_transposed(random() % 2 == 0),
        adds(random() % 2 == 0),
        a(normal_floats(random, m * k)),
        b(normal_floats(random, k * n)),
        c(normal_floats(random, m * c_stride)) {}

  MatrixView<float> view_a() const {
    const MatrixView<float> stored{a.data(), a_transposed ? m : k, 1};
    return a_transposed ? stored.transposed() : stored;
  }
  MatrixView<float> view_b() const {
    const MatrixView<float> stored{b.data(), b_transposed ? k : n, 1};
    return b_transposed ? stored.transposed() : stored;
  }
  GemmArgs<float> args(float* out) const { return {m, n, k, view_a(), view_b(), adds, out, c_stride}; }

  std::vector<float> computed(Isa isa, int n_threads, GemmPrecision precision = GemmPrecision::kF32) const {
    ThreadPool pool(n_threads);
    const auto gemm = std::move(make_gemm(isa, pool, precision)).value();
    std::vector<float> out = c;
    gemm->multiply(args(out.data()));
    return out;
  }
  // Elements between the rows of c are as they were.
  void expect_close(const std::vector<float>& out) const {
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < c_stride; ++j) {
        double sum = adds || j >= n ? c[static_cast<size_t>(i * c_stride + j)] : 0;
        double magnitude = std::abs(sum);
        for (int64_t p = 0; j < n && p < k; ++p) {
          const double product = double{*view_a().from(i, p).data} * *view_b().from(p, j).data;
          sum += product;
          magnitude += std::abs(product);
        }
        // What as many roundings of partial sums add up to where they are independent (Higham and Mary, SIAM
        // J. Sci. Comput. 41(5), 2019, theorem 2.4).
        const double tolerance =
            j < n ? kLambda * kRounding * std::sqrt(static_cast<double>(k + 1)) * magnitude : 0;
        ASSERT_NEAR(out[static_cast<size_t>(i * c_stride + j)], sum, tolerance)
            << m << " x " << n << " x " << k << " at " << i << ", " << j;
      }
    }
  }
};

TEST(Gemm, AnyShape_IsTheProduct) {
  std::mt19937 random(1);
  const auto size = [&](int64_t most) {
    return static_cast<int64_t>(1 + random() % static_cast<uint64_t>(most));
  };
  for (const Isa isa : gemm_isas()) {
    for (int i = 0; i < (testing::kSlow ? 6 : 30); ++i) {
      const DenseProduct product(random, size(130), size(300), size(i % 3 == 0 ? 600 : 40));
      product.expect_close(product.computed(isa, 1));
    }
  }
}

TEST(Gemm, NoDepth_IsZerosOrNothing) {
  std::mt19937 random(2);
  for (const bool adds : {false, true}) {
    DenseProduct product(random, 3, 5, 0);
    product.adds = adds;
    product.expect_close(product.computed(Isa::kScalar, 2));
  }
}

TEST(Gemm, Threads_ChangeNoBit) {
  std::mt19937 random(3);
  for (const Isa isa : gemm_isas()) {
    for (const auto& [m, n] : {std::pair<int64_t, int64_t>(97, 33), {31, 290}, {1, 1}}) {
      const DenseProduct product(random, m, n, 300);
      const auto alone = product.computed(isa, 1);
      for (const int n_threads : {2, 3, 5}) EXPECT_EQ(product.computed(isa, n_threads), alone);
    }
  }
}

TEST(Gemm, OneOfEachThread_IsTheProduct) {
  std::mt19937 random(4);
  const DenseProduct product(random, 20, 30, 40);
  ThreadPool pool(3);
  const auto gemm = std::move(make_gemm(Isa::kScalar, pool)).value();
  std::vector<std::vector<float>> outs(3, product.c);
  pool.run(
      [&](int thread) { gemm->multiply_on(thread, product.args(outs[static_cast<size_t>(thread)].data())); });
  for (const auto& out : outs) product.expect_close(out);
}

// To the nearest bf16, ties to even.
float rounded_to_bf16(float x) {
  uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof(bits));
  bits += 0x7FFFU + (bits >> 16U & 1U);
  bits &= 0xFFFF0000U;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

// Of factors that are rounded before they are multiplied, the product is as exact as in floats.
class Bf16Gemm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!make_gemm(Isa::kAmx, pool_, GemmPrecision::kBf16)) GTEST_SKIP() << "this machine has no AMX";
  }
  static void round_factors(DenseProduct& product) {
    for (std::vector<float>* factor : {&product.a, &product.b})
      std::ranges::transform(*factor, factor->begin(), rounded_to_bf16);
  }
  ThreadPool pool_{1};
};

TEST_F(Bf16Gemm, AnyShape_IsTheProductOfTheRoundedFactors) {
  std::mt19937 random(5);
  const auto size = [&](int64_t most) {
    return static_cast<int64_t>(1 + random() % static_cast<uint64_t>(most));
  };
  for (int i = 0; i < (testing::kSlow ? 6 : 40); ++i) {
    DenseProduct product(random, size(130), size(600), size(i % 3 == 0 ? 1200 : 70));
    const std::vector<float> computed = product.computed(Isa::kAmx, 1, GemmPrecision::kBf16);
    round_factors(product);
    product.expect_close(computed);
  }
}

TEST_F(Bf16Gemm, Threads_ChangeNoBit) {
  std::mt19937 random(6);
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>(97, 33), {31, 290}, {1, 1}}) {
    const DenseProduct product(random, m, n, 700);
    const auto alone = product.computed(Isa::kAmx, 1, GemmPrecision::kBf16);
    for (const int n_threads : {2, 3, 5})
      EXPECT_EQ(product.computed(Isa::kAmx, n_threads, GemmPrecision::kBf16), alone);
  }
}

TEST(Gemm, SetWithoutThem_IsUnsupported) {
  ThreadPool pool(1);
  const auto gemm = make_gemm(Isa::kRef, pool);
  ASSERT_FALSE(gemm);
  EXPECT_EQ(gemm.error().code(), ErrorCode::kUnsupported);
  const auto in_bf16 = make_gemm(Isa::kScalar, pool, GemmPrecision::kBf16);
  ASSERT_FALSE(in_bf16);
  EXPECT_EQ(in_bf16.error().code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace hearth::cpu
