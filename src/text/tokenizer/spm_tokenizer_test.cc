#include <limits>
#include <random>

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

constexpr TokenId kFirstByte = 3;  // <0x00>
constexpr TokenId kFirstPiece = 259;

// Pieces from kFirstPiece on, with their scores.
TestVocabulary pieces(const std::vector<std::pair<const char*, float>>& list, bool with_bytes = true) {
  TestVocabulary vocabulary = sentencepiece_vocabulary(with_bytes);
  for (const auto& [text, score] : list) vocabulary.add(text, TokenType::kNormal, score);
  return vocabulary;
}

TestVocabulary abc_vocabulary() {
  return pieces({{"\u2581", -1}, {"a", -2}, {"b", -3}, {"c", -4}, {"bc", -5}, {"ab", -6}, {"\u2581a", -7}});
}
constexpr TokenId kSpace = kFirstPiece, kC = 262, kBc = 263, kAb = 264, kSpaceA = 265;

TEST(SpmTokenizer, Encode_HigherScore_MergesFirst) {
  const auto tokenizer = abc_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("abc", kPlain), (Ids{kSpaceA, kBc}));
  EXPECT_EQ(tokenizer->encode("ab", kPlain), (Ids{kSpace, kAb}));
  EXPECT_EQ(tokenizer->encode("a a", kPlain), (Ids{kSpaceA, kSpaceA}));
  EXPECT_EQ(tokenizer->encode("", kPlain), Ids{});
}

TEST(SpmTokenizer, Encode_EqualScores_MergesLeftmostFirst) {
  const auto tokenizer = pieces({{"a", -1}, {"aa", -1}, {"\u2581", -9}}).create();
  EXPECT_EQ(tokenizer->encode("aaa", kPlain), (Ids{261, 260, 259}));
}

TEST(SpmTokenizer, Encode_SpacePrefix_IsTheFilesChoice) {
  TestVocabulary vocabulary = abc_vocabulary();
  EXPECT_TRUE(vocabulary.create()->adds_space_prefix());
  vocabulary.source.add_space_prefix = false;
  EXPECT_FALSE(vocabulary.create()->adds_space_prefix());
  EXPECT_EQ(vocabulary.create()->encode("bc", kPlain), Ids{kBc});
  EXPECT_EQ(vocabulary.create()->decode(Ids{kSpaceA}), " a");
}

TEST(SpmTokenizer, Encode_CharacterWithoutAToken_BecomesBytes) {
  const auto tokenizer = abc_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("a\u00E9", kPlain), (Ids{kSpaceA, kFirstByte + 0xC3, kFirstByte + 0xA9}));
  EXPECT_EQ(tokenizer->encode("\n", kPlain), (Ids{kSpace, kFirstByte + '\n'}));
  EXPECT_EQ(tokenizer->encode("\xFF", kPlain), (Ids{kSpace, kFirstByte + 0xFF}));
}

TEST(SpmTokenizer, Encode_NoByteTokens_GivesOneUnknownPerCharacter) {
  TestVocabulary vocabulary = pieces({{"\u2581", -1}, {"a", -2}}, false);
  EXPECT_EQ(vocabulary.create()->encode("a\u00E9\u4E2D", kPlain), (Ids{3, 4, 0, 0}));
}

// "x" is in the text and in "xy", but is no token itself.
TEST(SpmTokenizer, Encode_PartsThatAreNoTokens_StillMerge) {
  const auto tokenizer = pieces({{"\u2581", -1}, {"xy", -2}}).create();
  EXPECT_EQ(tokenizer->encode("xy", kPlain), (Ids{259, 260}));
  EXPECT_EQ(tokenizer->encode("x", kPlain), (Ids{259, kFirstByte + 'x'}));
}

TEST(SpmTokenizer, Encode_MarkerInTheText_IsASpace) {
  const auto tokenizer = abc_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("a\u2581a\u2581", kPlain), tokenizer->encode("a a ", kPlain));
}

TEST(SpmTokenizer, Encode_SpecialTokens_BeginANewPrefix) {
  const auto tokenizer = abc_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("<s>a</s>a", kParseSpecial), (Ids{1, kSpaceA, 2, kSpaceA}));
  const Ids plain = tokenizer->encode("<s>", kPlain);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 1), 0);
  EXPECT_EQ(tokenizer->decode(plain), "<s>");
}

// Pieces that together spell control and byte tokens must not merge into them.
TEST(SpmTokenizer, Encode_TextThatSpellsAControlOrByteToken_StaysText) {
  const auto tokenizer = pieces({{"\u2581", -1}, {"<s", -2}, {">", -3}, {"<0x0", -4}, {"A>", -5}}).create();
  for (const char* text : {"<s>", "<0x0A>"}) {
    const Ids ids = tokenizer->encode(text, kPlain);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), 1), 0);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), kFirstByte + 0x0A), 0);
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
}

TEST(SpmTokenizer, Encode_SpaceBehindASpecialToken_IsSwallowedWhereTheModelDoes) {
  TestVocabulary vocabulary = abc_vocabulary();
  const TokenId user = vocabulary.add("<|user|>", TokenType::kControl);
  EXPECT_EQ(vocabulary.create()->encode("<|user|>\n a", kParseSpecial),
            (Ids{user, kSpace, kFirstByte + '\n', kSpaceA}));
  vocabulary.source.special_swallows_space = true;
  EXPECT_EQ(vocabulary.create()->encode("<|user|>\n a", kParseSpecial), (Ids{user, kSpaceA}));
  EXPECT_EQ(vocabulary.create()->encode("<|user|>\n", kParseSpecial), Ids{user});
  EXPECT_EQ(vocabulary.create()->encode("<s>\n", kParseSpecial), (Ids{1, kSpace, kFirstByte + '\n'}));
}

TEST(SpmTokenizer, Encode_AddSpecial_PutsBosByHabitAndEosOnDemand) {
  TestVocabulary vocabulary = abc_vocabulary();
  EXPECT_EQ(vocabulary.create()->encode("a", {}), (Ids{1, kSpaceA}));
  EXPECT_EQ(vocabulary.create()->encode("", {}), Ids{1});
  vocabulary.source.add_bos = false;
  vocabulary.source.add_eos = true;
  EXPECT_EQ(vocabulary.create()->encode("a", {}), (Ids{kSpaceA, 2}));
}

TEST(SpmTokenizer, Create_FileNamesNoSpecialIds_TakesSentencePiecesOrder) {
  TestVocabulary vocabulary = abc_vocabulary();
  vocabulary.source.bos.reset();
  vocabulary.source.eos.reset();
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
}

// SentencePiece as it is defined, on strings.
std::vector<std::string> segment_by_definition(const TestVocabulary& vocabulary, std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t length = decode_utf8(text).length_bytes;
    parts.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  while (true) {
    float best_score = -std::numeric_limits<float>::infinity();
    size_t best = parts.size();
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      for (size_t token = kFirstPiece; token < vocabulary.source.tokens.size(); ++token) {
        if (vocabulary.source.tokens[token] != parts[i] + parts[i + 1]) continue;
        if (vocabulary.source.scores[token] > best_score) {
          best_score = vocabulary.source.scores[token];
          best = i;
        }
        break;
      }
    }
    if (best == parts.size()) return parts;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(SpmTokenizer, Encode_RandomVocabularies_FollowsTheDefinition) {
  const std::vector<std::string> letters = {"a", "b", "\u2581", "\u4E2D"};
  std::mt19937 random(1);
  const auto random_text = [&](size_t max_length) {
    std::string text;
    for (size_t n = 1 + random() % max_length; n > 0; --n) text += letters[random() % letters.size()];
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    TestVocabulary vocabulary = sentencepiece_vocabulary();
    vocabulary.source.add_space_prefix = false;
    // Half the vocabularies have no token with a space inside, so that words are encoded one by one.
    const bool spaces_lead = round % 2 == 0;
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(4);
      if (spaces_lead && text.find("\u2581", 1) != std::string::npos) continue;
      vocabulary.add(text, TokenType::kNormal, -static_cast<float>(random() % 8));
    }
    const auto tokenizer = vocabulary.create();
    for (int i = 0; i < 5; ++i) {
      const std::string text = random_text(60);
      std::vector<std::string> expected;
      for (const std::string& part : segment_by_definition(vocabulary, text)) {
        const auto& tokens = vocabulary.source.tokens;
        const auto token = std::find(tokens.begin() + kFirstPiece, tokens.end(), part);
        if (token != tokens.end()) {
          expected.push_back(std::to_string(token - tokens.begin()));
        } else {
          const std::string bytes = part == "\u2581" ? " " : part;
          for (const char c : bytes)
            expected.push_back(std::to_string(kFirstByte + static_cast<unsigned char>(c)));
        }
      }
      std::vector<std::string> ids;
      for (const TokenId id : tokenizer->encode(text, kPlain)) ids.push_back(std::to_string(id));
      ASSERT_EQ(ids, expected) << "round " << round << ": " << text;
    }
  }
}

TEST(SpmTokenizer, Create_ScoresThatAreNoOrder_AreRefused) {
  TestVocabulary vocabulary = abc_vocabulary();
  vocabulary.source.scores[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(vocabulary.refusal(), "malformed: score of token 5: expected a number, found NaN");
  vocabulary.source.scores.pop_back();
  EXPECT_EQ(vocabulary.refusal(), "malformed: token scores: expected 266, one per token, found 265");
}

TEST(SpmTokenizer, Create_InfiniteOrNoScores_AreAnOrder) {
  TestVocabulary vocabulary = abc_vocabulary();
  vocabulary.source.scores[kBc] = -std::numeric_limits<float>::infinity();
  vocabulary.source.scores[kAb] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(vocabulary.create()->encode("abc", kPlain), (Ids{kSpace, kAb, kC}));
  vocabulary.source.scores.clear();
  EXPECT_EQ(vocabulary.create()->encode("abc", kPlain), (Ids{kSpaceA, kBc}));
}

// Each token can be cut at each place: what hostile files make expensive.
TEST(SpmTokenizer, Create_EveryRunOfOneLetter_EndsSoon) {
  TestVocabulary vocabulary = sentencepiece_vocabulary();
  for (size_t n = 1; n <= 4096; ++n) vocabulary.add(std::string(n, 'a'));
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(std::string(100'000, 'a'), kPlain)),
            std::string(100'000, 'a'));
}

}  // namespace
}  // namespace hearth::text
