#include <algorithm>
#include <numeric>
#include <string>

#include "tests/ops/op_test.h"

namespace hearth::ops_test {
namespace {

using tensor::PagedKv;
using tensor::Phase;
using tensor::SequenceRows;

struct Heads {
  int64_t n_heads;
  int64_t n_kv_heads;
  int64_t head_dim;
  int64_t v_head_dim;
};

constexpr int64_t kBlockTokens = 16;
constexpr int64_t kBlocks = 160;

// A cache whose free slots hold NaN: reading one shows.
struct Cache {
  explicit Cache(const Heads& heads, DType k_type = DType::kF16, DType v_type = DType::kF16)
      : k(make_tensor(k_type, {kBlocks, heads.n_kv_heads, kBlockTokens, heads.head_dim})),
        v(make_tensor(v_type, {kBlocks, heads.n_kv_heads, kBlockTokens, heads.v_head_dim})) {
    std::ranges::fill(k.memory, std::byte{0x7F});
    std::ranges::fill(v.memory, std::byte{0x7F});
  }
  PagedKv paged() const { return {k.tensor, v.tensor}; }

  void forget(int32_t block) {
    for (Owned* owned : {&k, &v}) {
      const size_t size = owned->memory.size() / kBlocks;
      std::fill_n(owned->memory.begin() + static_cast<std::ptrdiff_t>(size) * block, size, std::byte{0x7F});
    }
  }

  Owned k;
  Owned v;
};

// Blocks of the pool in shuffled order, dealt to sequences.
class BlockDealer {
 public:
  BlockDealer() : blocks_(kBlocks) {
    std::iota(blocks_.begin(), blocks_.end(), 0);
    std::shuffle(blocks_.begin(), blocks_.end(), std::mt19937(4));
  }
  std::vector<int32_t> deal(int64_t n_tokens) {
    const auto n = static_cast<size_t>((n_tokens + kBlockTokens - 1) / kBlockTokens);
    std::vector<int32_t> table(blocks_.end() - static_cast<std::ptrdiff_t>(n), blocks_.end());
    blocks_.resize(blocks_.size() - n);
    return table;
  }

 private:
  std::vector<int32_t> blocks_;
};

// One sequence of `n_tokens` random keys and values, stored by `backend` in steps of `step` tokens.
struct Story {
  Story(const Heads& heads, int64_t n_tokens, uint64_t seed)
      : k(random_tensor(DType::kF32, {n_tokens, heads.n_kv_heads, heads.head_dim}, seed)),
        v(random_tensor(DType::kF32, {n_tokens, heads.n_kv_heads, heads.v_head_dim}, seed + 1)),
        q(random_tensor(DType::kF32, {n_tokens, heads.n_heads, heads.head_dim}, seed + 2, 2.0F)) {}
  Owned k;
  Owned v;
  Owned q;
};

void store_all(tensor::Backend& backend, const Story& story, const PagedKv& cache,
               const std::vector<int32_t>& table) {
  const SequenceRows rows{0, story.k.tensor.shape[0], 0, table};
  backend.store_kv(story.k.tensor, story.v.tensor, cache, {&rows, 1});
}

constexpr tensor::AttentionArgs kUsualArgs{0.125F};

std::vector<float> attend_mixed(tensor::Backend& backend, const Tensor& q, const PagedKv& cache,
                                const std::vector<SequenceRows>& sequences,
                                const tensor::AttentionArgs& args = kUsualArgs) {
  Owned out = make_tensor(DType::kF32, {q.shape[0], q.shape[1], cache.v.shape[3]});
  backend.attention(q, cache, sequences, args, out.tensor);
  backend.synchronize();
  return out.floats();
}

struct SetAndPhase {
  Isa isa;
  Phase phase;
};

// Every kernel set, reading prompts and generating.
class Attention : public ::testing::TestWithParam<SetAndPhase> {
 protected:
  void SetUp() override {
    if (auto available = check_isa(isa()); !available) GTEST_SKIP() << available.error().message();
    backend = make_backend(isa());
  }

  static Isa isa() { return GetParam().isa; }

  // All sequences in the test's phase.
  static std::vector<float> attend(tensor::Backend& on, const Tensor& q, const PagedKv& cache,
                                   std::vector<SequenceRows> sequences,
                                   const tensor::AttentionArgs& args = kUsualArgs) {
    for (SequenceRows& rows : sequences) rows.phase = GetParam().phase;
    tensor::AttentionArgs coarse = args;
    coarse.weights = DType::kQ4_K;
    return attend_mixed(on, q, cache, sequences, coarse);
  }

  static bool is_in_bf16() { return isa() == Isa::kAmx && GetParam().phase == Phase::kPrefill; }
  // Weights and values are off by half a unit of the eighth bit at most, 2.8e-6 of their power each.
  static double tolerance() { return is_in_bf16() ? 1e-5 : kFloatNmse; }

  std::unique_ptr<tensor::Backend> backend;
  std::unique_ptr<tensor::Backend> ref = make_backend(Isa::kRef);
};

// Of the phases of a set, those that differ.
std::vector<SetAndPhase> sets_and_phases() {
  std::vector<SetAndPhase> all;
  for (const Isa isa : kSets) {
    all.push_back({isa, Phase::kDecode});
    if (isa == Isa::kAmx) all.push_back({isa, Phase::kPrefill});
  }
  return all;
}

std::string set_and_phase_name(const ::testing::TestParamInfo<SetAndPhase>& info) {
  return std::string(isa_name(info.param.isa)) + (info.param.phase == Phase::kPrefill ? "_prefill" : "");
}

INSTANTIATE_TEST_SUITE_P(Cpu, Attention, ::testing::ValuesIn(sets_and_phases()), set_and_phase_name);

Tensor rows_of(const Tensor& x, int64_t first, int64_t count) {
  return {x.dtype, {count, x.shape[1], x.shape[2]}, x.f32() + first * x.shape[1] * x.shape[2]};
}

void store(tensor::Backend& backend, const Story& story, int64_t first, int64_t n_rows, const PagedKv& cache,
           const std::vector<int32_t>& table) {
  const SequenceRows rows{0, n_rows, first, table};
  backend.store_kv(rows_of(story.k.tensor, first, n_rows), rows_of(story.v.tensor, first, n_rows), cache,
                   {&rows, 1});
}

constexpr Heads kAllHeads[] = {
    {4, 4, 64, 64}, {4, 2, 128, 128}, {6, 1, 20, 12}, {3, 3, 7, 33}, {40, 1, 16, 16}};
// Where a processor is emulated: with vectors of four, several, one and a part of one.
constexpr Heads kSmallHeads[] = {{6, 1, 20, 12}, {3, 3, 7, 33}, {5, 1, 16, 16}};
constexpr std::span<const Heads> kHeads =
    testing::kEmulated ? std::span<const Heads>(kSmallHeads) : std::span<const Heads>(kAllHeads);

TEST_P(Attention, PagedSequences_AgreeWithTheOracle) {
  for (const Heads& heads : kHeads) {
    Cache cache(heads);
    Cache oracle_cache(heads);
    BlockDealer dealer;
    for (const int64_t n_tokens : {1, 2, 31, 33, 100, 600}) {
      const Story story(heads, n_tokens, static_cast<uint32_t>(n_tokens));
      const std::vector<int32_t> table = dealer.deal(n_tokens);
      store_all(*backend, story, cache.paged(), table);
      store_all(*ref, story, oracle_cache.paged(), table);
      const int64_t first = std::max<int64_t>(0, n_tokens - 40);
      const std::vector<SequenceRows> rows{{0, n_tokens - first, first, table}};
      const Tensor q = rows_of(story.q.tensor, first, n_tokens - first);
      EXPECT_LE(nmse(attend(*backend, q, cache.paged(), rows), attend(*ref, q, oracle_cache.paged(), rows)),
                tolerance())
          << n_tokens << " tokens, head_dim " << heads.head_dim;
    }
    EXPECT_EQ(cache.k.memory, oracle_cache.k.memory);
    EXPECT_EQ(cache.v.memory, oracle_cache.v.memory);
  }
}

TEST_P(Attention, Row_WhateverStepAndThreads_HasTheSameBits) {
  for (const Heads& heads : kHeads) {
    Cache cache(heads);
    BlockDealer dealer;
    const int64_t lengths[] = {620, 45, 7};
    std::vector<Story> stories;
    std::vector<std::vector<int32_t>> tables;
    for (const int64_t length : lengths) {
      stories.emplace_back(heads, length, static_cast<uint64_t>(length));
      tables.push_back(dealer.deal(length));
      store_all(*backend, stories.back(), cache.paged(), tables.back());
    }
    const size_t row_size = static_cast<size_t>(heads.n_heads * heads.v_head_dim);
    std::vector<std::vector<float>> whole;
    for (size_t s = 0; s < stories.size(); ++s) {
      whole.push_back(attend(*backend, stories[s].q.tensor, cache.paged(), {{0, lengths[s], 0, tables[s]}}));
    }
    for (const int n_threads : {1, 2, 3}) {
      const auto other = make_backend(isa(), n_threads);
      for (const int64_t position : {0L, 1L, 31L, 32L, 511L, 512L, 600L, 619L}) {  // decoding
        const std::vector<float> one = attend(*other, rows_of(stories[0].q.tensor, position, 1),
                                              cache.paged(), {{0, 1, position, tables[0]}});
        EXPECT_TRUE(
            std::equal(one.begin(), one.end(), whole[0].begin() + position * static_cast<int64_t>(row_size)))
            << position << ", threads " << n_threads;
      }
      // A step of all three: a slice of a prompt, and two that decode.
      Owned q = make_tensor(DType::kF32, {52, heads.n_heads, heads.head_dim});
      const auto copy = [&](size_t s, int64_t first, int64_t count, int64_t to) {
        const Tensor from = rows_of(stories[s].q.tensor, first, count);
        std::copy_n(from.f32(), from.shape.n_elements(), rows_of(q.tensor, to, count).f32());
      };
      copy(1, 44, 1, 0);
      copy(0, 490, 50, 1);
      copy(2, 6, 1, 51);
      const std::vector<float> mixed =
          attend(*other, q.tensor, cache.paged(),
                 {{0, 1, 44, tables[1]}, {1, 50, 490, tables[0]}, {51, 1, 6, tables[2]}});
      const auto at = [&](size_t row) { return mixed.begin() + static_cast<std::ptrdiff_t>(row * row_size); };
      EXPECT_TRUE(std::equal(at(0), at(1), whole[1].begin() + static_cast<std::ptrdiff_t>(44 * row_size)));
      EXPECT_TRUE(std::equal(at(1), at(51), whole[0].begin() + static_cast<std::ptrdiff_t>(490 * row_size)));
      EXPECT_TRUE(
          std::equal(at(51), mixed.end(), whole[2].begin() + static_cast<std::ptrdiff_t>(6 * row_size)));
    }
  }
}

constexpr DType kCacheTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0};

TEST_P(Attention, EveryPairOfCacheTypes_AgreesWithTheOracle) {
  for (const DType k_type : kCacheTypes) {
    for (const DType v_type : kCacheTypes) {
      for (const Heads& heads : {Heads{4, 2, 64, 64}, Heads{3, 1, 96, 32}}) {
        Cache cache(heads, k_type, v_type);
        Cache oracle_cache(heads, k_type, v_type);
        BlockDealer dealer;
        const Story story(heads, 75, 21);
        const std::vector<int32_t> table = dealer.deal(75);
        store_all(*backend, story, cache.paged(), table);
        store_all(*ref, story, oracle_cache.paged(), table);
        EXPECT_EQ(cache.k.memory, oracle_cache.k.memory);
        EXPECT_EQ(cache.v.memory, oracle_cache.v.memory);
        const std::vector<SequenceRows> rows{{0, 75, 0, table}};
        const std::vector<float> found = attend(*backend, story.q.tensor, cache.paged(), rows);
        EXPECT_LE(nmse(found, attend(*ref, story.q.tensor, oracle_cache.paged(), rows)), tolerance())
            << tensor::dtype_name(k_type) << " keys, " << tensor::dtype_name(v_type) << " values";
        // One row alone, on more threads.
        const std::vector<float> last = attend(*make_backend(isa(), 2), rows_of(story.q.tensor, 74, 1),
                                               cache.paged(), {{0, 1, 74, table}});
        EXPECT_TRUE(std::equal(last.rbegin(), last.rend(), found.rbegin()));
      }
    }
  }
}

TEST_P(Attention, CacheOfFewerBits_StaysNearTheExactAnswer) {
  const Heads heads{2, 1, 64, 64};
  const Story story(heads, 60, 22);
  const auto answer = [&](DType type) {
    Cache cache(heads, type, type);
    const std::vector<int32_t> table = BlockDealer().deal(60);
    store_all(*backend, story, cache.paged(), table);
    return attend(*backend, story.q.tensor, cache.paged(), {{0, 60, 0, table}});
  };
  const std::vector<float> f16 = answer(DType::kF16);
  EXPECT_LE(nmse(answer(DType::kBF16), f16), 1e-4);
  EXPECT_LE(nmse(answer(DType::kQ8_0), f16), 5e-4);
  EXPECT_LE(nmse(answer(DType::kQ4_0), f16), 5e-2);
  EXPECT_GT(nmse(answer(DType::kQ4_0), f16), 1e-4) << "suspiciously exact for four bits";
}

// Values that are the beginnings of their keys answer as the same values with memory of their own.
TEST_P(Attention, ValuesInKeys_AnswerAsAValueCacheOfTheSame) {
  const Heads heads{8, 1, 96, 64};
  const int64_t n_tokens = testing::kEmulated ? 150 : 600;
  Story story(heads, n_tokens, 31);
  for (int64_t t = 0; t < n_tokens; ++t)
    std::copy_n(story.k.tensor.f32() + t * heads.head_dim, heads.v_head_dim,
                story.v.tensor.f32() + t * heads.v_head_dim);
  for (const DType type : kCacheTypes) {
    Cache apart(heads, type, type);
    Cache together(heads, type, type);
    const PagedKv in_keys{together.k.tensor, {type, together.v.tensor.shape, nullptr}};
    ASSERT_TRUE(in_keys.values_in_keys());
    const std::vector<int32_t> table = BlockDealer().deal(n_tokens);
    store_all(*backend, story, apart.paged(), table);
    const SequenceRows all{0, n_tokens, 0, table};
    backend->store_kv(story.k.tensor, {}, in_keys, {&all, 1});
    EXPECT_EQ(apart.k.memory, together.k.memory);
    const std::vector<SequenceRows> rows{{0, 40, n_tokens - 40, table}};
    const Tensor q = rows_of(story.q.tensor, n_tokens - 40, 40);
    const std::vector<float> found = attend(*backend, q, in_keys, rows);
    EXPECT_EQ(found, attend(*backend, q, apart.paged(), rows)) << tensor::dtype_name(type);
    EXPECT_LE(nmse(found, attend(*ref, q, in_keys, rows)), tolerance()) << tensor::dtype_name(type);
    const std::vector<float> last =
        attend(*make_backend(isa(), 2), rows_of(q, 39, 1), in_keys, {{0, 1, n_tokens - 1, table}});
    EXPECT_TRUE(std::equal(last.rbegin(), last.rend(), found.rbegin()));
  }
}

// Rows of every place relative to the window's edge, in one step and alone.
TEST_P(Attention, WindowsCapsAndSinks_AgreeWithTheOracleAndAreRowIndependent) {
  for (const Heads& heads : kHeads) {
    const int64_t n_tokens = 1100;
    Cache cache(heads);
    BlockDealer dealer;
    const Story story(heads, n_tokens, 21);
    const std::vector<int32_t> table = dealer.deal(n_tokens);
    store_all(*backend, story, cache.paged(), table);
    const Owned sinks = random_tensor(DType::kF32, {heads.n_heads}, 22, 3.0F);
    for (const tensor::AttentionArgs& args :
         {tensor::AttentionArgs{0.125F, 0.0F, 1}, tensor::AttentionArgs{0.125F, 0.0F, 16},
          tensor::AttentionArgs{0.125F, 0.0F, 600}, tensor::AttentionArgs{0.125F, 2.0F},
          tensor::AttentionArgs{0.125F, 0.0F, 0, sinks.tensor},
          tensor::AttentionArgs{0.125F, 5.0F, 40, sinks.tensor}}) {
      const int64_t first = n_tokens - 24;
      const std::vector<SequenceRows> rows{{0, 24, first, table}};
      const Tensor q = rows_of(story.q.tensor, first, 24);
      const std::vector<float> found = attend(*backend, q, cache.paged(), rows, args);
      EXPECT_LE(nmse(found, attend(*ref, q, cache.paged(), rows, args)), tolerance())
          << "window " << args.window << " cap " << args.soft_cap << " head_dim " << heads.head_dim;
      const auto other = make_backend(isa(), 3);
      for (const int64_t row : {0L, 17L, 23L}) {
        const std::vector<float> alone = attend(*other, rows_of(story.q.tensor, first + row, 1),
                                                cache.paged(), {{0, 1, first + row, table}}, args);
        EXPECT_TRUE(
            std::equal(alone.begin(), alone.end(), found.begin() + row * heads.n_heads * heads.v_head_dim));
      }
    }
  }
}

// Of blocks that the window has passed, neither the table nor the memory is looked at.
TEST_P(Attention, BlocksBeforeTheWindow_MayBeGone) {
  for (const Heads& heads : kHeads) {
    const int64_t n_tokens = 1100;
    Cache cache(heads);
    BlockDealer dealer;
    const Story story(heads, n_tokens, 24);
    const std::vector<int32_t> table = dealer.deal(n_tokens);
    store_all(*backend, story, cache.paged(), table);
    for (const int64_t window : {1, 15, 16, 17, 33, 100, 600}) {
      const tensor::AttentionArgs args{0.125F, 0.0F, window};
      for (const int64_t n_rows : {1, 2, 45}) {
        const int64_t first = n_tokens - n_rows - 7;
        const Tensor q = rows_of(story.q.tensor, first, n_rows);
        const std::vector<float> whole =
            attend(*backend, q, cache.paged(), {{0, n_rows, first, table}}, args);
        std::vector<int32_t> rest = table;
        Cache emptied = cache;
        emptied.k.tensor.data = emptied.k.memory.data();
        emptied.v.tensor.data = emptied.v.memory.data();
        for (int64_t i = 0; i < (first + 1 - window) / kBlockTokens; ++i) {
          emptied.forget(rest[static_cast<size_t>(i)]);
          rest[static_cast<size_t>(i)] = tensor::kNoBlock;
        }
        const std::vector<SequenceRows> rows{{0, n_rows, first, rest}};
        EXPECT_EQ(attend(*backend, q, emptied.paged(), rows, args), whole) << window << ", " << n_rows;
        EXPECT_EQ(attend(*ref, q, emptied.paged(), rows, args),
                  attend(*ref, q, cache.paged(), {{0, n_rows, first, table}}, args));
        // The step's own keys and values are stored beside such a table.
        store(*backend, story, first, n_rows, emptied.paged(), rest);
        EXPECT_EQ(attend(*backend, q, emptied.paged(), rows, args), whole);
      }
    }
  }
}

// In both directions, each row sees what the last row of its sequence sees, whatever stands beside it.
TEST_P(Attention, NotCausal_EveryRowSeesTheWholeSequence) {
  for (const Heads& heads : kHeads) {
    Cache cache(heads, DType::kF32, DType::kF32);
    BlockDealer dealer;
    tensor::AttentionArgs args{0.125F};
    args.causal = false;
    const int64_t lengths[] = {1, 77, 280};
    std::vector<Story> stories;
    std::vector<std::vector<int32_t>> tables;
    std::vector<SequenceRows> rows;
    Owned q = make_tensor(DType::kF32, {358, heads.n_heads, heads.head_dim});
    int64_t n_rows = 0;
    for (const int64_t length : lengths) {
      stories.emplace_back(heads, length, static_cast<uint64_t>(length));
      tables.push_back(dealer.deal(length));
      store_all(*backend, stories.back(), cache.paged(), tables.back());
      const Tensor& from = stories.back().q.tensor;
      std::copy_n(from.f32(), from.shape.n_elements(), rows_of(q.tensor, n_rows, length).f32());
      n_rows += length;
    }
    n_rows = 0;
    for (size_t s = 0; s < tables.size(); ++s) {
      rows.push_back({n_rows, lengths[s], 0, tables[s]});
      n_rows += lengths[s];
    }
    const std::vector<float> together = attend(*backend, q.tensor, cache.paged(), rows, args);
    EXPECT_LE(nmse(together, attend(*ref, q.tensor, cache.paged(), rows, args)), tolerance());
    const auto other = make_backend(isa(), 3);
    const auto row_size = heads.n_heads * heads.v_head_dim;
    for (size_t s = 0; s < tables.size(); ++s) {
      const std::vector<float> alone =
          attend(*other, stories[s].q.tensor, cache.paged(), {{0, lengths[s], 0, tables[s]}}, args);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + rows[s].first_row * row_size));
      for (int64_t row = 0; row < lengths[s]; row += 31) {
        const std::vector<float> last = attend(*backend, rows_of(stories[s].q.tensor, row, 1), cache.paged(),
                                               {{0, 1, lengths[s] - 1, tables[s]}});
        EXPECT_TRUE(std::equal(last.begin(), last.end(), alone.begin() + row * row_size)) << row;
      }
    }
  }
}

TEST_P(Attention, WindowOfOne_ReturnsTheTokensOwnValue) {
  const Heads heads{2, 1, 16, 16};
  Cache cache(heads);
  BlockDealer dealer;
  const Story story(heads, 40, 23);
  const std::vector<int32_t> table = dealer.deal(40);
  store_all(*backend, story, cache.paged(), table);
  const std::vector<float> out =
      attend(*backend, story.q.tensor, cache.paged(), {{0, 40, 0, table}}, {0.125F, 0.0F, 1});
  const float rounding = is_in_bf16() ? 1e-2F : 2e-3F;  // of values up to 4
  for (size_t row = 0; row < 40; ++row) {
    for (size_t i = 0; i < 16; ++i)
      EXPECT_NEAR(out[row * 32 + i], story.v.tensor.f32()[row * 16 + i], rounding);
  }
}

TEST_P(Attention, HugeScores_PickOnePositionWithoutOverflow) {
  const Heads heads{2, 1, 16, 16};
  Cache cache(heads);
  BlockDealer dealer;
  Story story(heads, 600, 1);
  for (int64_t i = 0; i < 16; ++i) story.k.tensor.f32()[3 * 16 + i] = 100.0F;
  for (int64_t i = 0; i < story.q.tensor.shape.n_elements(); ++i) story.q.tensor.f32()[i] = 1000.0F;
  const std::vector<int32_t> table = dealer.deal(600);
  store_all(*backend, story, cache.paged(), table);
  const std::vector<float> out =
      attend(*backend, rows_of(story.q.tensor, 599, 1), cache.paged(), {{0, 1, 599, table}});
  for (size_t i = 0; i < 16; ++i) EXPECT_NEAR(out[i], story.v.tensor.f32()[3 * 16 + i], 1e-2);
}

// A step of both phases gives each sequence what it has alone, in its own phase.
TEST_P(Attention, SequencesOfBothPhases_AreAsAlone) {
  const Heads heads{4, 2, 64, 64};
  Cache cache(heads);
  BlockDealer dealer;
  const int64_t lengths[] = {300, 70, 129};
  const Phase other = GetParam().phase == Phase::kPrefill ? Phase::kDecode : Phase::kPrefill;
  const Phase phases[] = {GetParam().phase, other, GetParam().phase};
  Owned q = make_tensor(DType::kF32, {499, heads.n_heads, heads.head_dim});
  std::vector<std::vector<int32_t>> tables;
  std::vector<SequenceRows> rows;
  int64_t n_rows = 0;
  for (size_t s = 0; s < 3; ++s) {
    const Story story(heads, lengths[s], s);
    tables.push_back(dealer.deal(lengths[s]));
    store_all(*backend, story, cache.paged(), tables.back());
    std::copy_n(story.q.tensor.f32(), story.q.tensor.shape.n_elements(),
                rows_of(q.tensor, n_rows, lengths[s]).f32());
    n_rows += lengths[s];
  }
  n_rows = 0;
  for (size_t s = 0; s < 3; ++s) {
    rows.push_back({n_rows, lengths[s], 0, tables[s], 0, phases[s]});
    n_rows += lengths[s];
  }
  const std::vector<float> together = attend_mixed(*make_backend(isa(), 2), q.tensor, cache.paged(), rows);
  for (const SequenceRows& sequence : rows) {
    SequenceRows alone = sequence;
    alone.first_row = 0;
    const std::vector<float> found = attend_mixed(
        *backend, rows_of(q.tensor, sequence.first_row, sequence.n_tokens), cache.paged(), {alone});
    EXPECT_TRUE(std::equal(found.begin(), found.end(),
                           together.begin() + sequence.first_row * heads.n_heads * heads.v_head_dim));
  }
}

}  // namespace
}  // namespace hearth::ops_test
