// BPE over characters, as GGUF files of Gemma 4 have it.
#include <algorithm>
#include <map>
#include <random>

#include "tests/support/sanitized.h"
#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

constexpr TokenId kEos = 1, kBos = 2, kUnknown = 3, kFirstByte = 4;
constexpr TokenId kA = 260, kB = 261, kAb = 262, kSpace = 263, kSpaceAb = 264, kNewline = 265,
                  kTwoNewlines = 266;
constexpr TokenId kEndOfTurn = 267, kTurn = 268, kToolResponse = 269, kHtml = 270;

// Ids 0 to 3 are special, 4 to 259 the bytes; the rest is above.
TestVocabulary small_vocabulary() {
  TestVocabulary vocabulary;
  vocabulary.source.model = "gemma4";
  for (const char* text : {"<pad>", "<eos>", "<bos>"}) vocabulary.add(text, TokenType::kControl);
  vocabulary.add("<unk>", TokenType::kUnknown);
  vocabulary.source.eos = kEos;
  vocabulary.source.bos = kBos;
  vocabulary.source.unknown = kUnknown;
  for (unsigned byte = 0; byte < 256; ++byte) {
    vocabulary.add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  }
  for (const char* text : {"a", "b", "ab", "\u2581", "\u2581ab", "\n", "\n\n"}) vocabulary.add(text);
  vocabulary.add("<turn|>", TokenType::kControl);
  vocabulary.add("<|turn>", TokenType::kControl);
  vocabulary.add("<|tool_response>", TokenType::kUserDefined);
  vocabulary.add("</s>");
  for (const char* merge : {"a b", "\u2581 ab"}) vocabulary.add_merge(merge);
  return vocabulary;
}

TEST(CharacterBpeTokenizer, Encode_Spaces_AreMarkersThatMerge) {
  const auto tokenizer = small_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("ab", kPlain), Ids{kAb});
  EXPECT_EQ(tokenizer->encode(" ab", kPlain), Ids{kSpaceAb});
  EXPECT_EQ(tokenizer->encode("ab  ab a", kPlain), (Ids{kAb, kSpace, kSpaceAb, kSpace, kA}));
  EXPECT_EQ(tokenizer->encode("", kPlain), Ids{});
  EXPECT_EQ(tokenizer->encode("a\u2581ab", kPlain), (Ids{kA, kSpaceAb}));
  EXPECT_FALSE(tokenizer->adds_space_prefix());
  EXPECT_EQ(tokenizer->decode(Ids{kSpaceAb, kSpace, kA}), " ab a");
}

TEST(CharacterBpeTokenizer, Encode_MergeAcrossASpace_IsTaken) {
  TestVocabulary vocabulary = small_vocabulary();
  vocabulary.source.merges.clear();
  const TokenId b_space = vocabulary.add("b\u2581");
  const TokenId b_space_a = vocabulary.add("b\u2581a");
  vocabulary.add_merge("b \u2581");
  vocabulary.add_merge("b\u2581 a");
  EXPECT_EQ(vocabulary.create()->encode("ab b ab", kPlain), (Ids{kA, b_space, b_space_a, kB}));
}

TEST(CharacterBpeTokenizer, Encode_Newlines_StandApartAndWholeWhereTheyAreAToken) {
  TestVocabulary vocabulary = small_vocabulary();
  vocabulary.add("a\n");
  vocabulary.add_merge("a \n");
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("a\nb", kPlain), (Ids{kA, kNewline, kB}));
  EXPECT_EQ(tokenizer->encode("a\n\n", kPlain), (Ids{kA, kTwoNewlines})) << "although no merge makes it";
  EXPECT_EQ(tokenizer->encode("\n\n\n", kPlain), (Ids{kNewline, kNewline, kNewline}));
  vocabulary.add_merge("\n \n");
  EXPECT_EQ(vocabulary.create()->encode("\n\n\n", kPlain), (Ids{kTwoNewlines, kNewline}));
}

TEST(CharacterBpeTokenizer, Encode_CharacterWithoutAToken_BecomesItsBytes) {
  TestVocabulary vocabulary = small_vocabulary();
  EXPECT_EQ(vocabulary.create()->encode("a\u00E9b", kPlain),
            (Ids{kA, kFirstByte + 0xC3, kFirstByte + 0xA9, kB}));
  EXPECT_EQ(vocabulary.create()->encode("\xFF", kPlain), Ids{kFirstByte + 0xFF});
  const TokenId accented = vocabulary.add("\u00E9");
  EXPECT_EQ(vocabulary.create()->encode("a\u00E9b", kPlain), (Ids{kA, accented, kB}));
  vocabulary.source.types[kFirstByte + 'z'] = static_cast<int64_t>(TokenType::kUnused);
  EXPECT_EQ(vocabulary.create()->encode("azz", kPlain), (Ids{kA, kUnknown})) << "a row of unknowns is one";
}

// Early files of Gemma 4 say that it is not wanted.
TEST(CharacterBpeTokenizer, Encode_AddSpecial_AlwaysBeginsWithBos) {
  TestVocabulary vocabulary = small_vocabulary();
  for (const std::optional<bool> said : {std::optional<bool>(), std::optional(false), std::optional(true)}) {
    vocabulary.source.add_bos = said;
    EXPECT_EQ(vocabulary.create()->encode("a", {}), (Ids{kBos, kA}));
  }
  vocabulary.source.add_bos = std::nullopt;
  vocabulary.source.bos = std::nullopt;
  EXPECT_EQ(vocabulary.create()->encode("a", {}), Ids{kA}) << "there is no BOS token to add";
}

TEST(CharacterBpeTokenizer, EndsGeneration_MarkersOfTheFamily) {
  const auto tokenizer = small_vocabulary().create();
  for (const TokenId id : {kEos, kEndOfTurn, kToolResponse})
    EXPECT_TRUE(tokenizer->ends_generation(id)) << id;
  for (const TokenId id : {0, kBos, kTurn, kHtml, kNewline})
    EXPECT_FALSE(tokenizer->ends_generation(id)) << id;
  EXPECT_EQ(tokenizer->encode("<|turn>a<turn|>", kParseSpecial), (Ids{kTurn, kA, kEndOfTurn}));
  const Ids plain = tokenizer->encode("<turn|>", kPlain);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), kEndOfTurn), 0);
  EXPECT_EQ(tokenizer->decode(plain), "<turn|>");
}

TEST(CharacterBpeTokenizer, Create_NameOfAPreTokenizer_IsOfTheModelGpt2Only) {
  for (const char* pre : {"gpt-2", "llama-bpe", "no such rule"}) {
    TestVocabulary vocabulary = small_vocabulary();
    vocabulary.source.pre = pre;
    EXPECT_EQ(vocabulary.create()->encode("ab ab", kPlain), (Ids{kAb, kSpaceAb})) << pre;
  }
  TestVocabulary sarvam = small_vocabulary();
  sarvam.source.model = "gpt2";
  sarvam.source.pre = "sarvam-moe";
  EXPECT_EQ(sarvam.create()->encode("ab ab\n\n", {}), (Ids{kAb, kSpaceAb, kNewline, kNewline}))
      << "no BOS, and newlines merge like anything else";
}

TEST(CharacterBpeTokenizer, Encode_MergesOfCharactersThatAreNoTokens_AreSteps) {
  TestVocabulary vocabulary = small_vocabulary();
  const TokenId token = vocabulary.add("xy\u00E9");
  vocabulary.add_merge("x y");
  vocabulary.add_merge("xy \u00E9");
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("xy\u00E9", kPlain), Ids{token});
  EXPECT_EQ(tokenizer->encode("xy", kPlain), (Ids{kFirstByte + 'x', kFirstByte + 'y'}));
}

TEST(CharacterBpeTokenizer, Create_EntriesWithPlainSpaces_AreNoText) {
  TestVocabulary vocabulary = small_vocabulary();
  vocabulary.add("b a");
  vocabulary.add_merge(" b a");
  vocabulary.add_merge("b \u2581 a");
  vocabulary.add_merge("\xFF \xFE");
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("b a", kPlain), (Ids{kB, kSpace, kA}));
  EXPECT_EQ(tokenizer->encode("\xFF\xFE", kPlain), (Ids{kFirstByte + 0xFF, kFirstByte + 0xFE}));
}

TEST(CharacterBpeTokenizer, Create_BadEntries_AreRefusedByName) {
  TestVocabulary merge = small_vocabulary();
  merge.add_merge("ab");
  EXPECT_EQ(merge.refusal(), "malformed: merge 2: expected two strings and a space between, found \"ab\"");
  TestVocabulary byte = small_vocabulary();
  byte.add("<0x0G>", TokenType::kByte);
  EXPECT_EQ(byte.refusal(), "malformed: token 271: expected a byte <0x00> to <0xFF>, found \"<0x0G>\"");
}

TEST(CharacterBpeTokenizer, Encode_RandomBytes_RoundTrip) {
  const auto tokenizer = small_vocabulary().create();
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string text(random() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string bytes;
    for (const TokenId id : tokenizer->encode(text, kParseSpecial)) bytes += tokenizer->token_bytes(id, true);
    ASSERT_EQ(bytes, text);
  }
}

TEST(CharacterBpeTokenizer, Encode_ALongLine_EndsSoon) {
  constexpr size_t kWords = size_t{1} << 18;
  std::string text;
  for (size_t i = 0; i < kWords; ++i) text += " ab";
  EXPECT_EQ(small_vocabulary().create()->encode(text, kPlain), Ids(kWords, kSpaceAb));
}

// The definition, step by step: of all neighbours that a merge joins, those of the first merge, from the
// left.
using Symbols = std::vector<std::string>;
Symbols merged_by_definition(Symbols symbols,
                             const std::map<std::pair<std::string, std::string>, size_t>& ranks) {
  for (;;) {
    size_t best_rank = ranks.size();
    size_t best = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found == ranks.end() || found->second >= best_rank) continue;
      best_rank = found->second;
      best = i;
    }
    if (best_rank == ranks.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

// With `spaces_begin`, no merge puts a space behind something else, as in vocabularies made of words.
void expect_definition(unsigned seed, bool spaces_begin) {
  const Symbols characters = {"a", "b", "\u00E9", "\u4E2D", "\u2581"};
  std::mt19937 random(seed);
  TestVocabulary vocabulary;
  vocabulary.source.model = "gemma4";
  std::map<std::string, TokenId> ids;
  Symbols tokens = characters;
  for (const std::string& text : tokens) ids[text] = vocabulary.add(text);
  std::map<std::pair<std::string, std::string>, size_t> ranks;
  while (ranks.size() < 40) {
    const std::string left = tokens[random() % tokens.size()];
    const std::string right = tokens[random() % tokens.size()];
    const bool is_inner = left != "\u2581" && right.find("\u2581") != std::string::npos;
    if (left.size() + right.size() > 18 || (spaces_begin && is_inner)) continue;
    if (!ranks.emplace(std::pair(left, right), ranks.size()).second) continue;
    vocabulary.add_merge(left + " " + right);
    if (ids.count(left + right) != 0) continue;
    ids[left + right] = vocabulary.add(left + right);
    tokens.push_back(left + right);
  }
  const auto tokenizer = vocabulary.create();
  for (int round = 0; round < 20; ++round) {
    Symbols symbols;
    std::string text;
    for (size_t n = random() % 400; n > 0; --n) {
      symbols.push_back(characters[random() % characters.size()]);
      text += symbols.back() == "\u2581" ? " " : symbols.back();
    }
    Ids expected;
    for (const std::string& symbol : merged_by_definition(symbols, ranks)) expected.push_back(ids.at(symbol));
    ASSERT_EQ(tokenizer->encode(text, kPlain), expected) << seed << ": " << text;
    ASSERT_EQ(tokenizer->decode(expected), text);
  }
}

TEST(CharacterBpeTokenizer, Encode_RandomMerges_AsDefined) {
  for (unsigned seed = 0; seed < (testing::kSanitized ? 6 : 30); ++seed) {
    expect_definition(seed, false);
    expect_definition(seed, true);
  }
}

}  // namespace
}  // namespace hearth::text
