#include "base/result.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

Result<int> halve(int n) {
  if (n % 2 != 0) return make_error(ErrorCode::kInvalidArgument, "expected an even number, found {}", n);
  return n / 2;
}

Result<int> quarter(int n) {
  HEARTH_ASSIGN(const int half, halve(n));
  HEARTH_ASSIGN(const int result, halve(half));
  return result;
}

Result<void> only_even(int n) {
  HEARTH_TRY(halve(n));
  return {};
}

TEST(Result, Assign_Success_GivesTheValue) {
  EXPECT_EQ(*quarter(12), 3);
}

TEST(Result, Assign_Failure_ReturnsTheError) {
  const auto result = quarter(6);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().message(), "expected an even number, found 3");
}

TEST(Result, Try_Failure_ReturnsTheError) {
  EXPECT_TRUE(only_even(4));
  EXPECT_FALSE(only_even(5));
}

TEST(Result, In_Error_NamesThePlaceFirst) {
  EXPECT_EQ(halve(1).error().in("model.gguf").message(), "model.gguf: expected an even number, found 1");
}

TEST(Result, Value_OfAnError_IsOurBug) {
  EXPECT_DEATH({ [[maybe_unused]] const int n = halve(1).value(); }, "internal error");
}

TEST(ErrorTraits, EveryCode_HasAnHttpStatusAndAnExitCode) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kIo); ++code) {
    const ErrorTraits& traits = error_traits(static_cast<ErrorCode>(code));
    EXPECT_GE(traits.http_status, 400) << traits.name;
    EXPECT_GE(traits.exit_code, 1) << traits.name;
  }
}

}  // namespace
}  // namespace hearth
