#include <random>

#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Ids = std::vector<TokenId>;

// 256 "he", 257 "ll", 258 "hell", 259 "hello", 260 " w", 261 "<|end|>" (control), 262 "<tool>" (user-defined)
TestVocabulary hello_vocabulary(std::string_view pre = "gpt-2") {
  TestVocabulary vocabulary = byte_level_vocabulary(pre);
  for (const char* text : {"he", "ll", "hell", "hello", "\u0120w"}) vocabulary.add(text);
  vocabulary.add("<|end|>", TokenType::kControl);
  vocabulary.add("<tool>", TokenType::kUserDefined);
  for (const char* merge : {"h e", "l l", "he ll", "hell o", "\u0120 w"}) vocabulary.add_merge(merge);
  return vocabulary;
}

TEST(BpeTokenizer, Encode_Merges_ApplyInTheirOrder) {
  const auto tokenizer = hello_vocabulary().create();
  EXPECT_EQ(tokenizer->encode("hello", kPlain), Ids{259});
  EXPECT_EQ(tokenizer->encode("hello world", kPlain), (Ids{259, 260, 'o', 'r', 'l', 'd'}));
  EXPECT_EQ(tokenizer->encode("helll", kPlain), (Ids{258, 'l'}));
  EXPECT_EQ(tokenizer->encode("", kPlain), Ids{});
  EXPECT_EQ(tokenizer->decode(Ids{259, 260, 'o'}), "hello wo");
}

TEST(BpeTokenizer, Encode_EarlierMerge_TakesTheSharedSymbol) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  const TokenId bc = vocabulary.add("bc");
  const TokenId ab = vocabulary.add("ab");
  vocabulary.add_merge("b c");
  vocabulary.add_merge("a b");
  EXPECT_EQ(vocabulary.create()->encode("abc", kPlain), (Ids{'a', bc}));
  EXPECT_EQ(vocabulary.create()->encode("ab", kPlain), Ids{ab});
}

TEST(BpeTokenizer, Encode_WordIsATokenThatNoMergeMakes_DependsOnTheRule) {
  for (const auto& [pre, ids] : {std::pair("gpt-2", Ids{'x', 'y'}), std::pair("llama-bpe", Ids{263})}) {
    TestVocabulary vocabulary = hello_vocabulary(pre);
    vocabulary.add("xy");
    EXPECT_EQ(vocabulary.create()->encode("xy", kPlain), ids) << pre;
  }
}

TEST(BpeTokenizer, Encode_ControlTokenInTheText_OnlyWhereAsked) {
  for (const char* pre : {"gpt-2", "llama-bpe"}) {
    const auto tokenizer = hello_vocabulary(pre).create();
    EXPECT_EQ(tokenizer->encode("hello<|end|>hello", kParseSpecial), (Ids{259, 261, 259})) << pre;
    const Ids plain = tokenizer->encode("<|end|>", kPlain);
    EXPECT_EQ(std::count(plain.begin(), plain.end(), 261), 0) << pre;
    EXPECT_EQ(tokenizer->decode(plain), "<|end|>") << pre;
    EXPECT_EQ(tokenizer->encode("a<tool>b", kPlain), (Ids{'a', 262, 'b'})) << pre;
  }
}

// The whole word is the text of a control token, which ignore_merges must not give.
TEST(BpeTokenizer, Encode_WordThatSpellsAControlToken_StaysText) {
  TestVocabulary vocabulary = hello_vocabulary("llama-bpe");
  const TokenId control = vocabulary.add("stop", TokenType::kControl);
  EXPECT_EQ(vocabulary.create()->encode("stop", kPlain), (Ids{'s', 't', 'o', 'p'}));
  EXPECT_EQ(vocabulary.create()->encode("stop", kParseSpecial), Ids{control});
}

TEST(BpeTokenizer, Encode_AddSpecial_FollowsTheFileThenTheRule) {
  TestVocabulary vocabulary = hello_vocabulary("gpt-2");
  vocabulary.source.bos = 261;
  vocabulary.source.eos = 261;
  EXPECT_EQ(vocabulary.create()->encode("a", {}), Ids{'a'});
  vocabulary.source.add_bos = true;
  vocabulary.source.add_eos = true;
  EXPECT_EQ(vocabulary.create()->encode("a", {}), (Ids{261, 'a', 261}));
  EXPECT_EQ(vocabulary.create()->encode("a", kPlain), Ids{'a'});

  TestVocabulary llama = hello_vocabulary("llama-bpe");
  EXPECT_EQ(llama.create()->encode("a", {}), Ids{'a'}) << "there is no BOS token to add";
  llama.source.bos = 261;
  EXPECT_EQ(llama.create()->encode("a", {}), (Ids{261, 'a'}));
  llama.source.add_bos = false;
  EXPECT_EQ(llama.create()->encode("a", {}), Ids{'a'});
}

// RoBERTa's kin: GPT-2's words, framed as the file says.
TEST(BpeTokenizer, Encode_RobertaKin_CutsAsGpt2) {
  for (const char* pre : {"roberta-bpe", "jina-v1-en", "jina-v2-code"}) {
    TestVocabulary vocabulary = hello_vocabulary(pre);
    const TokenId bos = vocabulary.add("<s>", TokenType::kControl);
    const TokenId eos = vocabulary.add("</s>", TokenType::kControl);
    vocabulary.source.bos = bos;
    vocabulary.source.eos = eos;
    vocabulary.source.add_bos = true;
    vocabulary.source.add_eos = true;
    EXPECT_EQ(vocabulary.create()->encode("hello wo 12", {}), (Ids{bos, 259, 260, 'o', ' ', '1', '2', eos}))
        << pre;
  }
}

TEST(BpeTokenizer, Encode_MergeOfStringsThatAreNoTokens_IsAStep) {
  TestVocabulary vocabulary = byte_level_vocabulary();
  const TokenId abc = vocabulary.add("abc");
  vocabulary.add_merge("a b");  // "ab" is no token
  vocabulary.add_merge("ab c");
  const auto tokenizer = vocabulary.create();
  EXPECT_EQ(tokenizer->encode("abc", kPlain), Ids{abc});
  EXPECT_EQ(tokenizer->encode("ab", kPlain), (Ids{'a', 'b'}));
}

TEST(BpeTokenizer, Encode_ByteWithoutAToken_IsUnknownOrLeftOut) {
  TestVocabulary vocabulary;
  vocabulary.source.model = "gpt2";
  vocabulary.add("a");
  const TokenId unknown = vocabulary.add("<unk>", TokenType::kUnknown);
  EXPECT_EQ(vocabulary.create()->encode("ab", kPlain), Ids{0});
  vocabulary.source.unknown = unknown;
  EXPECT_EQ(vocabulary.create()->encode("abaz", kPlain), (Ids{0, unknown, 0, unknown}));
}

TEST(BpeTokenizer, Encode_RandomBytes_RoundTrip) {
  const auto tokenizer = hello_vocabulary("llama-bpe").create();
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::string text(random() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string bytes;
    for (const TokenId id : tokenizer->encode(text, kParseSpecial)) bytes += tokenizer->token_bytes(id, true);
    ASSERT_EQ(bytes, text);
  }
}

TEST(BpeTokenizer, Encode_AMegabyteOfOneLetter_EndsSoon) {
  TestVocabulary vocabulary = byte_level_vocabulary("llama-bpe");
  const TokenId aa = vocabulary.add("aa");
  vocabulary.add_merge("a a");
  const Ids ids = vocabulary.create()->encode(std::string(size_t{1} << 20, 'a'), kPlain);
  EXPECT_EQ(ids, Ids(size_t{1} << 19, aa));
}

TEST(BpeTokenizer, Encode_WordBeyondTheLimit_IsCutAndWhole) {
  const std::string text((size_t{4} << 20) + 3, 'a');
  const auto tokenizer = byte_level_vocabulary().create();
  EXPECT_EQ(tokenizer->encode(text, kPlain), Ids(text.size(), 'a'));
}

TEST(BpeTokenizer, Create_MergeWithoutTwoStrings_IsRefused) {
  for (const char* merge : {"", "ab", "a ", " ", " a"}) {
    TestVocabulary vocabulary = byte_level_vocabulary();
    vocabulary.add_merge("a b");
    vocabulary.add_merge(merge);
    EXPECT_EQ(
        vocabulary.refusal(),
        fmt::format("malformed: merge 1: expected two strings and a space between, found \"{}\"", merge));
  }
}

TEST(BpeTokenizer, Create_MergeOutsideTheAlphabet_IsNoMerge) {
  TestVocabulary vocabulary = hello_vocabulary();
  vocabulary.add_merge("\u2581 \u2581");
  vocabulary.add_merge("\xFF\xFE a");
  EXPECT_EQ(vocabulary.create()->encode("hello", kPlain), Ids{259});
}

TEST(BpeTokenizer, Create_UnknownPreTokenizer_IsUnsupportedByName) {
  EXPECT_EQ(byte_level_vocabulary("gpt-99").refusal(),
            "unsupported: pre-tokenizer: expected one that Hearth knows, found \"gpt-99\"");
}

}  // namespace
}  // namespace hearth::text
