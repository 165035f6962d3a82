#include "text/tools/json_scanner.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/test_data.h"

namespace hearth::text {
namespace {

TEST(JsonScanner, Value_FollowedByMore_StopsAtItsEnd) {
  for (const std::string_view value :
       {R"({"a": [1, {"b": "\"}\u00e9"}], "c": -0.5e+3})", R"("x\\")", "[ ]", "true", "null"}) {
    JsonScanner scanner;
    std::string out;
    EXPECT_EQ(scanner.read(std::string(value) + "}rest", out), value.size());
    EXPECT_EQ(out, value);
    EXPECT_EQ(scanner.status(), JsonScanner::Status::kWhole);
  }
}

TEST(JsonScanner, Number_AtTheEnd_IsWholeOnlyWhenNothingFollows) {
  JsonScanner scanner;
  std::string out;
  EXPECT_EQ(scanner.read("12", out), 2U);
  EXPECT_EQ(scanner.status(), JsonScanner::Status::kMore);
  EXPECT_EQ(scanner.finish(), JsonScanner::Status::kWhole);
}

TEST(JsonScanner, ControlCharactersInStrings_ArePassedOnEscaped) {
  std::string out;
  ASSERT_TRUE(is_json("[\"a\nb\x01\"]", out));
  EXPECT_EQ(out, R"(["a\nb\u0001"])");
}

TEST(JsonScanner, DeepNesting_IsRefusedAtTheLimit) {
  std::string out;
  const size_t limit = JsonScanner::kMaxDepth;
  EXPECT_TRUE(is_json(std::string(limit, '[') + std::string(limit, ']'), out));
  EXPECT_FALSE(is_json(std::string(limit + 1, '[') + std::string(limit + 1, ']'), out));
}

// JSONTestSuite: y_ must be taken, n_ refused; but for what the scanner does not look at.
TEST(JsonScanner, JsonTestSuite_IsJudgedAsItSays) {
  HEARTH_NEEDS_TEST_DATA(folder, "json/JSONTestSuite");
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || (!name.starts_with("y_") && !name.starts_with("n_"))) continue;
    ++n_files;
    const std::string text = testing::read_file(entry.path());
    std::string out;
    const bool taken = is_json(text, out);
    // Control characters are escaped, and UTF-8 is not checked: then what comes out must be JSON all the
    // same.
    if (taken && name.starts_with("n_")) {
      EXPECT_TRUE(nlohmann::json::accept(out) || name.find("utf8") != std::string::npos) << name;
      EXPECT_NE(text, out) << name;
    } else {
      EXPECT_EQ(taken, name.starts_with("y_")) << name;
    }
  }
  EXPECT_GT(n_files, 200U);
}

}  // namespace
}  // namespace hearth::text
