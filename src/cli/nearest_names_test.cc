#include "cli/nearest_names.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

using Names = std::vector<std::string>;
const Names kKnown{"run", "tokenize", "inspect", "bench", "perplexity", "hardware", "help"};

TEST(NearestNames, SwappedLetters_FindTheName) {
  EXPECT_EQ(nearest_names("rnu", kKnown), Names{"run"});
  EXPECT_EQ(nearest_names("insepct", kKnown), Names{"inspect"});
}

TEST(NearestNames, MissingExtraAndWrongLetters_FindTheName) {
  EXPECT_EQ(nearest_names("tokenise", kKnown), Names{"tokenize"});
  EXPECT_EQ(nearest_names("perplexty", kKnown), Names{"perplexity"});
  EXPECT_EQ(nearest_names("hardwares", kKnown), Names{"hardware"});
}

TEST(NearestNames, Beginning_FindsTheName) {
  EXPECT_EQ(nearest_names("tok", kKnown), Names{"tokenize"});
  EXPECT_EQ(nearest_names("h", kKnown), (Names{"hardware", "help"}));
}

TEST(NearestNames, NothingNear_IsEmpty) {
  EXPECT_TRUE(nearest_names("serve", kKnown).empty());
  EXPECT_TRUE(nearest_names("", kKnown).empty());
  EXPECT_TRUE(nearest_names(std::string(100000, 'x'), kKnown).empty());
}

TEST(NearestNames, Several_NearestFirstAtMostThree) {
  const Names known{"abcdefgh1", "abcdefgh", "abcdefg", "abcdefgi", "zzz"};
  EXPECT_EQ(nearest_names("abcdefgh", known), (Names{"abcdefgh", "abcdefg", "abcdefgh1"}));
}

TEST(DidYouMean, NamesTheNearest) {
  EXPECT_EQ(did_you_mean("rnu", kKnown), "; did you mean run?");
  EXPECT_EQ(did_you_mean("h", kKnown), "; did you mean hardware or help?");
  EXPECT_EQ(did_you_mean("xyzzy", kKnown), "");
}

}  // namespace
}  // namespace hearth::cli
