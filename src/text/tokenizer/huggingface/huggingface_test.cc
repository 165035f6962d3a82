#include "text/tokenizer/huggingface/huggingface.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::text {
namespace {

using nlohmann::json;
using Ids = std::vector<TokenId>;
constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParseSpecial{.add_special = false, .parse_special = true};

// "code: message", "" if it is accepted.
std::string refusal(const HuggingFaceFiles& files) {
  const auto made = tokenizer_from_json(files);
  if (made) return "";
  return fmt::format("{}: {}", error_traits(made.error().code()).name, made.error().message());
}
std::string refusal(const std::string& text) {
  HuggingFaceFiles files;
  files.tokenizer = text;
  return refusal(files);
}
std::string refusal(const json& root) {
  return refusal(root.dump());
}

HuggingFaceTokenizer make(const json& root, std::string_view config = "", std::vector<int64_t> eos_ids = {}) {
  const std::string text = root.dump();
  HuggingFaceFiles files;
  files.tokenizer = text;
  files.tokenizer_config = config;
  files.eos_ids = std::move(eos_ids);
  auto made = tokenizer_from_json(files);
  EXPECT_TRUE(made) << (made ? "" : made.error().message());
  return made ? std::move(*made) : HuggingFaceTokenizer();
}

json word_level(const std::vector<std::string>& words) {
  json root;
  root["model"] = {{"type", "WordLevel"}, {"unk_token", "<unk>"}, {"vocab", {{"<unk>", 0}}}};
  for (const std::string& word : words) {
    json& vocab = root["model"]["vocab"];
    const size_t id = vocab.size();
    vocab.emplace(word, id);
  }
  return root;
}

// The words that a pre-tokenizer makes of a text, known by a vocabulary of all substrings.
std::vector<std::string> words_of(const json& pre_tokenizer, const std::string& text) {
  std::vector<std::string> all;
  for (const std::string& source : {text, " " + text}) {
    std::string marked;
    for (const char c : source) marked += c == ' ' ? std::string("\u2581") : std::string(1, c);
    for (const std::string& whole : {source, marked, "\u2581" + marked}) {
      for (size_t begin = 0; begin < whole.size(); ++begin) {
        for (size_t n = 1; begin + n <= whole.size(); ++n) {
          const std::string part = whole.substr(begin, n);
          const bool cuts_character =
              (static_cast<unsigned char>(part[0]) & 0xC0) == 0x80 ||
              (begin + n < whole.size() && (static_cast<unsigned char>(whole[begin + n]) & 0xC0) == 0x80);
          if (!cuts_character) all.push_back(part);
        }
      }
    }
  }
  json root = word_level(all);
  root["pre_tokenizer"] = pre_tokenizer;
  root["decoder"] = {{"type", "Fuse"}};
  const auto made = make(root);
  std::vector<std::string> words;
  for (const TokenId id : made.tokenizer->encode(text, kPlain)) {
    words.emplace_back(made.tokenizer->token_bytes(id, true));
  }
  return words;
}
using Words = std::vector<std::string>;

json split(const json& pattern, const char* behavior, bool invert = false) {
  return {{"type", "Split"}, {"pattern", pattern}, {"behavior", behavior}, {"invert", invert}};
}

// The examples of the format's own documentation: "the-final--countdown" at "-".
TEST(PreTokenizers, Split_Behaviors_AreThoseOfTheFormat) {
  const json dash = {{"String", "-"}};
  const std::string text = "the-final--countdown";
  EXPECT_EQ(words_of(split(dash, "Removed"), text), (Words{"the", "final", "countdown"}));
  EXPECT_EQ(words_of(split(dash, "Isolated"), text), (Words{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(words_of(split(dash, "MergedWithPrevious"), text), (Words{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(words_of(split(dash, "MergedWithNext"), text), (Words{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(words_of(split(dash, "Contiguous"), text), (Words{"the", "-", "final", "--", "countdown"}));
}

TEST(PreTokenizers, Split_Inverted_TakesTheMatchesForText) {
  EXPECT_EQ(words_of(split({{"Regex", "[a-z]+"}}, "Removed", true), "ab-cd.e"), (Words{"ab", "cd", "e"}));
}

TEST(PreTokenizers, Split_EmptyMatches_Cut) {
  EXPECT_EQ(words_of(split({{"Regex", "(?=[A-Z])"}}, "Isolated"), "aBcDE"), (Words{"a", "Bc", "D", "E"}));
  EXPECT_EQ(words_of(split({{"Regex", ""}}, "Isolated"), "abc"), (Words{"a", "b", "c"}));
}

TEST(PreTokenizers, Split_DigitsFromTheRight_GroupInThrees) {
  for (const char* expression :
       {R"((?=(\d{3})+(?!\d)))", R"((?=(?:\d{3})+(?!\d)))", R"((?=(\d\d\d)+(?!\d)))"}) {
    const json groups = split({{"Regex", expression}}, "Isolated");
    EXPECT_EQ(words_of(groups, "a1234567b123 12,1234"), (Words{"a1", "234", "567b", "123 12,1", "234"}));
    EXPECT_EQ(words_of(groups, "123"), Words{"123"});
    EXPECT_EQ(words_of(groups, "12"), Words{"12"});
    EXPECT_EQ(words_of(groups, "x"), Words{"x"});
  }
}

TEST(PreTokenizers, Plain_Types_CutAsTheFormatSays) {
  EXPECT_EQ(words_of({{"type", "Whitespace"}}, "Hi, it's\t x_1!?"),
            (Words{"Hi", ",", "it", "'", "s", "x_1", "!?"}));
  EXPECT_EQ(words_of({{"type", "WhitespaceSplit"}}, " Hi, \n it's "), (Words{"Hi,", "it's"}));
  EXPECT_EQ(words_of({{"type", "Punctuation"}}, "a,b.."), (Words{"a", ",", "b", ".", "."}));
  EXPECT_EQ(words_of({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "a,b.."),
            (Words{"a", ",", "b", ".."}));
  EXPECT_EQ(words_of({{"type", "Digits"}, {"individual_digits", true}}, "a12b"), (Words{"a", "1", "2", "b"}));
  EXPECT_EQ(words_of({{"type", "Digits"}, {"individual_digits", false}}, "a12b"), (Words{"a", "12", "b"}));
  EXPECT_EQ(words_of({{"type", "BertPreTokenizer"}}, "it's $5"), (Words{"it", "'", "s", "$", "5"}));
  EXPECT_EQ(words_of({{"type", "CharDelimiterSplit"}, {"delimiter", "|"}}, "a|b||"), (Words{"a", "b"}));
}

TEST(PreTokenizers, Metaspace_Schemes_DecideAboutTheFirstMarker) {
  const auto metaspace = [](const char* scheme, bool cuts) {
    return json{
        {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", scheme}, {"split", cuts}};
  };
  EXPECT_EQ(words_of(metaspace("always", true), "a b"), (Words{"\u2581"
                                                               "a",
                                                               "\u2581"
                                                               "b"}));
  EXPECT_EQ(words_of(metaspace("never", true), "a b"), (Words{"a",
                                                              "\u2581"
                                                              "b"}));
  EXPECT_EQ(words_of(metaspace("first", false), "a b"), Words{"\u2581"
                                                              "a\u2581"
                                                              "b"});
  EXPECT_EQ(words_of(metaspace("always", true), " a"), Words{"\u2581"
                                                             "a"});
  // "first" is the first of the text, not of each piece that a step before it cut.
  EXPECT_EQ(words_of({{"type", "Sequence"},
                      {"pretokenizers", {split({{"String", "-"}}, "Isolated"), metaspace("first", true)}}},
                     "a-b"),
            (Words{"\u2581"
                   "a",
                   "-", "b"}));
}

TEST(PreTokenizers, ByteLevelBeforeOthers_ShowsThemTheAlphabet) {
  // U+0120, the space of the alphabet, is a letter; the digit behind it is cut off.
  const json steps = {{"type", "Sequence"},
                      {"pretokenizers",
                       {{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}},
                        {{"type", "Digits"}, {"individual_digits", false}}}}};
  json root;
  root["model"] = {{"type", "BPE"},
                   {"vocab",
                    {{"\u0120", 0},
                     {"1", 1},
                     {"a", 2},
                     {"\u0120"
                      "1",
                      3},
                     {"\u0120"
                      "a",
                      4}}},
                   {"merges", {"\u0120 1", "\u0120 a"}}};
  root["pre_tokenizer"] = steps;
  EXPECT_EQ(make(root).tokenizer->encode(" a 1", kPlain), (Ids{4, 0, 1}));
}

json one_token_per_character(const std::string& characters) {
  std::vector<std::string> words;
  for (const char c : characters) words.emplace_back(1, c);
  json root = word_level(words);
  root["pre_tokenizer"] = split({{"Regex", "[\\s\\S]"}}, "Isolated");
  root["decoder"] = {{"type", "Fuse"}};
  return root;
}

std::string normalized(const json& normalizer, const std::string& text) {
  json root = one_token_per_character("abcdefghijklmnopqrstuvwxyzABC <>!-");
  root["normalizer"] = normalizer;
  const auto made = make(root);
  std::string all;
  for (const TokenId id : made.tokenizer->encode(text, kPlain)) all += made.tokenizer->token_bytes(id, true);
  return all;
}

TEST(Normalizers, Plain_Types_ChangeTheText) {
  EXPECT_EQ(normalized({{"type", "Lowercase"}}, "aBC"), "abc");
  EXPECT_EQ(normalized({{"type", "Strip"}}, " \n a b\u3000"), "a b");
  EXPECT_EQ(normalized({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}}, " a "), " a");
  EXPECT_EQ(normalized({{"type", "Prepend"}, {"prepend", "<!"}}, "a"), "<!a");
  EXPECT_EQ(normalized({{"type", "Prepend"}, {"prepend", "<!"}}, ""), "");
  EXPECT_EQ(normalized({{"type", "NFKC"}}, "\uFB01"), "fi");
  EXPECT_EQ(
      normalized({{"type", "Sequence"}, {"normalizers", {{{"type", "NFD"}}, {{"type", "StripAccents"}}}}},
                 "\u00E9\u00E0"),
      "ea");
  EXPECT_EQ(normalized({{"type", "Nmt"}},
                       "a\x01\u200B"
                       "b"),
            "a b");
  EXPECT_EQ(normalized({{"type", "BertNormalizer"}, {"lowercase", true}},
                       "\u00C9\x01"
                       "a"),
            "ea");
}

TEST(Normalizers, Replace_Patterns_AreStringsOrExpressions) {
  EXPECT_EQ(normalized({{"type", "Replace"}, {"pattern", {{"String", "ab"}}}, {"content", "-"}}, "abcab"),
            "-c-");
  EXPECT_EQ(normalized({{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", " "}}, "a   b c"),
            "a b c");
  EXPECT_EQ(normalized({{"type", "Replace"}, {"pattern", {{"Regex", "^|x*"}}}, {"content", "-"}}, "axb"),
            "-a-b-");
  EXPECT_EQ(normalized({{"type", "Replace"}, {"pattern", {{"String", ""}}}, {"content", "-"}}, "ab"), "ab");
}

json bpe() {
  json root;
  root["model"] = {{"type", "BPE"},
                   {"unk_token", "<unk>"},
                   {"vocab", {{"<unk>", 0}, {"a", 1}, {"b", 2}, {"c", 3}, {"ab", 4}, {"abc", 5}}},
                   {"merges", {"a b", "ab c"}}};
  root["decoder"] = {{"type", "Fuse"}};
  return root;
}

TEST(BpeModel, Merges_AreStringsOrPairs) {
  EXPECT_EQ(make(bpe()).tokenizer->encode("abcab", kPlain), (Ids{5, 4}));
  json pairs = bpe();
  pairs["model"]["merges"] = json::array({json::array({"a", "b"}), json::array({"ab", "c"})});
  EXPECT_EQ(make(pairs).tokenizer->encode("abcab", kPlain), (Ids{5, 4}));
}

TEST(BpeModel, UnknownCharacters_FuseOrFallBackToBytes) {
  EXPECT_EQ(make(bpe()).tokenizer->encode("axya", kPlain), (Ids{1, 0, 0, 1}));
  json fused = bpe();
  fused["model"]["fuse_unk"] = true;
  EXPECT_EQ(make(fused).tokenizer->encode("axya", kPlain), (Ids{1, 0, 1}));
  json bytes = bpe();
  bytes["model"]["byte_fallback"] = true;
  bytes["model"]["vocab"]["<0xC3>"] = 6;
  bytes["model"]["vocab"]["<0xA9>"] = 7;
  bytes["decoder"] = {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}};
  const auto made = make(bytes);
  EXPECT_EQ(made.tokenizer->encode("a\u00E9x", kPlain), (Ids{1, 6, 7, 0}));  // no byte for x
  EXPECT_EQ(made.tokenizer->decode(Ids{1, 6, 7}), "a\u00E9");
  json none = bpe();
  none["model"]["unk_token"] = nullptr;
  EXPECT_EQ(make(none).tokenizer->encode("axb", kPlain), Ids{4});  // as if x were not there
}

TEST(BpeModel, IgnoreMerges_TakesWholeWords) {
  json root = bpe();
  root["model"]["vocab"]["ca"] = 6;
  EXPECT_EQ(make(root).tokenizer->encode("ca", kPlain), (Ids{3, 1}));
  root["model"]["ignore_merges"] = true;
  EXPECT_EQ(make(root).tokenizer->encode("ca", kPlain), Ids{6});
}

// CLIP's way: the last symbol of a word is another one.
TEST(BpeModel, Affixes_MarkThePlaceInTheWord) {
  json root;
  root["model"] = {{"type", "BPE"},
                   {"end_of_word_suffix", "</w>"},
                   {"vocab", {{"a", 0}, {"b", 1}, {"b</w>", 2}, {"ab</w>", 3}, {"a</w>", 4}}},
                   {"merges", {"a b</w>"}}};
  root["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
  root["decoder"] = {{"type", "BPEDecoder"}, {"suffix", "</w>"}};
  const auto made = make(root);
  EXPECT_EQ(made.tokenizer->encode("ab ba", kPlain), (Ids{3, 1, 4}));
  EXPECT_EQ(made.tokenizer->decode(Ids{3, 1, 4}), "ab ba ");
}

// A text without a pre-tokenizer is one word, which merges in parts; what it becomes must not show it.
TEST(BpeModel, LongWord_MergesAsAWhole) {
  json root = bpe();
  root["model"]["vocab"]["\u2581"] = 6;
  root["model"]["vocab"]
      ["\u2581"
       "a"] = 7;
  root["model"]["merges"].push_back("\u2581 a");
  root["normalizer"] = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
  const auto made = make(root);
  std::string text;
  Ids expected;
  for (int i = 0; i < 300; ++i) {
    text += "abc  ac ";
    for (const TokenId id : {5, 6, 7, 3, 6}) expected.push_back(id);
  }
  // "a b" comes first, so that a marker never takes the a of abc.
  EXPECT_EQ(made.tokenizer->encode(text, kPlain), expected);
}

TEST(WordPieceModel, Words_AreTheirLongestPieces) {
  json root;
  root["model"] = {{"type", "WordPiece"},
                   {"unk_token", "[UNK]"},
                   {"vocab", {{"[UNK]", 0}, {"un", 1}, {"##aff", 2}, {"##able", 3}, {"##a", 4}}}};
  root["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  root["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  root["added_tokens"] = {{{"id", 5}, {"content", "."}, {"special", false}}};
  const auto made = make(root);
  EXPECT_EQ(made.tokenizer->encode("unaffable x una", kPlain), (Ids{1, 2, 3, 0, 1, 4}));
  EXPECT_EQ(made.tokenizer->decode(Ids{1, 2, 3, 1, 4}), "unaffable una");
}

json scored(const std::vector<std::pair<std::string, double>>& tokens) {
  json out = json::array();
  for (const auto& [text, score] : tokens) out.push_back(json::array({text, score}));
  return out;
}

TEST(UnigramModel, Words_AreTheirLikeliestPieces) {
  json root;
  root["model"] = {{"type", "Unigram"},
                   {"unk_id", 0},
                   {"vocab", scored({{"<unk>", 0.0},
                                     {"\u2581", -2.0},
                                     {"a", -1.0},
                                     {"b", -1.5},
                                     {"ab", -2.0},
                                     {"\u2581"
                                      "a",
                                      -2.5}})}};
  root["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}};
  root["decoder"] = {{"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "always"}};
  const auto made = make(root);
  EXPECT_EQ(made.tokenizer->encode("a ab", kPlain), (Ids{5, 1, 4}));
  EXPECT_EQ(made.tokenizer->encode("xy", kPlain), (Ids{1, 0}));
  EXPECT_EQ(made.tokenizer->decode(Ids{5, 1, 4}), "a ab");
}

TEST(AddedTokens, Rules_AreThoseOfTheFormat) {
  const auto with = [](const json& rule) {
    json root = one_token_per_character("abx ");
    json token = {{"id", 9}, {"content", "<t>"}, {"special", false}, {"normalized", false}};
    token.update(rule);
    root["added_tokens"] =
        json::array({token});  // braces around one value mean another thing to each compiler
    return make(root);
  };
  const TokenId a = 1, b = 2, space = 4;
  EXPECT_EQ(with(json::object()).tokenizer->encode("a<t> b", kPlain), (Ids{a, 9, space, b}));
  EXPECT_EQ(with({{"rstrip", true}}).tokenizer->encode("a <t> \n b", kPlain), (Ids{a, space, 9, b}));
  EXPECT_EQ(with({{"lstrip", true}}).tokenizer->encode("a <t> b", kPlain), (Ids{a, 9, space, b}));
  EXPECT_EQ(with({{"lstrip", true}, {"rstrip", true}}).tokenizer->encode("<t> <t> b", kPlain),
            (Ids{9, 9, b}));
  EXPECT_EQ(with({{"content", "ab"}, {"single_word", true}}).tokenizer->encode("ab xab ab", kPlain),
            (Ids{9, space, 3, a, b, space, 9}));
  EXPECT_EQ(with({{"special", true}}).tokenizer->encode("<t>", kParseSpecial), Ids{9});
  EXPECT_EQ(with({{"special", true}}).tokenizer->encode("<t>", kPlain), (Ids{0, 0, 0}));
  EXPECT_EQ(with({{"special", true}}).tokenizer->decode(Ids{a, 9, b}), "ab");
  EXPECT_EQ(with({{"special", true}}).tokenizer->token_type(9), TokenType::kControl);
  EXPECT_EQ(with(json::object()).tokenizer->token_type(9), TokenType::kUserDefined);
  EXPECT_EQ(with(json::object()).tokenizer->decode(Ids{a, 9, b}), "a<t>b");
}

TEST(AddedTokens, Normalized_AreFoundBehindTheNormalizer) {
  json root = one_token_per_character("ab");
  root["normalizer"] = {{"type", "Lowercase"}};
  root["added_tokens"] = {{{"id", 5}, {"content", "TOK"}, {"normalized", true}},
                          {{"id", 6}, {"content", "RAW"}, {"normalized", false}}};
  const auto made = make(root);
  EXPECT_EQ(made.tokenizer->encode("AtOkb", kPlain), (Ids{1, 5, 2}));
  EXPECT_EQ(made.tokenizer->encode("aRAWraw", kPlain), (Ids{1, 6, 0, 1, 0}));
}

json special_token(const char* name, int id) {
  return {{"id", name}, {"ids", {id}}, {"tokens", {name}}};
}

TEST(PostProcessors, Frames_StandAroundTheText) {
  json root = one_token_per_character("abs");
  root["added_tokens"] = {{{"id", 4}, {"content", "<s>"}, {"special", true}},
                          {{"id", 5}, {"content", "</s>"}, {"special", true}}};
  root["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
        {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
        {{"SpecialToken", {{"id", "</s>"}, {"type_id", 0}}}}}},
      {"special_tokens", {{"<s>", special_token("<s>", 4)}, {"</s>", special_token("</s>", 5)}}}};
  EXPECT_EQ(make(root).tokenizer->encode("ab", {}), (Ids{4, 1, 2, 5}));
  EXPECT_EQ(make(root).tokenizer->encode("ab", kPlain), (Ids{1, 2}));
  for (const char* type : {"BertProcessing", "RobertaProcessing"}) {
    root["post_processor"] = {
        {"type", type}, {"sep", json::array({"</s>", 5})}, {"cls", json::array({"<s>", 4})}};
    EXPECT_EQ(make(root).tokenizer->encode("a", {}), (Ids{4, 1, 5}));
  }
  const json inner = root["post_processor"];
  root["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, inner}}};
  EXPECT_EQ(make(root).tokenizer->encode("a", {}), (Ids{4, 1, 5}));
}

TEST(TokenizerConfig, TokensAndFlags_CompleteTheTokenizer) {
  json root = one_token_per_character("abs");
  root["added_tokens"] = {{{"id", 4}, {"content", "<s>"}, {"special", true}},
                          {{"id", 5}, {"content", "</s>"}, {"special", true}},
                          {{"id", 6}, {"content", "<|im_end|>"}, {"special", true}},
                          {{"id", 7}, {"content", "<turn>"}, {"special", true}}};
  const auto made = make(root, R"({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false},
                                   "add_bos_token": true, "add_eos_token": true, "chat_template": "{{ x }}"})",
                         {7});
  EXPECT_EQ(made.tokenizer->bos(), 4);
  EXPECT_EQ(made.tokenizer->eos(), 5);
  EXPECT_EQ(made.tokenizer->encode("a", {}), (Ids{4, 1, 5}));
  EXPECT_EQ(made.chat_template, "{{ x }}");
  EXPECT_EQ(made.bos_token, "<s>");
  EXPECT_EQ(made.eos_token, "</s>");
  Ids ends;
  for (TokenId id = 0; id < made.tokenizer->vocabulary_size(); ++id) {
    if (made.tokenizer->ends_generation(id)) ends.push_back(id);
  }
  EXPECT_EQ(ends, (Ids{5, 6, 7}));
  const auto several = make(root, R"({"chat_template": [{"name": "default", "template": "d"},
                                                        {"name": "tool_use", "template": "t"}]})",
                            {6, 7});
  EXPECT_EQ(several.chat_template, "d");
  ASSERT_EQ(several.named_chat_templates.size(), 1U);
  EXPECT_EQ(several.named_chat_templates[0], (std::pair<std::string, std::string>("tool_use", "t")));
  EXPECT_EQ(several.tokenizer->eos(), 6);
}

TEST(TokenizerConfig, NoBos_TakesItOutOfTheTemplate) {
  json root = one_token_per_character("abs");
  root["added_tokens"] = {{{"id", 4}, {"content", "<s>"}, {"special", true}}};
  root["post_processor"] = {
      {"type", "RobertaProcessing"}, {"sep", json::array({"<s>", 4})}, {"cls", json::array({"<s>", 4})}};
  EXPECT_EQ(make(root, R"({"bos_token": "<s>", "add_bos_token": false})").tokenizer->encode("a", {}),
            (Ids{1, 4}));
}

TEST(HuggingFace, MoreEmbeddingsThanTokens_AreUnusedTokens) {
  const std::string text = bpe().dump();
  HuggingFaceFiles files;
  files.tokenizer = text;
  files.n_embeddings = 64;
  const auto made = tokenizer_from_json(files);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->tokenizer->vocabulary_size(), 64);
  EXPECT_EQ(made->tokenizer->token_type(63), TokenType::kUnused);
  EXPECT_EQ(made->tokenizer->decode(Ids{1, 63, 2}), "ab");
  EXPECT_EQ(made->tokenizer->encode("abc", kPlain), Ids{5});
}

TEST(HuggingFace, UnknownComponents_AreRefusedByNameAndPlace) {
  const auto with = [](const char* key, const json& value) {
    json root = bpe();
    root[key] = value;
    return refusal(root);
  };
  EXPECT_EQ(
      with("normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "NFC"}}, {{"type", "Shout"}}}}}),
      "unsupported: tokenizer.json: normalizer.normalizers[1].type: expected a normalizer that Hearth "
      "knows, found \"Shout\"");
  EXPECT_EQ(
      with("pre_tokenizer", {{"type", "UnicodeScripts"}}),
      "unsupported: tokenizer.json: pre_tokenizer.type: expected a pre-tokenizer that Hearth knows, found "
      "\"UnicodeScripts\"");
  EXPECT_EQ(with("decoder", {{"type", "CTC"}}),
            "unsupported: tokenizer.json: decoder.type: expected a decoder that Hearth knows, found \"CTC\"");
  EXPECT_EQ(with("post_processor", {{"type", "X"}}),
            "unsupported: tokenizer.json: post_processor.type: expected a post-processor that Hearth knows, "
            "found \"X\"");
  EXPECT_EQ(with("model", {{"type", "Neural"}}),
            "unsupported: tokenizer.json: model.type: expected BPE, WordPiece, Unigram or WordLevel, found "
            "\"Neural\"");
  EXPECT_EQ(with("pre_tokenizer", split({{"Regex", "(a"}}, "Isolated")),
            "unsupported: tokenizer.json: pre_tokenizer.pattern.Regex: expected an expression that PCRE2 "
            "compiles, found at 2: missing closing parenthesis");
  EXPECT_EQ(
      with("pre_tokenizer", split({{"String", "a"}}, "Twice")),
      "unsupported: tokenizer.json: pre_tokenizer.behavior: expected a behavior that Hearth knows, found "
      "\"Twice\"");
}

TEST(HuggingFace, BrokenFiles_AreRefusedWithTheirPlace) {
  EXPECT_EQ(refusal(std::string("")), "malformed: tokenizer.json: expected JSON, found none at byte 1");
  EXPECT_EQ(refusal(std::string("{\"a\": \xFF}")),
            "malformed: tokenizer.json: expected JSON, found none at byte 7");
  EXPECT_EQ(refusal(std::string("[]")),
            "malformed: tokenizer.json: : expected an object, found an array of 0");
  EXPECT_EQ(refusal(std::string("{}")),
            "malformed: tokenizer.json: : expected a member \"model\", found none");
  json root = bpe();
  root["model"]["vocab"]["d"] = "x";
  EXPECT_EQ(refusal(root), "malformed: tokenizer.json: model.vocab.d: expected an integer, found \"x\"");
  root["model"]["vocab"]["d"] = 5;
  EXPECT_EQ(refusal(root),
            "malformed: tokenizer.json: model.vocab.d: expected an id that no other token has, found 5");
  for (const json& id : {json(-1), json(1 << 24), json(UINT64_MAX), json(1e300)}) {
    root["model"]["vocab"]["d"] = id;
    EXPECT_NE(refusal(root).find("malformed: tokenizer.json: model.vocab.d: expected an"), std::string::npos)
        << id;
  }
  root = bpe();
  for (const json& merge :
       {json("ab"), json(" a"), json("a "), json(1), json::array({"a"}), json::array({"a", 1})}) {
    root["model"]["merges"][1] = merge;
    EXPECT_NE(refusal(root).find("malformed: tokenizer.json: model.merges[1]: expected two strings to merge"),
              std::string::npos)
        << merge;
  }
  root = bpe();
  root["model"]["dropout"] = 0.1;
  EXPECT_NE(refusal(root).find("unsupported: tokenizer.json: model.dropout"), std::string::npos);
}

TEST(HuggingFace, HostileScoresAndIds_AreRefused) {
  json root;
  root["model"] = {{"type", "Unigram"}, {"unk_id", 7}, {"vocab", scored({{"a", 0.0}})}};
  EXPECT_EQ(refusal(root), "malformed: tokenizer.json: model.unk_id: expected an id below 1, found 7");
  // No JSON has NaN; a number beyond double is refused by the parser.
  EXPECT_NE(refusal(std::string(R"({"model": {"type": "Unigram", "vocab": [["a", NaN]]}})")), "");
  EXPECT_NE(refusal(std::string(R"({"model": {"type": "Unigram", "vocab": [["a", 1e999]]}})")), "");
  EXPECT_NE(refusal(std::string(R"({"model": {"type": "Unigram", "vocab": [["a", 1e300]]}})")), "");
  root = bpe();
  root["added_tokens"] = {{{"id", 1 << 23}, {"content", "x"}}};
  EXPECT_NE(refusal(root).find("malformed: tokenizer.json: added_tokens: expected ids below"),
            std::string::npos);
  root["added_tokens"] = {{{"id", -1}, {"content", "x"}}};
  EXPECT_NE(refusal(root).find("malformed: tokenizer.json: added_tokens[0].id"), std::string::npos);
  root = bpe();
  root["post_processor"] = {
      {"type", "BertProcessing"}, {"sep", json::array({"x", 99})}, {"cls", json::array({"x", 0})}};
  EXPECT_EQ(refusal(root),
            "malformed: tokenizer.json: post_processor.sep[1]: expected an id below 6, found 99");
}

TEST(HuggingFace, DeepNesting_IsRefused) {
  EXPECT_EQ(refusal(std::string(100'000, '[')),
            "resource exhausted: tokenizer.json: expected values nested at most 64 deep, found more");
  std::string nested = R"({"type": "NFC"})";
  for (int i = 0; i < 20; ++i) nested = R"({"type": "Sequence", "normalizers": [)" + nested + "]}";
  EXPECT_NE(refusal(R"({"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": )" + nested + "}")
                .find("unsupported: tokenizer.json: normalizer.normalizers[0]"),
            std::string::npos);
}

// Each of these would run for hours without limits.
TEST(HuggingFace, HostileExpressions_EndSoon) {
  for (const char* expression : {"(a+)+$x", "(a|a)*$x", "(?:a?){40}a{40}x", "((a*)*)*x", "(.*)*\\1x"}) {
    json root = bpe();
    root["pre_tokenizer"] = split({{"Regex", expression}}, "Isolated");
    const auto made = make(root);
    EXPECT_EQ(made.tokenizer->encode(std::string(5000, 'a'), kPlain), Ids(5000, 1)) << expression;
    root["pre_tokenizer"] = nullptr;
    root["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", expression}}}, {"content", "b"}};
    EXPECT_EQ(make(root).tokenizer->encode(std::string(5000, 'a'), kPlain), Ids(5000, 1)) << expression;
  }
}

TEST(HuggingFace, HostileNormalizers_DoNotGrowTextsWithoutEnd) {
  json root = bpe();
  std::vector<json> steps(
      60, {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(64, 'a')}});
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", steps}};
  EXPECT_LT(make(root).tokenizer->encode("a", kPlain).size(), size_t{1} << 27);
}

TEST(HuggingFace, BytesThatAreNoUtf8_BecomeUnknown) {
  const Ids ids = make(bpe()).tokenizer->encode(
      "a\xFF\xC3"
      "b",
      kPlain);
  EXPECT_EQ(ids, (Ids{1, 0, 0, 2}));
}

}  // namespace
}  // namespace hearth::text
