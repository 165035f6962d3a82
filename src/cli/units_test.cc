#include "cli/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace hearth::cli {
namespace {

TEST(FormatBytes, EachUnit_HasOneDigit) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(4'920'000'000), "4.9 GB");
  EXPECT_EQ(format_bytes(std::numeric_limits<uint64_t>::max()), "18446.7 PB");
}

TEST(FormatBytes, RoundedUpToAThousand_TakesTheNextUnit) {
  EXPECT_EQ(format_bytes(999'949), "999.9 kB");
  EXPECT_EQ(format_bytes(999'950), "1.0 MB");
}

TEST(FormatBinaryBytes, CacheSizes_ReadAsTheirMakersWriteThem) {
  EXPECT_EQ(format_binary_bytes(49152), "48 KiB");
  EXPECT_EQ(format_binary_bytes(2097152), "2 MiB");
  EXPECT_EQ(format_binary_bytes(1310720), "1280 KiB");
}

TEST(FormatCount, EachUnit_HasTwoDigits) {
  EXPECT_EQ(format_count(260), "260");
  EXPECT_EQ(format_count(260'032), "260.03 K");
  EXPECT_EQ(format_count(8'030'261'248), "8.03 B");
}

TEST(FormatSeconds, EachRange_HasItsUnit) {
  EXPECT_EQ(format_seconds(0.0), "0 ms");
  EXPECT_EQ(format_seconds(0.34), "340 ms");
  EXPECT_EQ(format_seconds(0.9996), "1.0 s");
  EXPECT_EQ(format_seconds(1.234), "1.2 s");
  EXPECT_EQ(format_seconds(59.96), "1 min 0 s");
  EXPECT_EQ(format_seconds(125.0), "2 min 5 s");
  EXPECT_EQ(format_seconds(3700.0), "1 h 1 min");
}

TEST(FormatRate, SmallOnes_HaveDigits) {
  EXPECT_EQ(format_rate(12.345), "12.35 tokens/s");
  EXPECT_EQ(format_rate(1234.5), "1234 tokens/s");
}

TEST(GroupDigits, Thousands_AreSeparated) {
  EXPECT_EQ(group_digits(0), "0");
  EXPECT_EQ(group_digits(999), "999");
  EXPECT_EQ(group_digits(1000), "1,000");
  EXPECT_EQ(group_digits(1234567), "1,234,567");
}

}  // namespace
}  // namespace hearth::cli
