#include "metrics/read_bandwidth.h"

#include <gtest/gtest.h>

namespace hearth::metrics {
namespace {

TEST(ReadBandwidth, SmallBuffer_IsWithinWhatMachinesReach) {
  const auto bandwidth = measure_read_bandwidth({.n_threads = 2, .buffer_bytes = 1 << 20, .n_repeats = 3});
  ASSERT_TRUE(bandwidth) << bandwidth.error().message();
  EXPECT_GT(*bandwidth, 1e6);
  EXPECT_LT(*bandwidth, 1e13);
}

TEST(ReadBandwidth, BufferThatIsNoWholeNumberOfLines_IsMeasured) {
  EXPECT_TRUE(measure_read_bandwidth({.n_threads = 3, .buffer_bytes = 1000, .n_repeats = 1}));
}

TEST(ReadBandwidth, WrongOptions_AreRefused) {
  EXPECT_FALSE(measure_read_bandwidth({.n_threads = 0, .buffer_bytes = 4096}));
  EXPECT_FALSE(measure_read_bandwidth({.n_threads = 1, .buffer_bytes = 63}));
  EXPECT_FALSE(measure_read_bandwidth({.n_threads = 1, .buffer_bytes = 4096, .n_repeats = 0}));
}

TEST(ReadBandwidth, BufferBeyondTheAddressSpace_SaysSo) {
  const auto bandwidth = measure_read_bandwidth({.n_threads = 1, .buffer_bytes = uint64_t{1} << 60});
  ASSERT_FALSE(bandwidth);
  EXPECT_EQ(bandwidth.error().code(), ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace hearth::metrics
