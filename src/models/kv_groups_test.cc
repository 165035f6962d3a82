#include "models/kv_groups.h"

#include <gtest/gtest.h>

#include "backends/cpu/cpu_backend.h"

namespace hearth::models {
namespace {

// Gemma 3 4B: five layers with a window of 1024 for each one without, 34 in all.
std::vector<KvLayerShape> gemma3_4b() {
  std::vector<KvLayerShape> layers;
  for (int64_t i = 0; i < 34; ++i) layers.push_back({4, 256, 256, (i + 1) % 6 == 0 ? 0 : 1024});
  return layers;
}

TEST(KvGroups, LayersWithoutWindows_AreOneGroupOfTheWholeContext) {
  const std::vector<KvLayerShape> layers(3, {2, 64, 64});
  const auto groups =
      plan_kv_groups(layers, {.context_tokens = 100, .n_sequences = 3, .max_step_tokens = 512});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].window, 0);
  EXPECT_EQ(groups[0].n_blocks, 3 * 4);
}

TEST(KvGroups, NoLayerWithHeads_StillHasAGroup) {
  const auto groups = plan_kv_groups(std::vector<KvLayerShape>(2), {.context_tokens = 64});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].n_blocks, 2);
}

TEST(KvGroups, Windows_GroupLayersByTheirLength) {
  const std::vector<KvLayerShape> layers{
      {1, 64, 64, 128}, {}, {1, 64, 64}, {1, 64, 64, 512}, {1, 64, 64, 128}};
  const auto groups = plan_kv_groups(layers, {.context_tokens = 100'000});
  ASSERT_EQ(groups.size(), 3U);
  EXPECT_EQ(groups[0].window, 0);
  EXPECT_EQ(groups[1].window, 128);
  EXPECT_EQ(groups[2].window, 512);
  EXPECT_EQ(kv_group_of(layers[0], groups), 1U);
  EXPECT_EQ(kv_group_of(layers[2], groups), 0U);
  EXPECT_EQ(kv_group_of(layers[3], groups), 2U);
}

TEST(KvGroups, WindowAsLongAsTheContext_CountsAsNone) {
  const std::vector<KvLayerShape> layers{{1, 64, 64, 4096}};
  const auto groups = plan_kv_groups(layers, {.context_tokens = 4096});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].window, 0);
  EXPECT_EQ(groups[0].n_blocks, 128);
  EXPECT_EQ(plan_kv_groups(layers, {.context_tokens = 4097})[0].window, 4096);
}

TEST(KvGroups, OnlyWindows_HaveNoGroupWithout) {
  const std::vector<KvLayerShape> layers{{1, 64, 64, 256}};
  const auto groups = plan_kv_groups(layers, {.context_tokens = 10'000});
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].window, 256);
}

// The blocks that n tokens touch, wherever they begin.
int64_t most_blocks(int64_t n_tokens, int64_t block_tokens) {
  int64_t most = 0;
  for (int64_t first = 0; first < block_tokens; ++first) {
    const int64_t last = first + n_tokens - 1;
    most = std::max(most, n_tokens == 0 ? 0 : last / block_tokens + 1);
  }
  return most;
}

TEST(KvGroups, BlocksNeeded_CoverEveryAlignmentAndWasteLittle) {
  for (const int64_t block_tokens : {1, 2, 4, 32}) {
    for (const int64_t window : {1, 2, 3, 5, 31, 32, 33, 100}) {
      for (const int64_t step : {1, 2, 7, 32, 65}) {
        const int64_t exact = most_blocks(window - 1 + step, block_tokens);
        const int64_t needed = kv_blocks_needed(window, {10'000, 1, step, block_tokens});
        EXPECT_GE(needed, exact) << window << " " << step << " " << block_tokens;
        EXPECT_LE(needed, exact + 1) << window << " " << step << " " << block_tokens;
        // Three sequences that share the step in any way.
        for (int64_t a = 0; a <= step; ++a) {
          for (int64_t b = 0; a + b <= step; ++b) {
            const int64_t together = most_blocks(window - 1 + a, block_tokens) +
                                     most_blocks(window - 1 + b, block_tokens) +
                                     most_blocks(window - 1 + step - a - b, block_tokens);
            ASSERT_GE(kv_blocks_needed(window, {10'000, 3, step, block_tokens}), together);
          }
        }
      }
    }
  }
}

TEST(KvGroups, LongContextOfGemma3_TakesAFraction) {
  constexpr uint64_t kTokenBytes = 4 * (256 + 256) * 2;  // of a layer, in F16
  const KvDemand demand{.context_tokens = 131072, .n_sequences = 1, .max_step_tokens = 512};
  // 29 layers: 1023 tokens before a step of 512 in blocks of 32, then what is kept beyond the window.
  const uint64_t windowed_blocks = (1024 - 3 + 2 * 32 + 512) / 32 + 1024 / 32;
  const uint64_t expected = kTokenBytes * (5 * 131072 + 29 * windowed_blocks * 32);
  EXPECT_EQ(kv_cache_bytes(gemma3_4b(), demand), expected);
  const uint64_t whole = kTokenBytes * 34 * 131072;
  EXPECT_LT(kv_cache_bytes(gemma3_4b(), demand) * 6, whole);
  EXPECT_EQ(kv_cache_bytes(gemma3_4b(), {.context_tokens = 1000, .max_step_tokens = 512}),
            kTokenBytes * 34 * 1000)
      << "shorter than its window";
}

TEST(KvGroups, StepBytes_OfAWindowAreNoMoreThanTheWindow) {
  const std::vector<KvLayerShape> layers{{1, 64, 32}, {1, 64, 32, 100}};
  EXPECT_EQ(kv_step_bytes(layers, 50), 2U * 50 * 192);
  EXPECT_EQ(kv_step_bytes(layers, 1000), (1000U + 100) * 192);
}

TEST(KvGroups, LayerThatSharesACache_TakesNoMemoryAndIsReadAgain) {
  std::vector<KvLayerShape> layers{{1, 32, 32}, {1, 32, 32, 100}};
  const KvDemand demand{.context_tokens = 5000};
  const uint64_t bytes = kv_cache_bytes(layers, demand);
  const uint64_t step_bytes = kv_step_bytes(layers, 5000);
  layers.push_back(layers[1]);
  layers.back().shared_with = 1;
  EXPECT_EQ(plan_kv_groups(layers, demand).size(), 2U);
  EXPECT_EQ(kv_cache_bytes(layers, demand), bytes);
  EXPECT_EQ(kv_step_bytes(layers, 5000), step_bytes + 100 * 128);

  const auto backend = std::move(*cpu::make_cpu_backend({Isa::kScalar, 1}));
  const auto cache = KvCache::create(*backend, layers, plan_kv_groups(layers, demand));
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->layer(2).kv.k.data, cache->layer(1).kv.k.data);
  EXPECT_EQ(cache->layer(2).kv_group, cache->layer(1).kv_group);
  EXPECT_NE(cache->layer(1).kv.k.data, cache->layer(0).kv.k.data);
}

}  // namespace
}  // namespace hearth::models
