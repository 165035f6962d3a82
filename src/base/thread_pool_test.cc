#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <numeric>

namespace hearth {
namespace {

TEST(ThreadPool, Run_ManyRegions_EveryThreadTakesPartInEach) {
  for (const int n_threads : {1, 2, 3, 8}) {
    ThreadPool pool(n_threads);
    std::vector<int64_t> counts(static_cast<size_t>(n_threads));
    for (int region = 0; region < 2000; ++region) {
      pool.run([&](int thread) { counts[static_cast<size_t>(thread)] += region; });
      // Invariant 1: plain reads of what the workers wrote, right after run().
      ASSERT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}),
                int64_t{n_threads} * region * (region + 1) / 2);
    }
  }
}

TEST(ThreadPool, Idle_AfterARegion_UsesNoProcessor) {
  ThreadPool pool(4);
  pool.run([](int) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double used_s = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  EXPECT_LT(used_s, 0.05);
}

TEST(SplitRange, AnyShape_CoversEveryItemOnce) {
  for (const int64_t n : {0, 1, 7, 64, 1000}) {
    for (const int64_t grain : {1, 4, 16, 100}) {
      for (const int n_threads : {1, 2, 3, 7}) {
        int64_t next = 0;
        for (int thread = 0; thread < n_threads; ++thread) {
          const Range range = split_range(n, grain, thread, n_threads);
          EXPECT_EQ(range.begin, next);
          EXPECT_TRUE(range.begin % grain == 0 || range.begin == n);
          next = range.end;
        }
        EXPECT_EQ(next, n);
      }
    }
  }
}

}  // namespace
}  // namespace hearth
