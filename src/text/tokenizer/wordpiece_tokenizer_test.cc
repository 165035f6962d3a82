#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

// 0 [PAD], 1 [UNK], 2 [CLS], 3 [SEP], then pieces.
TestVocabulary wordpiece_vocabulary() {
  TestVocabulary vocabulary;
  vocabulary.source.model = "bert";
  for (const char* text : {"[PAD]", "[UNK]", "[CLS]", "[SEP]"}) vocabulary.add(text, TokenType::kControl);
  vocabulary.source.unknown = 1;
  vocabulary.source.bos = 2;
  vocabulary.source.eos = 3;
  return vocabulary;
}

class WordPiece : public ::testing::Test {
 protected:
  TestVocabulary vocabulary = wordpiece_vocabulary();
  TokenId un = vocabulary.add("\u2581un");
  TokenId aff = vocabulary.add("aff");
  TokenId able = vocabulary.add("able");
  TokenId unaff = vocabulary.add("\u2581unaff");
  TokenId a = vocabulary.add("\u2581a");
  TokenId comma = vocabulary.add("\u2581,");
};

TEST_F(WordPiece, Encode_Word_IsItsLongestPieces) {
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("unaffable", kPlain), (Ids{unaff, able}));
  EXPECT_EQ(tokenizer->encode("UN\u00C0ffable", kPlain), (Ids{unaff, able}));
  EXPECT_EQ(tokenizer->encode("un,a", kPlain), (Ids{un, comma, a}));
  EXPECT_EQ(tokenizer->encode("  \n", kPlain), Ids{});
}

// Greed may lose: "unaff" leaves "x", which is no piece, though none of "un" and "affx" is one either.
TEST_F(WordPiece, Encode_WordThatPiecesDoNotSpell_IsUnknownAsAWhole) {
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("unaffx un", kPlain), (Ids{1, un}));
  EXPECT_EQ(tokenizer->encode("able", kPlain), Ids{1});  // continues words, begins none
  EXPECT_EQ(tokenizer->encode("ununn", kPlain), Ids{1});
}

TEST_F(WordPiece, Encode_WordOfMoreThan100Characters_IsUnknown) {
  const TokenId e = vocabulary.add("\u00F8");
  const auto tokenizer = vocabulary.create();
  std::string word = "a";
  for (int i = 0; i < 99; ++i) word += "\u00F8";
  Ids expected(100, e);
  expected[0] = a;
  EXPECT_EQ(tokenizer->encode(word, kPlain), expected);
  EXPECT_EQ(tokenizer->encode(word + "\u00F8", kPlain), Ids{1});
}

TEST_F(WordPiece, Encode_Special_FramesTheText) {
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("un", {}), (Ids{2, un, 3}));
  EXPECT_EQ(tokenizer->encode("", {}), (Ids{2, 3}));
  EXPECT_EQ(tokenizer->encode("un[SEP]a", kParseSpecial), (Ids{un, 3, a}));
  EXPECT_EQ(tokenizer->encode("[SEP]", kPlain), (Ids{1, 1, 1}));
  vocabulary.source.add_eos = false;
  EXPECT_EQ(vocabulary.create()->encode("un", {}), (Ids{2, un}));
}

TEST_F(WordPiece, Create_IdsThatTheFileLeavesOut_AreFoundByName) {
  vocabulary.source.bos = vocabulary.source.eos = vocabulary.source.unknown = std::nullopt;
  EXPECT_EQ(vocabulary.create()->encode("un x", {}), (Ids{2, un, 1, 3}));
}

TEST_F(WordPiece, Decode_Words_ArePartedBySpaces) {
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->decode(Ids{2, unaff, able, comma, a, 3}), "unaffable , a");
}

TEST_F(WordPiece, Encode_NoUnknownToken_DropsTheWord) {
  TestVocabulary bare;
  bare.source.model = "bert";
  const TokenId only = bare.add("\u2581x");
  EXPECT_EQ(bare.create()->encode("y x \xFF", kPlain), Ids{only});
}

}  // namespace
}  // namespace hearth::text
