#include "server/transfers/rate.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

using std::chrono::milliseconds;

TEST(TransferRate, IsThatOfTheLastSeconds) {
  TransferRate rate;
  const TransferRate::TimePoint begin{};
  EXPECT_EQ(rate.bytes_per_s(), 0.0);
  rate.add(begin, 0);
  EXPECT_EQ(rate.bytes_per_s(), 0.0);
  rate.add(begin, 10);
  EXPECT_EQ(rate.bytes_per_s(), 0.0) << "in no time";
  for (int i = 1; i <= 100; ++i) rate.add(begin + milliseconds(100 * i), static_cast<uint64_t>(i) * 100);
  EXPECT_DOUBLE_EQ(rate.bytes_per_s(), 1000.0);
  // Twice as fast: known once the slow seconds are over.
  for (int i = 1; i <= 60; ++i)
    rate.add(begin + milliseconds(10'000 + 100 * i), 10'000 + static_cast<uint64_t>(i) * 200);
  EXPECT_DOUBLE_EQ(rate.bytes_per_s(), 2000.0);
}

TEST(TransferRate, FromTheBeginningAgain_IsNotKnown) {
  TransferRate rate;
  const TransferRate::TimePoint begin{};
  rate.add(begin, 500);
  rate.add(begin + milliseconds(100), 100);
  EXPECT_EQ(rate.bytes_per_s(), 0.0);
}

}  // namespace
}  // namespace hearth::server
