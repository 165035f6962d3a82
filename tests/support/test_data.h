// Where the real models and golden outputs are that this project does not ship. Tests that need them skip,
// and say so, where they are absent; every test's subject is proved on fixtures that the test writes itself
// as well.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace hearth::testing {

// HEARTH_TEST_DATA where it is set, else ../shared/data beside the checkout.
inline std::filesystem::path test_data_folder() {
  const char* folder = std::getenv("HEARTH_TEST_DATA");
  return folder != nullptr ? folder : HEARTH_DEFAULT_TEST_DATA;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A file of little-endian float32.
inline std::vector<float> read_floats(const std::filesystem::path& path) {
  const std::string bytes = read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), values.size() * sizeof(float), reinterpret_cast<char*>(values.data()));
  return values;
}

// One model in many types: golden/quant/NAME.gguf, .dequant.f32 and .probs.f32.
inline constexpr const char* kQuantGoldenFiles[] = {
    "F32",    "BF16",    "Q4_0",   "Q4_1",   "Q5_0",   "Q5_1",  "Q8_0",    "Q2_K",
    "Q3_K_S", "Q4_K_S",  "Q5_K_S", "Q6_K",   "IQ1_S",  "IQ1_M", "IQ2_XXS", "IQ2_XS",
    "IQ2_S",  "IQ3_XXS", "IQ3_S",  "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0",   "MXFP4"};

}  // namespace hearth::testing

// Sets `variable` to the path of a file of the test data, or skips the test.
#define HEARTH_NEEDS_TEST_DATA(variable, relative)                                             \
  const std::filesystem::path variable = ::hearth::testing::test_data_folder() / (relative);   \
  if (!std::filesystem::exists(variable)) {                                                    \
    GTEST_SKIP() << variable << " is absent: set HEARTH_TEST_DATA to the folder of test data"; \
  }                                                                                            \
  static_assert(true)
