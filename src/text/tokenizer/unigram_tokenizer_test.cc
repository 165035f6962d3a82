#include <climits>
#include <map>
#include <random>

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

// 0 <unk>, 1 </s>, then pieces; scores are whole numbers, so that their sums are exact.
TestVocabulary unigram_vocabulary() {
  TestVocabulary vocabulary;
  vocabulary.source.model = "t5";
  vocabulary.add("<unk>", TokenType::kUnknown);
  vocabulary.add("</s>", TokenType::kControl);
  vocabulary.source.unknown = 0;
  vocabulary.source.eos = 1;
  return vocabulary;
}

TEST(Unigram, Encode_LikeliestCut_IsNotTheLongestPieces) {
  TestVocabulary vocabulary = unigram_vocabulary();
  const TokenId space = vocabulary.add("\u2581", TokenType::kNormal, -3);
  const TokenId a = vocabulary.add("a", TokenType::kNormal, -2);
  const TokenId ab = vocabulary.add("ab", TokenType::kNormal, -5);
  const TokenId bc = vocabulary.add("bc", TokenType::kNormal, -2);
  vocabulary.add("c", TokenType::kNormal, -9);
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("abc", kPlain), (Ids{space, a, bc}));
  EXPECT_EQ(tokenizer->encode("ab", kPlain), (Ids{space, ab}));
  EXPECT_EQ(tokenizer->encode("ab", {}), (Ids{space, ab, 1}));
  EXPECT_EQ(tokenizer->decode(Ids{space, ab, space, a}), "ab a");
}

TEST(Unigram, Encode_UnknownCharacters_AreOneTokenOrBytes) {
  TestVocabulary vocabulary = unigram_vocabulary();
  const TokenId space = vocabulary.add("\u2581", TokenType::kNormal, -1);
  const TokenId a = vocabulary.add("a", TokenType::kNormal, -2);
  EXPECT_EQ(vocabulary.create()->encode("axyza", kPlain), (Ids{space, a, 0, a}));
  const TokenId first = vocabulary.add("<0xC3>", TokenType::kByte);
  const TokenId second = vocabulary.add("<0xA9>", TokenType::kByte);
  EXPECT_EQ(vocabulary.create()->encode("a\u00E9xx\u00E9", kPlain),
            (Ids{space, a, first, second, 0, first, second}));
}

TEST(Unigram, Encode_Spaces_AreNormalizedAsTheFileSays) {
  TestVocabulary vocabulary = unigram_vocabulary();
  const TokenId space = vocabulary.add("\u2581", TokenType::kNormal, -1);
  const TokenId a = vocabulary.add("a", TokenType::kNormal, -2);
  EXPECT_EQ(vocabulary.create()->encode("  a  a ", kPlain), (Ids{space, a, space, a}));
  EXPECT_EQ(vocabulary.create()->encode("   ", kPlain), Ids{});
  EXPECT_EQ(vocabulary.create()->encode("a\u2581 a", kPlain), (Ids{space, a, space, a}));
  vocabulary.source.add_space_prefix = false;
  EXPECT_EQ(vocabulary.create()->encode(" a", kPlain), Ids{a});
  vocabulary.source.remove_extra_whitespaces = false;
  EXPECT_EQ(vocabulary.create()->encode(" a  ", kPlain), (Ids{space, a, space, space}));
  vocabulary.source.add_space_prefix = true;
  EXPECT_EQ(vocabulary.create()->encode(" a", kPlain), (Ids{space, space, a}));
}

TEST(Unigram, Encode_Charsmap_ReplacesTheLongest) {
  TestVocabulary vocabulary = unigram_vocabulary();
  const TokenId space = vocabulary.add("\u2581", TokenType::kNormal, -1);
  const TokenId a = vocabulary.add("a", TokenType::kNormal, -2);
  const TokenId b = vocabulary.add("b", TokenType::kNormal, -2);
  vocabulary.source.precompiled_charsmap = charsmap_of({{"A", "a"}, {"AA", "b"}, {"\t", " "}, {"\x01", ""}});
  EXPECT_EQ(vocabulary.create()->encode("AAA\x01\t\tA\t", kPlain), (Ids{space, b, a, space, a}));
  vocabulary.source.precompiled_charsmap = "bad";
  EXPECT_EQ(vocabulary.refusal(),
            "malformed: charsmap: expected a trie of at least one unit within 3 bytes, found a size of 0");
}

// Of every way to cut the text, by trying them all.
int best_sum(const std::vector<std::pair<std::string, int>>& pieces, std::string_view text, int unknown) {
  if (text.empty()) return 0;
  int best = INT_MIN;
  bool has_letter = false;
  for (const auto& [piece, score] : pieces) {
    if (text.substr(0, piece.size()) != piece) continue;
    has_letter = has_letter || piece.size() == 1;
    best = std::max(best, score + best_sum(pieces, text.substr(piece.size()), unknown));
  }
  return has_letter ? best : std::max(best, unknown + best_sum(pieces, text.substr(1), unknown));
}

TEST(Unigram, Encode_RandomVocabularies_ReachTheBestSumOfAllCuts) {
  std::mt19937 random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 300; ++round) {
    TestVocabulary vocabulary = unigram_vocabulary();
    vocabulary.source.add_space_prefix = false;
    std::map<std::string, int> scores;
    for (int i = 0; i < 12; ++i) {
      std::string piece;
      for (int n = 1 + below(4); n > 0; --n) piece.push_back(static_cast<char>('a' + below(3)));
      scores.emplace(piece, -1 - below(20));
    }
    const std::vector<std::pair<std::string, int>> pieces(scores.begin(), scores.end());
    int least = 0;
    for (const auto& [piece, score] : pieces) {
      vocabulary.add(piece, TokenType::kNormal, static_cast<float>(score));
      least = std::min(least, score);
    }
    const auto tokenizer = vocabulary.create();
    for (int i = 0; i < 10; ++i) {
      std::string text;
      for (int n = 1 + below(9); n > 0; --n) text.push_back(static_cast<char>('a' + below(4)));
      int sum = 0;
      std::string spelled;
      bool has_unknown = false;
      for (const TokenId id : tokenizer->encode(text, kPlain)) {
        has_unknown = has_unknown || id == 0;
        if (id == 0) continue;
        sum += pieces[static_cast<size_t>(id) - 2].second;
        spelled += pieces[static_cast<size_t>(id) - 2].first;
      }
      // A row of unknown characters is one token: what it stands for is what is missing.
      sum += static_cast<int>(text.size() - spelled.size()) * (least - 10);
      ASSERT_EQ(sum, best_sum(pieces, text, least - 10)) << round << ": " << text;
      if (!has_unknown) {
        ASSERT_EQ(spelled, text);
      }
    }
  }
}

TEST(Unigram, Encode_HostileScores_EndWithIdsInRange) {
  TestVocabulary vocabulary = unigram_vocabulary();
  vocabulary.add("a", TokenType::kNormal, std::numeric_limits<float>::infinity());
  vocabulary.add("b", TokenType::kNormal, -std::numeric_limits<float>::infinity());
  vocabulary.add("ab", TokenType::kNormal, std::numeric_limits<float>::max());
  const auto tokenizer = vocabulary.create();
  for (const TokenId id : tokenizer->encode("abbaab\xFF", kPlain)) EXPECT_LT(id, 5);
  vocabulary.source.scores[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(vocabulary.refusal(), "malformed: score of token 2: expected a number, found NaN");
}

TEST(Unigram, Encode_LongRunOfOneLetter_EndsSoon) {
  TestVocabulary vocabulary = unigram_vocabulary();
  vocabulary.source.add_space_prefix = false;
  for (int n = 1; n <= 512; ++n)
    vocabulary.add(std::string(static_cast<size_t>(n), 'a'), TokenType::kNormal, -1);
  const auto ids = vocabulary.create()->encode(std::string(size_t{1} << 18, 'a'), kPlain);
  EXPECT_EQ(ids, Ids(size_t{1} << 9, 513));
}

}  // namespace
}  // namespace hearth::text
