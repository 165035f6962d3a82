// Real vocabularies against the token ids that the models' own tokenizers give.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <sstream>

#include "models/tokenizer_gguf.h"
#include "tests/golden/texts.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_data.h"

namespace hearth::text {
namespace {

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};

std::unique_ptr<const Tokenizer> load(const std::filesystem::path& path) {
  auto file = gguf::File::open(path);
  EXPECT_TRUE(file) << (file ? "" : file.error().message());
  if (!file) return nullptr;
  auto tokenizer = models::load_tokenizer(*file);
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message());
  return tokenizer ? std::move(tokenizer).value() : nullptr;
}

std::vector<std::vector<TokenId>> read_ids(const std::filesystem::path& path) {
  std::istringstream lines(testing::read_file(path));
  std::vector<std::vector<TokenId>> all;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<TokenId>& ids = all.emplace_back();
    for (TokenId id = 0; words >> id;) ids.push_back(id);
  }
  return all;
}

// The exact bytes of `ids`, not made whole as decode() does.
std::string bytes_of(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  std::string bytes;
  for (const TokenId id : ids) bytes += tokenizer.token_bytes(id, false);
  if (tokenizer.adds_space_prefix() && !bytes.empty()) bytes.erase(0, 1);
  return bytes;
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, Encode_EveryCase_GivesTheModelsIds) {
  const std::string name = GetParam();
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers");
  const auto tokenizer = load(folder / "gguf" / (name + ".gguf"));
  ASSERT_NE(tokenizer, nullptr);
  const auto texts = testing::read_texts(folder / "cases" / (name + ".inp"));
  const auto ids = read_ids(folder / "cases" / (name + ".out"));
  ASSERT_EQ(texts.size(), 46U);
  ASSERT_EQ(texts.size(), ids.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(texts[i], kPlain), ids[i]) << "case " << i << ": " << texts[i];
    EXPECT_EQ(tokenizer->decode(ids[i]), texts[i]) << "case " << i;
  }
}

// Books, an encyclopedia, stories.
std::vector<std::filesystem::path> all_texts() {
  std::vector<std::filesystem::path> texts;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(testing::test_data_folder() / "text")) {
    if (entry.is_regular_file()) texts.push_back(entry.path());
  }
  EXPECT_GE(texts.size(), 7U);
  return texts;
}

TEST_P(TokenizerGolden, Encode_EveryText_RoundTrips) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers");
  const auto tokenizer = load(folder / "gguf" / (std::string(GetParam()) + ".gguf"));
  ASSERT_NE(tokenizer, nullptr);
  for (const std::filesystem::path& book : all_texts()) {
    const std::string text = testing::part_if_sanitized(testing::read_file(book));
    ASSERT_GT(text.size(), 1000U) << book;
    const auto ids = tokenizer->encode(text, kPlain);
    EXPECT_LT(ids.size(), text.size() / 2) << book;
    EXPECT_TRUE(tokenizer->decode(ids) == text) << book;
  }
}

// The ids are those of llama.cpp v0.5.0 on the same file.
TEST(TokenizerGoldenSmolLm2, Encode_Text_GivesTheIdsOfLlamaCpp) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers");
  const auto tokenizer = load(folder / "gguf" / "smollm2.gguf");
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(
      tokenizer->encode("It's 12345 caf\u00E9s in Z\u00FCrich,\n\n  4 \u00BD  \u4E2D\u6587 \U0001F600!  "
                        "def f(x):\n\treturn x\n",
                        kPlain),
      (std::vector<TokenId>{1589, 506, 216,   33, 34,  35,    36,  37,  20879, 17842, 281,   1777, 7170,
                            5130, 28,  39892, 36, 216, 16738, 216, 216, 28589, 29184, 40303, 218,  17,
                            216,  753, 275,   24, 104, 727,   198, 197, 5406,  1792,  198}));
  for (const std::filesystem::path& book : all_texts()) {
    const std::string text = testing::part_if_sanitized(testing::read_file(book));
    EXPECT_TRUE(tokenizer->decode(tokenizer->encode(text, kPlain)) == text) << book;
  }
}

// BERT keeps neither case nor accents nor spaces: what comes back is the text as BERT sees it, which is
// encoded to the same ids again.
TEST(TokenizerGoldenBert, Encode_EveryCase_GivesTheModelsIds) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers");
  const auto tokenizer = load(folder / "gguf" / "bert-bge.gguf");
  ASSERT_NE(tokenizer, nullptr);
  const auto texts = testing::read_texts(folder / "cases" / "bert-bge.inp");
  const auto ids = read_ids(folder / "cases" / "bert-bge.out");
  ASSERT_EQ(texts.size(), 46U);
  ASSERT_EQ(texts.size(), ids.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(texts[i], kPlain), ids[i]) << "case " << i << ": " << texts[i];
  }
  const auto framed = tokenizer->encode("Hello", {});
  EXPECT_EQ(framed, (std::vector<TokenId>{101, 7592, 102}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("H\u00C9llo, world's", kPlain)), "hello , world ' s");
}

TEST(TokenizerGoldenBert, Encode_EveryText_RoundTripsAsNormalized) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers");
  const auto tokenizer = load(folder / "gguf" / "bert-bge.gguf");
  ASSERT_NE(tokenizer, nullptr);
  for (const std::filesystem::path& book : all_texts()) {
    const std::string text = testing::part_if_sanitized(testing::read_file(book));
    const auto ids = tokenizer->encode(text, kPlain);
    EXPECT_GT(ids.size(), text.size() / 10) << book;
    // The few words that the vocabulary cannot spell would not come back.
    std::vector<TokenId> known = ids;
    std::erase(known, 100);
    EXPECT_LT(ids.size() - known.size(), ids.size() / 500) << book;
    const std::string normalized = tokenizer->decode(known);
    EXPECT_TRUE(tokenizer->encode(normalized, kPlain) == known) << book;
    EXPECT_TRUE(tokenizer->decode(tokenizer->encode(normalized, kPlain)) == normalized) << book;
  }
}

// <|end_of_text|> and <|eot_id|>; <|endoftext|> and <|im_end|>; <|endoftext|> and <|end|>; ...
TEST(TokenizerGoldenEnds, EndsGeneration_RealVocabularies_KnowTheirMarkers) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers/gguf");
  const std::pair<const char*, std::vector<TokenId>> kEnds[] = {{"llama-bpe", {128001, 128009}},
                                                                {"qwen2", {151643, 151645}},
                                                                {"phi-3", {32000, 32007}},
                                                                {"llama-spm", {2}},
                                                                {"smollm2", {0, 2}},
                                                                {"deepseek-llm", {100001}}};
  for (const auto& [name, ends] : kEnds) {
    const auto tokenizer = load(folder / (std::string(name) + ".gguf"));
    ASSERT_NE(tokenizer, nullptr);
    std::vector<TokenId> found;
    for (TokenId id = 0; id < tokenizer->vocabulary_size(); ++id) {
      if (tokenizer->ends_generation(id)) found.push_back(id);
    }
    EXPECT_EQ(found, ends) << name;
  }
}

TEST(TokenizerGoldenChat, Encode_Turn_GivesItsControlTokens) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers/gguf");
  const auto qwen = load(folder / "qwen2.gguf");
  ASSERT_NE(qwen, nullptr);
  const auto ids =
      qwen->encode("<|im_start|>user\nHi<|im_end|>\n", {.add_special = true, .parse_special = true});
  EXPECT_EQ(ids, (std::vector<TokenId>{151644, 872, 198, 13048, 151645, 198}));
  const auto phi = load(folder / "phi-3.gguf");
  ASSERT_NE(phi, nullptr);
  // "<|user|>\n" is one token, and the word behind it has its own prefix.
  EXPECT_EQ(phi->encode("<|user|>\nHi<|end|>\n", {.add_special = false, .parse_special = true}),
            (std::vector<TokenId>{32010, 6324, 32007}));
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerGolden,
                         ::testing::Values("llama-spm", "phi-3", "gpt-2", "llama-bpe", "qwen2",
                                           "deepseek-coder", "deepseek-llm", "falcon", "starcoder"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

class TokenizerBytes : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerBytes, Encode_RandomBytes_RoundTrip) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers/gguf");
  const auto tokenizer = load(folder / (std::string(GetParam()) + ".gguf"));
  ASSERT_NE(tokenizer, nullptr);
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 200, '\0');
    for (char& c : text) c = static_cast<char>(random());
    const auto ids = tokenizer->encode(text, kPlain);
    ASSERT_EQ(bytes_of(*tokenizer, ids), text) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerBytes,
                         ::testing::Values("llama-spm", "gpt-2", "llama-bpe", "qwen2"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hearth::text
