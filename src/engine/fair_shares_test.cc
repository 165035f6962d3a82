#include "engine/fair_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace hearth::engine {
namespace {

using Numbers = std::vector<int64_t>;

TEST(FairShares, SmallDemands_AreMet_AndLargeOnesShareTheRest) {
  EXPECT_EQ(fair_shares(Numbers{100, 2, 100}, 12), (Numbers{5, 2, 5}));
  EXPECT_EQ(fair_shares(Numbers{1, 2, 3}, 100), (Numbers{1, 2, 3}));
  EXPECT_EQ(fair_shares(Numbers{4, 0, 4}, 4), (Numbers{2, 0, 2}));
  EXPECT_TRUE(fair_shares(Numbers{}, 5).empty());
}

TEST(FairShares, Remainder_GoesToOneEach) {
  EXPECT_EQ(fair_shares(Numbers{9, 9, 9}, 2), (Numbers{1, 1, 0}));
  EXPECT_EQ(fair_shares(Numbers{9, 9, 9}, 8), (Numbers{3, 3, 2}));
}

TEST(FairShares, RandomDemands_AreSharedMaxMinFair) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    Numbers demands(1 + random() % 8);
    for (int64_t& demand : demands) demand = static_cast<int64_t>(random() % 30);
    const auto room = static_cast<int64_t>(random() % 120);
    const Numbers shares = fair_shares(demands, room);
    const int64_t asked = std::accumulate(demands.begin(), demands.end(), int64_t{0});
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), int64_t{0}), std::min(room, asked));
    const int64_t most = *std::max_element(shares.begin(), shares.end());
    for (size_t i = 0; i < demands.size(); ++i) {
      EXPECT_LE(shares[i], demands[i]);
      EXPECT_GE(shares[i], std::min(demands[i], most - 1));
    }
  }
}

}  // namespace
}  // namespace hearth::engine
