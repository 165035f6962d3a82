#include "text/tokenizer/tokenizer.h"

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

constexpr TokenId kFirstByte = 3;

TestVocabulary word_vocabulary() {
  TestVocabulary vocabulary = sentencepiece_vocabulary();
  vocabulary.add("\u2581hi");                         // 259
  vocabulary.add("\u2581");                           // 260
  vocabulary.add("<tool>", TokenType::kUserDefined);  // 261
  return vocabulary;
}

TEST(Tokenizer, TokenBytes_ControlTokens_OnlyWhereAsked) {
  const auto tokenizer = word_vocabulary().create();
  EXPECT_EQ(tokenizer->token_bytes(1, false), "");
  EXPECT_EQ(tokenizer->token_bytes(1, true), "<s>");
  EXPECT_EQ(tokenizer->token_bytes(0, false), "");
  EXPECT_EQ(tokenizer->token_bytes(0, true), "<unk>");
  EXPECT_EQ(tokenizer->token_bytes(261, false), "<tool>");
  EXPECT_EQ(tokenizer->token_bytes(259, false), " hi");
}

TEST(Tokenizer, AnyId_OutOfRange_IsNothing) {
  const auto tokenizer = word_vocabulary().create();
  EXPECT_EQ(tokenizer->vocabulary_size(), 262);
  for (const TokenId id :
       {-1, 262, std::numeric_limits<TokenId>::max(), std::numeric_limits<TokenId>::min()}) {
    EXPECT_EQ(tokenizer->token_bytes(id, true), "");
    EXPECT_EQ(tokenizer->token_type(id), TokenType::kUndefined);
    EXPECT_FALSE(tokenizer->ends_generation(id));
    EXPECT_EQ(tokenizer->decode(Ids{id}), "");
  }
}

TEST(Tokenizer, Decode_DummyPrefix_IsDroppedOnce) {
  const auto tokenizer = word_vocabulary().create();
  EXPECT_EQ(tokenizer->decode(Ids{1, 259, 259}), "hi hi");
  EXPECT_EQ(tokenizer->decode(Ids{260, 259}), " hi");
  EXPECT_EQ(tokenizer->decode(Ids{261, 259}), "<tool> hi");
}

TEST(Tokenizer, Decode_InvalidBytes_BecomeReplacementCharacters) {
  const auto tokenizer = word_vocabulary().create();
  EXPECT_EQ(tokenizer->decode(Ids{kFirstByte + 0xFF, 259}), "\uFFFD hi");
  EXPECT_EQ(tokenizer->decode(Ids{259, kFirstByte + 0xC3}), "hi\uFFFD");
}

TEST(Tokenizer, Encode_LiteralPlaces_HoldNoControlToken) {
  const auto tokenizer = word_vocabulary().create();
  const std::string text = "</s></s><tool>";
  EXPECT_EQ(tokenizer->encode(text, kParseSpecial), (Ids{2, 2, 261}));
  const auto ids = [&](std::vector<size_t> literal_at) {
    EncodeOptions options = kParseSpecial;
    options.literal_at = literal_at;
    return tokenizer->encode(text, options);
  };
  // "</s>" as text: a dummy prefix and four bytes.
  const Ids as_text{260, kFirstByte + '<', kFirstByte + '/', kFirstByte + 's', kFirstByte + '>'};
  Ids expected = as_text;
  expected.insert(expected.end(), {2, 261});
  EXPECT_EQ(ids({0}), expected);
  expected = as_text;
  expected.insert(expected.begin(), 2);
  expected.push_back(261);
  EXPECT_EQ(ids({4}), expected);
  EXPECT_EQ(ids({1, 2, 3, 5}), (Ids{2, 2, 261}));
  EXPECT_EQ(ids({8}), (Ids{2, 2, 261})) << "user-defined tokens are text anyway";
}

TEST(Detokenizer, Push_PartsOfACharacter_WaitsForTheWhole) {
  const auto tokenizer = word_vocabulary().create();
  Detokenizer detokenizer(*tokenizer, true);
  EXPECT_EQ(detokenizer.push(1), "");
  EXPECT_EQ(detokenizer.push(259), "hi");
  EXPECT_EQ(detokenizer.push(kFirstByte + 0xF0), "");
  EXPECT_EQ(detokenizer.push(kFirstByte + 0x9F), "");
  EXPECT_EQ(detokenizer.push(2), "") << "a control token in between adds nothing";
  EXPECT_EQ(detokenizer.push(kFirstByte + 0x98), "");
  EXPECT_EQ(detokenizer.push(kFirstByte + 0x81), "\U0001F601");
  EXPECT_EQ(detokenizer.push(kFirstByte + 0xE4), "");
  EXPECT_EQ(detokenizer.finish(), "\uFFFD");
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, Push_CharacterBrokenOff_IsReplacedAndGoesOn) {
  const auto tokenizer = word_vocabulary().create();
  Detokenizer detokenizer(*tokenizer, true);
  EXPECT_EQ(detokenizer.push(kFirstByte + 0xE4), "");
  EXPECT_EQ(detokenizer.push(259), "\uFFFD hi");
}

TEST(Detokenizer, Push_ContinuingAPrompt_KeepsTheSpace) {
  const auto tokenizer = word_vocabulary().create();
  Detokenizer detokenizer(*tokenizer, false);
  EXPECT_EQ(detokenizer.push(259), " hi");
}

}  // namespace
}  // namespace hearth::text
