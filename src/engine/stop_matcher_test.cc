#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

namespace hearth::engine {
namespace {

// What is shown of `text`, pushed in pieces of `piece` bytes.
std::string shown(const std::string& text, size_t piece, const std::vector<std::string>& stops,
                  bool* stopped) {
  StopMatcher matcher(stops);
  std::string out;
  *stopped = false;
  for (size_t i = 0; i < text.size(); i += piece) {
    const auto output = matcher.push(text.substr(i, piece));
    out += output.text;
    if (output.stopped) {
      *stopped = true;
      return out;
    }
  }
  return out + matcher.finish();
}

TEST(StopMatcher, StopString_CutAnywhere_EndsTheTextBeforeIt) {
  for (size_t piece = 1; piece <= 20; ++piece) {
    bool stopped = false;
    EXPECT_EQ(shown("one two END three", piece, {"END", "three"}, &stopped), "one two ");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(shown("aab aaab", piece, {"aaab"}, &stopped), "aab ");
    EXPECT_TRUE(stopped);
  }
}

TEST(StopMatcher, NoStopString_CutAnywhere_KeepsEverything) {
  for (size_t piece = 1; piece <= 20; ++piece) {
    bool stopped = false;
    EXPECT_EQ(shown("one EN two E", piece, {"END", ""}, &stopped), "one EN two E");
    EXPECT_FALSE(stopped);
  }
}

TEST(StopMatcher, Push_TextThatBeginsNoStop_IsShownAtOnce) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.push("word E").text, "word ");
  EXPECT_EQ(matcher.push("x").text, "Ex");
}

TEST(StopMatcher, TwoStops_InOnePiece_TheFirstInTheTextWins) {
  StopMatcher matcher({"b", "a"});
  const StopMatcher::Output output = matcher.push("xaxb");
  EXPECT_EQ(output.text, "x");
  EXPECT_EQ(output.stop, "a");
}

TEST(StopMatcher, TwoStops_AtTheSamePlace_TheLongerOneIsNamed) {
  StopMatcher matcher({"a", "ab", "abc"});
  const StopMatcher::Output output = matcher.push("xabx");
  EXPECT_EQ(output.text, "x");
  EXPECT_EQ(output.stop, "ab");
}

}  // namespace
}  // namespace hearth::engine
