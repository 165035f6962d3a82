#include "text/tokenizer/charsmap.h"

#include <random>

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

std::string found(const Charsmap& map, std::string_view text, bool longest) {
  const auto match = longest ? map.longest_prefix(text) : map.shortest_prefix(text);
  return match ? fmt::format("{}:{}", match->length, match->text) : "none";
}

TEST(Charsmap, Prefixes_LongestAndShortest_AreFound) {
  const auto map = Charsmap::create(charsmap_of({{"a", "1"}, {"abc", "2"}, {"\u00E9", "e"}, {"x", ""}}));
  ASSERT_TRUE(map) << map.error().message();
  EXPECT_EQ(found(*map, "abcd", true), "3:2");
  EXPECT_EQ(found(*map, "abcd", false), "1:1");
  EXPECT_EQ(found(*map, "abx", true), "1:1");
  EXPECT_EQ(found(*map, "\u00E9", true), "2:e");
  EXPECT_EQ(found(*map, "xy", true), "1:");
  EXPECT_EQ(found(*map, "\xC3", true), "none");
  EXPECT_EQ(found(*map, "b", true), "none");
  EXPECT_EQ(found(*map, "", true), "none");
  EXPECT_EQ(found(*map, std::string(1, '\0'), true), "none");
}

TEST(Charsmap, NoBytes_ReplaceNothing) {
  const auto map = Charsmap::create("");
  ASSERT_TRUE(map);
  EXPECT_EQ(found(*map, "a", true), "none");
}

TEST(Charsmap, BrokenBytes_AreRefused) {
  const std::string good = charsmap_of({{"a", "1"}});
  EXPECT_TRUE(Charsmap::create(good));
  EXPECT_FALSE(Charsmap::create("abc"));
  EXPECT_FALSE(Charsmap::create(std::string(4, '\0')));
  EXPECT_FALSE(Charsmap::create(std::string("\xFF\xFF\xFF\xFF") + good));
  EXPECT_FALSE(Charsmap::create(good.substr(0, good.size() - 1)));  // no zero at the end
  EXPECT_FALSE(Charsmap::create(good.substr(0, 100)));
}

// Whatever the trie points at, nothing outside it is read.
TEST(Charsmap, RandomUnits_StayWithinTheBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = charsmap_of({{"ab", "1"}, {"b", "22"}});
    for (int i = 0; i < 200; ++i) bytes[4 + random() % (bytes.size() - 5)] = static_cast<char>(random());
    const auto map = Charsmap::create(bytes);
    ASSERT_TRUE(map);
    for (const char* text : {"ab", "b", "\xFF\xFE\x01", "aaaa"}) {
      const auto match = map->longest_prefix(text);
      if (match) {
        ASSERT_LE(match->length, std::string_view(text).size());
        ASSERT_LE(match->text.size(), 64U);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::text
