#include "models/tokenizer_gguf.h"

#include <gtest/gtest.h>

#include "formats/gguf/writer.h"
#include "tests/support/gguf_writer.h"
#include "text/tokenizer/training/bpe_trainer.h"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using Ids = std::vector<text::TokenId>;

constexpr text::EncodeOptions kParseSpecial{.add_special = true, .parse_special = true};

// <unk> <s> </s> and three pieces: "a", a space, and both together.
GgufWriter sentencepiece_file() {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", "llama")
      .add_strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "\u2581", "\u2581a"})
      .add_array<float>("tokenizer.ggml.scores", {0, 0, 0, -1, -2, -3})
      .add_array<int32_t>("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1});
  return writer;
}

// The message of the error, "" if the tokenizer loads.
std::string refusal(GgufWriter& writer) {
  const std::string bytes = writer.build();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "model.gguf");
  EXPECT_TRUE(file) << (file ? "" : file.error().message());
  const auto tokenizer = load_tokenizer(*file);
  return tokenizer ? "" : tokenizer.error().message();
}

Ids encode(GgufWriter& writer, std::string_view text) {
  std::unique_ptr<const text::Tokenizer> tokenizer;
  {
    const std::string bytes = writer.build();
    const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "model.gguf");
    auto loaded = load_tokenizer(*file);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message());
    if (!loaded) return {};
    tokenizer = std::move(loaded).value();
  }
  return tokenizer->encode(text, kParseSpecial);  // the file is gone
}

TEST(TokenizerGguf, Load_SentencePiece_ReadsEveryKey) {
  GgufWriter plain = sentencepiece_file();
  EXPECT_EQ(encode(plain, "a"), (Ids{1, 5}));
  GgufWriter writer = sentencepiece_file();
  writer.add_u32("tokenizer.ggml.bos_token_id", 2)
      .add_u32("tokenizer.ggml.eos_token_id", 1)
      .add_u32("tokenizer.ggml.unknown_token_id", 4)
      .add_bool("tokenizer.ggml.add_eos_token", true)
      .add_bool("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(encode(writer, "a?"), (Ids{2, 3, 4, 1}));
  GgufWriter without_bos = sentencepiece_file();
  without_bos.add_bool("tokenizer.ggml.add_bos_token", false);
  EXPECT_EQ(encode(without_bos, "a"), Ids{5});
}

TEST(TokenizerGguf, Load_ByteLevelBpe_ReadsMergesAndPreTokenizer) {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", "gpt2")
      .add_string("tokenizer.ggml.pre", "gpt-2")
      .add_strings("tokenizer.ggml.tokens", {"a", "b", "ab", "<|x|>"})
      .add_array<int32_t>("tokenizer.ggml.token_type", {1, 1, 1, 3})
      .add_strings("tokenizer.ggml.merges", {"a b"})
      .add_u32("tokenizer.ggml.eot_token_id", 0);
  EXPECT_EQ(encode(writer, "ab<|x|>a"), (Ids{2, 3, 0}));
}

TEST(TokenizerGguf, Load_Gemma4_ReadsMergesAndBegins) {
  GgufWriter writer;
  writer.add_string("tokenizer.ggml.model", "gemma4")
      .add_strings("tokenizer.ggml.tokens", {"<eos>", "<bos>", "a", "\u2581", "\u2581a", "<0x0A>"})
      .add_array<float>("tokenizer.ggml.scores", {-1000, -1000, -1000, -1000, -1000, -1000})
      .add_array<int32_t>("tokenizer.ggml.token_type", {3, 3, 1, 1, 1, 6})
      .add_strings("tokenizer.ggml.merges", {"\u2581 a"})
      .add_u32("tokenizer.ggml.bos_token_id", 1)
      .add_u32("tokenizer.ggml.eos_token_id", 0)
      .add_bool("tokenizer.ggml.add_bos_token", false)
      .add_bool("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(encode(writer, "a a\n<eos>"), (Ids{1, 2, 4, 5, 0}));
}

TEST(TokenizerGguf, Load_Phi3ByName_SwallowsSpaceBehindSpecialTokens) {
  GgufWriter other = sentencepiece_file();
  EXPECT_EQ(encode(other, "</s> a"), (Ids{1, 2, 4, 5}));
  for (const char* name : {"Phi3", "Microsoft Phi-3 Mini"}) {
    GgufWriter phi = sentencepiece_file();
    phi.add_string("general.name", name);
    EXPECT_EQ(encode(phi, "</s> a"), (Ids{1, 2, 5})) << name;
  }
}

TEST(TokenizerGguf, Load_MissingKeys_AreNamed) {
  GgufWriter nothing;
  EXPECT_NE(refusal(nothing).find("tokenizer.ggml.model"), std::string::npos) << refusal(nothing);
  GgufWriter no_tokens;
  no_tokens.add_string("tokenizer.ggml.model", "llama");
  EXPECT_EQ(refusal(no_tokens),
            "model.gguf: tokenizer.ggml.tokens: expected an array of strings, found no such key");
}

TEST(TokenizerGguf, Load_KeysOfAnotherType_AreNamed) {
  GgufWriter bos = sentencepiece_file();
  bos.add_string("tokenizer.ggml.bos_token_id", "1");
  EXPECT_EQ(refusal(bos), "model.gguf: tokenizer.ggml.bos_token_id: expected an integer, found string");
  GgufWriter merges = sentencepiece_file();
  merges.add_array<int32_t>("tokenizer.ggml.merges", {1, 2});
  EXPECT_EQ(refusal(merges),
            "model.gguf: tokenizer.ggml.merges: expected an array of strings, found an array of 2 i32");
}

TEST(TokenizerGguf, Load_BadVocabulary_NamesTheFileAndTheEntry) {
  GgufWriter writer = sentencepiece_file();
  writer.add_u32("tokenizer.ggml.eos_token_id", 6);
  EXPECT_EQ(refusal(writer), "model.gguf: tokenizer: EOS token: expected an id below 6, found 6");
}

TEST(TokenizerGguf, SetVocabulary_OfATrainedOne_LoadsAsItWasTrained) {
  auto trainer = text::BpeTrainer::create({.vocabulary_size = 264,
                                           .pre = "starcoder",
                                           .special = {"<|im_start|>"},
                                           .bos = "<s>",
                                           .eos = "</s>",
                                           .padding = "<pad>",
                                           .add_bos = true});
  ASSERT_TRUE(trainer) << trainer.error().message();
  ASSERT_TRUE(trainer->add("the cat and the hat, the cat that sat\n\u00E9t\u00E9 12"));
  const auto vocabulary = trainer->train();
  ASSERT_TRUE(vocabulary) << vocabulary.error().message();
  gguf::FileDraft draft;
  set_vocabulary(draft, *vocabulary);
  std::string bytes;
  auto writer = gguf::Writer::begin(draft, [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    return Result<void>();
  });
  ASSERT_TRUE(writer) << writer.error().message();
  ASSERT_TRUE(writer->finish());

  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "trained.gguf");
  ASSERT_TRUE(file) << file.error().message();
  const auto loaded = load_tokenizer(*file);
  ASSERT_TRUE(loaded) << loaded.error().message();
  const text::Tokenizer& tokenizer = **loaded;
  EXPECT_EQ(tokenizer.vocabulary_size(), 264);
  EXPECT_EQ(tokenizer.bos(), 261);
  EXPECT_EQ(tokenizer.eos(), 262);
  EXPECT_EQ(file->find("tokenizer.ggml.padding_token_id")->as_i64(), 263);
  EXPECT_EQ(tokenizer.token_type(260), text::TokenType::kControl);
  EXPECT_TRUE(tokenizer.ends_generation(262));
  const auto in_memory = text::Tokenizer::create(vocabulary->source());
  for (const char* text : {"the hat", "<|im_start|>that 12</s>", "\u00E9t\u00E9 \u4E2D"}) {
    const Ids ids = tokenizer.encode(text, kParseSpecial);
    EXPECT_EQ(ids.front(), 261);
    EXPECT_EQ(ids, (*in_memory)->encode(text, kParseSpecial));
  }
}

}  // namespace
}  // namespace hearth::models
