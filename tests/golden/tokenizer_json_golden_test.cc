// tokenizer.json against the vocabularies of GGUF files, whose ids are the models' own: each vocabulary is
// written as the tokenizer.json of its model, with the components that the model's publisher chose, and must
// then give the same ids.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "models/tokenizer_gguf.h"
#include "tests/golden/texts.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_data.h"
#include "text/tokenizer/huggingface/huggingface.h"

namespace hearth::text {
namespace {

using nlohmann::json;

constexpr std::string_view kSpaceMarker = "\u2581";
constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr const char* kBooks[] = {"wiki.test.raw", "war-and-peace.txt", "wizard-of-oz.txt",
                                  "tinyshakespeare.txt"};

json regex_split(std::string_view expression) {
  return {
      {"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
}
json byte_level(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}
json digits(bool individual) {
  return {{"type", "Digits"}, {"individual_digits", individual}};
}
json sequence(const char* key, std::vector<json> parts) {
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}
json replace(std::string_view pattern, std::string_view content) {
  return {{"type", "Replace"}, {"pattern", {{"String", pattern}}}, {"content", content}};
}

constexpr const char* kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What the models' publishers chose.
json pre_tokenizer_of(const std::string& name) {
  if (name == "gpt-2") return byte_level(true);
  if (name == "llama-bpe") return sequence("pretokenizers", {regex_split(kLlama3), byte_level(false)});
  if (name == "qwen2") return sequence("pretokenizers", {regex_split(kQwen2), byte_level(false)});
  if (name == "starcoder" || name == "smollm2") {
    return sequence("pretokenizers", {digits(true), byte_level(true)});
  }
  if (name == "deepseek-coder") {
    return sequence(
        "pretokenizers",
        {regex_split("[\r\n]"), regex_split(R"(\s?\p{L}+)"), regex_split(R"(\s?\p{P}+)"),
         regex_split("[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"), digits(true), byte_level(false)});
  }
  if (name == "falcon") {
    return sequence("pretokenizers", {{{"type", "Punctuation"}, {"behavior", "Contiguous"}},
                                      byte_level(true),
                                      digits(false),
                                      regex_split("[0-9][0-9][0-9]")});
  }
  return nullptr;
}

json added_tokens_of(const VocabularySource& source, bool rstrip) {
  json added = json::array();
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    const auto type = static_cast<TokenType>(source.types[i]);
    const bool special = type == TokenType::kControl || type == TokenType::kUnknown;
    if (!special && type != TokenType::kUserDefined) continue;
    const std::string_view text = source.tokens[i];
    const bool takes_space = rstrip && text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
    added.push_back({{"id", i},
                     {"content", text},
                     {"special", special},
                     {"normalized", false},
                     {"lstrip", false},
                     {"rstrip", takes_space},
                     {"single_word", false}});
  }
  return added;
}

// The merges that a SentencePiece vocabulary implies: every way to put a token together from two others, best
// scores first.
json merges_of_scores(const VocabularySource& source) {
  std::map<std::string_view, size_t> ids;
  for (size_t i = 0; i < source.tokens.size(); ++i) ids.emplace(source.tokens[i], i);
  struct Merge {
    float score;
    std::string_view left, right;
  };
  std::vector<Merge> merges;
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    const std::string_view text = source.tokens[i];
    if (source.types[i] != static_cast<int64_t>(TokenType::kNormal)) continue;
    for (size_t n = 1; n < text.size(); ++n) {
      if (ids.count(text.substr(0, n)) != 0 && ids.count(text.substr(n)) != 0) {
        merges.push_back({source.scores[i], text.substr(0, n), text.substr(n)});
      }
    }
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [](const Merge& a, const Merge& b) { return a.score > b.score; });
  json out = json::array();
  for (const Merge& merge : merges) out.push_back({merge.left, merge.right});
  return out;
}

json bpe_json(const std::string& name, const VocabularySource& source) {
  json root;
  json& model = root["model"];
  model["type"] = "BPE";
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    // Tokens that were added to a vocabulary later are no part of its model.
    if (source.types[i] == static_cast<int64_t>(TokenType::kUserDefined)) continue;
    model["vocab"][std::string(source.tokens[i])] = i;
  }
  root["added_tokens"] = added_tokens_of(source, name == "phi-3");
  if (source.model == "llama") {
    model["byte_fallback"] = true;
    model["fuse_unk"] = true;
    model["unk_token"] = "<unk>";
    model["merges"] = merges_of_scores(source);
    root["normalizer"] = sequence(
        "normalizers", {{{"type", "Prepend"}, {"prepend", kSpaceMarker}}, replace(" ", kSpaceMarker)});
    root["decoder"] =
        sequence("decoders", {replace(kSpaceMarker, " "),
                              {{"type", "ByteFallback"}},
                              {{"type", "Fuse"}},
                              {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}});
    return root;
  }
  for (const std::string_view merge : source.merges) model["merges"].push_back(merge);
  model["ignore_merges"] = name == "llama-bpe";
  if (name == "qwen2") root["normalizer"] = {{"type", "NFC"}};
  root["pre_tokenizer"] = pre_tokenizer_of(name);
  root["decoder"] = byte_level(true);
  return root;
}

// BERT's own spelling: ## before what continues a word, nothing before what begins one.
json wordpiece_json(const VocabularySource& source) {
  json root;
  json& model = root["model"];
  model["type"] = "WordPiece";
  model["unk_token"] = "[UNK]";
  model["continuing_subword_prefix"] = "##";
  model["max_input_chars_per_word"] = 100;
  for (size_t i = 0; i < source.tokens.size(); ++i) {
    const std::string_view text = source.tokens[i];
    const bool begins_word = text.substr(0, kSpaceMarker.size()) == kSpaceMarker;
    const bool special = source.types[i] == static_cast<int64_t>(TokenType::kControl);
    const std::string spelled = begins_word ? std::string(text.substr(kSpaceMarker.size()))
                                : special   ? std::string(text)
                                            : "##" + std::string(text);
    model["vocab"][spelled] = i;
  }
  root["added_tokens"] = added_tokens_of(source, false);
  root["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", nullptr},
                        {"lowercase", true}};
  root["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  const auto special = [](const char* token, int id) {
    return json{{"id", token}, {"ids", {id}}, {"tokens", {token}}};
  };
  root["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "[CLS]"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        {{"SpecialToken", {{"id", "[SEP]"}, {"type_id", 0}}}}}},
      {"special_tokens", {{"[CLS]", special("[CLS]", 101)}, {"[SEP]", special("[SEP]", 102)}}}};
  root["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", false}};
  return root;
}

struct Pair {
  std::unique_ptr<const Tokenizer> of_gguf, of_json;
};

Pair load(const std::filesystem::path& path) {
  auto file = gguf::File::open(path);
  EXPECT_TRUE(file) << (file ? "" : file.error().message());
  if (!file) return {};
  const auto source = models::vocabulary_from_gguf(*file);
  auto of_gguf = models::load_tokenizer(*file);
  EXPECT_TRUE(source && of_gguf) << path;
  if (!source || !of_gguf) return {};
  const std::string name = path.stem().string();
  const std::string text =
      (source->model == "bert" ? wordpiece_json(*source) : bpe_json(name, *source)).dump();
  HuggingFaceFiles files;
  files.tokenizer = text;
  auto of_json = tokenizer_from_json(files);
  EXPECT_TRUE(of_json) << (of_json ? "" : of_json.error().message());
  if (!of_json) return {};
  return {std::move(*of_gguf), std::move(of_json->tokenizer)};
}

void expect_same_ids_of_cases_and_books(const Pair& pair) {
  // The cases are the same texts for every vocabulary.
  const auto texts = testing::read_texts(testing::test_data_folder() / "tokenizers/cases/llama-bpe.inp");
  ASSERT_EQ(texts.size(), 46U);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto expected = pair.of_gguf->encode(texts[i], kPlain);
    EXPECT_EQ(pair.of_json->encode(texts[i], kPlain), expected) << "case " << i << ": " << texts[i];
    EXPECT_EQ(pair.of_json->decode(expected), pair.of_gguf->decode(expected)) << "case " << i;
  }
  for (const char* book : kBooks) {
    const std::string text =
        testing::part_if_sanitized(testing::read_file(testing::test_data_folder() / "text" / book));
    ASSERT_GT(text.size(), 90'000U) << book;
    const auto expected = pair.of_gguf->encode(text, kPlain);
    const auto found = pair.of_json->encode(text, kPlain);
    const auto [a, b] = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    EXPECT_TRUE(found == expected) << book << ", from token " << a - expected.begin() << " of "
                                   << expected.size() << ": "
                                   << pair.of_gguf->decode({&*a, std::min<size_t>(8, expected.end() - a)});
    EXPECT_TRUE(pair.of_json->decode(found) == pair.of_gguf->decode(expected)) << book;
  }
}

void expect_same_special_tokens(const Pair& pair) {
  ASSERT_EQ(pair.of_json->vocabulary_size(), pair.of_gguf->vocabulary_size());
  std::string text = "Begin";
  for (TokenId id = 0, n = 0; id < pair.of_gguf->vocabulary_size() && n < 40; ++id) {
    const TokenType type = pair.of_gguf->token_type(id);
    if (type != TokenType::kControl && type != TokenType::kUserDefined) continue;
    text += std::string(pair.of_gguf->token_bytes(id, true)) + " word\n";
    ++n;
  }
  for (const bool parse_special : {true, false}) {
    const EncodeOptions options{.add_special = false, .parse_special = parse_special};
    const auto expected = pair.of_gguf->encode(text, options);
    EXPECT_EQ(pair.of_json->encode(text, options), expected);
    for (const bool special : {true, false}) {
      for (const TokenId id : expected) {
        ASSERT_EQ(pair.of_json->token_bytes(id, special), pair.of_gguf->token_bytes(id, special)) << id;
      }
    }
  }
}

class TokenizerJsonGolden : public ::testing::TestWithParam<const char*> {};

// In one test: nearly all of its time goes into writing and reading the vocabulary.
TEST_P(TokenizerJsonGolden, Encode_CasesBooksAndSpecialTokens_GiveTheIdsOfTheGguf) {
  HEARTH_NEEDS_TEST_DATA(folder, "tokenizers/gguf");
  const Pair pair = load(folder / (std::string(GetParam()) + ".gguf"));
  ASSERT_NE(pair.of_json, nullptr);
  expect_same_ids_of_cases_and_books(pair);
  expect_same_special_tokens(pair);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerJsonGolden,
                         ::testing::Values("gpt-2", "llama-bpe", "qwen2", "starcoder", "smollm2",
                                           "deepseek-coder", "falcon", "llama-spm", "phi-3", "bert-bge"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace hearth::text
