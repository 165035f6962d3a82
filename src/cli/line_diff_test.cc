#include "cli/line_diff.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

using Lines = std::vector<std::string>;

TEST(LineDiff, SmallestChange_IsFound) {
  EXPECT_EQ(line_diff("a\nb\nc\n", "a\nb\nc"), Lines());
  EXPECT_EQ(line_diff("", ""), Lines());
  EXPECT_EQ(line_diff("a\nb\nc", "a\nx\nc"), (Lines{"-b", "+x"}));
  EXPECT_EQ(line_diff("", "a\nb"), (Lines{"+a", "+b"}));
  EXPECT_EQ(line_diff("a\n\nb", ""), (Lines{"-a", "-", "-b"}));
  EXPECT_EQ(line_diff("a\nb\nc\nd\ne", "b\nc\nx\ne\nf"), (Lines{"-a", "-d", "+x", "+f"}));
}

TEST(LineDiff, TextsOfVeryManyLines_AreTakenAsAWhole) {
  std::string before = "same\n";
  std::string after = "same\n";
  for (int i = 0; i < 3000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  const Lines lines = line_diff(before + "end", after + "end");
  ASSERT_EQ(lines.size(), 6000U);
  EXPECT_EQ(lines.front(), "-a0");
  EXPECT_EQ(lines.back(), "+b2999");
}

}  // namespace
}  // namespace hearth::cli
