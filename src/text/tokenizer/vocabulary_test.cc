#include "text/tokenizer/vocabulary.h"

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

TEST(Vocabulary, Create_NoTokens_IsRefused) {
  for (const char* model : {"llama", "gpt2"}) {
    TestVocabulary vocabulary;
    vocabulary.source.model = model;
    EXPECT_EQ(vocabulary.refusal(), "malformed: tokens: expected 1 to 16777216, found 0");
  }
}

TEST(Vocabulary, Create_BadByteTokens_AreRefusedByName) {
  for (const char* text : {"<0x-1>", "<0xZZ>", "<0x>", "<0x0A", "<0x100>", "", "a", "<0x 1>", "<0x+1>"}) {
    for (TestVocabulary vocabulary : {sentencepiece_vocabulary(), byte_level_vocabulary()}) {
      const TokenId id = vocabulary.add(text, TokenType::kByte);
      EXPECT_EQ(vocabulary.refusal(),
                fmt::format("malformed: token {}: expected a byte <0x00> to <0xFF>, found \"{}\"", id, text));
    }
  }
}

TEST(Vocabulary, Create_SpecialIdOutOfRange_IsRefusedByName) {
  for (const int64_t id : {int64_t{259}, int64_t{-2}, int64_t{1} << 31, int64_t{1} << 32,
                           std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    const std::string end = fmt::format(" token: expected an id below 259, found {}", id);
    const auto refusal = [&](std::optional<int64_t> VocabularySource::*member) {
      TestVocabulary vocabulary = sentencepiece_vocabulary();
      vocabulary.source.*member = id;
      return vocabulary.refusal();
    };
    EXPECT_EQ(refusal(&VocabularySource::bos), "malformed: BOS" + end);
    EXPECT_EQ(refusal(&VocabularySource::eos), "malformed: EOS" + end);
    EXPECT_EQ(refusal(&VocabularySource::eot), "malformed: EOT" + end);
    EXPECT_EQ(refusal(&VocabularySource::unknown), "malformed: unknown" + end);
  }
}

TEST(Vocabulary, Create_SpecialIdOfAllOnes_IsAbsent) {
  TestVocabulary vocabulary = sentencepiece_vocabulary();
  vocabulary.source.bos = 4294967295;
  vocabulary.source.eos = -1;
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->bos(), std::nullopt);
  EXPECT_EQ(tokenizer->eos(), std::nullopt);
  EXPECT_TRUE(tokenizer->encode("", {}).empty());
}

TEST(Vocabulary, Create_MustAddATokenThatIsNotThere_IsRefused) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  vocabulary.source.add_bos = true;
  EXPECT_EQ(vocabulary.refusal(),
            "malformed: BOS token: expected one, as it is to begin every text, found none");
  vocabulary.source.bos = 0;
  vocabulary.source.add_eos = true;
  EXPECT_EQ(vocabulary.refusal(),
            "malformed: EOS token: expected one, as it is to end every text, found none");
}

TEST(Vocabulary, Create_TypesThatDoNotFit_AreRefused) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  vocabulary.source.types[7] = 7;
  EXPECT_EQ(vocabulary.refusal(), "malformed: token 7: expected a type from 0 to 6, found 7");
  vocabulary.source.types[7] = -1;
  EXPECT_EQ(vocabulary.refusal(), "malformed: token 7: expected a type from 0 to 6, found -1");
  vocabulary.source.types.pop_back();
  EXPECT_EQ(vocabulary.refusal(), "malformed: token types: expected 256, one per token, found 255");
}

TEST(Vocabulary, Create_HugeToken_IsRefused) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  vocabulary.add(std::string(4096, 'a'));
  EXPECT_EQ(vocabulary.refusal(), "");
  vocabulary.add(std::string(4097, 'a'));
  EXPECT_EQ(vocabulary.refusal(), "malformed: token 257: expected at most 4096 bytes, found 4097");
}

TEST(Vocabulary, Create_EmptyAndDoubledTokens_AreNeverEncoded) {
  for (TestVocabulary vocabulary : {sentencepiece_vocabulary(), byte_level_vocabulary()}) {
    const TokenId first = vocabulary.add("ab", TokenType::kNormal, -1);
    const TokenId second = vocabulary.add("ab", TokenType::kNormal, 5);
    vocabulary.add("");
    vocabulary.add("", TokenType::kUserDefined);
    vocabulary.add("", TokenType::kControl);
    if (vocabulary.source.model == "gpt2") vocabulary.add_merge("a b");
    const auto tokenizer = vocabulary.create();
    const auto ids = tokenizer->encode("ab", kParseSpecial);
    EXPECT_EQ(ids.back(), first);
    EXPECT_EQ(tokenizer->token_bytes(second, false), "ab");
    EXPECT_EQ(tokenizer->decode(ids), "ab");
  }
}

TEST(Vocabulary, Create_NoTypes_TakesByteTokensByTheirText) {
  TestVocabulary vocabulary = sentencepiece_vocabulary();
  vocabulary.source.types.clear();
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->token_type(3), TokenType::kByte);
  EXPECT_EQ(tokenizer->token_type(0), TokenType::kNormal);
  EXPECT_EQ(tokenizer->token_bytes(3 + 'x', false), "x");
}

TEST(Vocabulary, Create_UnknownModel_IsUnsupportedByName) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  vocabulary.source.model = "t5\xFF";
  EXPECT_EQ(vocabulary.refusal(),
            "unsupported: tokenizer model: expected llama, gpt2, gemma4, bert or t5, found \"t5\uFFFD\"");
}

TEST(Vocabulary, EndsGeneration_MarkersAndNamedIds_Only) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  const TokenId im_end = vocabulary.add("<|im_end|>", TokenType::kControl);
  const TokenId im_start = vocabulary.add("<|im_start|>", TokenType::kControl);
  const TokenId eot = vocabulary.add("<|eot_id|>", TokenType::kUserDefined);
  const TokenId text = vocabulary.add("[EOS]");
  const TokenId html = vocabulary.add("</s>", TokenType::kUserDefined);  // strikes text out, in HTML
  vocabulary.source.eos = 10;
  vocabulary.source.eot = 11;
  const auto tokenizer = vocabulary.create();
  for (const TokenId id : {im_end, eot, 10, 11}) EXPECT_TRUE(tokenizer->ends_generation(id)) << id;
  for (const TokenId id : {im_start, text, html, 12, -1, 100'000})
    EXPECT_FALSE(tokenizer->ends_generation(id)) << id;
}

TEST(Vocabulary, EndsGeneration_HarmonyMessages_EndWithoutEndingTheAnswer) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  const TokenId end = vocabulary.add("<|end|>", TokenType::kControl);
  EXPECT_TRUE(vocabulary.create()->ends_generation(end));
  const TokenId call = vocabulary.add("<|call|>", TokenType::kControl);
  const TokenId return_ = vocabulary.add("<|return|>", TokenType::kControl);
  const auto tokenizer = vocabulary.create();
  EXPECT_FALSE(tokenizer->ends_generation(end));
  EXPECT_TRUE(tokenizer->ends_generation(call));
  EXPECT_TRUE(tokenizer->ends_generation(return_));
}

}  // namespace
}  // namespace hearth::text
