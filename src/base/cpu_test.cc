#include "base/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace hearth {
namespace {

TEST(Isa, Parse_EveryName_RoundTrips) {
  for (const Isa isa : kAllIsas) {
    EXPECT_EQ(*parse_isa(isa_name(isa)), isa);
  }
}

TEST(Isa, Parse_UnknownName_NamesTheChoices) {
  const auto isa = parse_isa("sse9");
  ASSERT_FALSE(isa);
  EXPECT_NE(isa.error().message().find("avx512"), std::string::npos);
}

TEST(Isa, Choose_Forced_IsObeyedOrRefused) {
  ASSERT_EQ(setenv("HEARTH_ISA", "scalar", 1), 0);
  EXPECT_EQ(*choose_isa(), Isa::kScalar);
  ASSERT_EQ(setenv("HEARTH_ISA", "mmx", 1), 0);
  EXPECT_FALSE(choose_isa());
  ASSERT_EQ(unsetenv("HEARTH_ISA"), 0);
  EXPECT_TRUE(choose_isa());
}

TEST(Isa, Check_LowerThanAnAvailableOne_IsAvailable) {
  if (check_isa(Isa::kAmx)) {
    EXPECT_TRUE(check_isa(Isa::kAvx512));
  }
  if (check_isa(Isa::kAvx512)) {
    EXPECT_TRUE(check_isa(Isa::kAvx2));
  }
  EXPECT_TRUE(check_isa(Isa::kScalar));
}

TEST(Isa, Check_OfAnotherArchitecture_IsRefused) {
#if defined(__aarch64__)
  EXPECT_FALSE(check_isa(Isa::kAvx2));
#else
  EXPECT_FALSE(check_isa(Isa::kNeon));
#endif
}

#if defined(__aarch64__) && defined(HEARTH_EMULATED)
// Else the tests of these kernels would skip.
TEST(Isa, Choose_EmulatedProcessorWithAllFeatures_IsNeon) {
  EXPECT_EQ(*choose_isa(), Isa::kNeon);
}
#endif

TEST(PhysicalCores, Count_AnyMachine_IsAtLeastOne) {
  EXPECT_GE(physical_core_count(), 1);
}

}  // namespace
}  // namespace hearth
