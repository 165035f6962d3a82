#include "text/tokenizer/training/bpe_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/utf8.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_data.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Texts = std::vector<std::string>;
using Words = std::map<std::string, uint64_t>;

Result<TrainedVocabulary> train(const Texts& texts, BpeTrainingOptions options) {
  HEARTH_ASSIGN(BpeTrainer trainer, BpeTrainer::create(std::move(options)));
  for (const std::string& text : texts) HEARTH_TRY(trainer.add(text));
  return trainer.train();
}

TrainedVocabulary trained(const Texts& texts, BpeTrainingOptions options) {
  auto vocabulary = train(texts, std::move(options));
  EXPECT_TRUE(vocabulary) << (vocabulary ? "" : vocabulary.error().message());
  return vocabulary ? std::move(vocabulary).value() : TrainedVocabulary{};
}

// "code: message", "" where there is none.
template <typename T>
std::string refusal(const Result<T>& result) {
  if (result) return "";
  return fmt::format("{}: {}", error_traits(result.error().code()).name, result.error().message());
}

std::unique_ptr<const Tokenizer> tokenizer_of(const TrainedVocabulary& vocabulary) {
  auto tokenizer = Tokenizer::create(vocabulary.source());
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message());
  return tokenizer ? std::move(tokenizer).value() : nullptr;
}

std::string spelled(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) append_utf8(text, alphabet_character(static_cast<unsigned char>(c)));
  return text;
}

// BPE training as it is told: count all pairs, merge the best everywhere, count anew.
struct Recounting {
  struct Word {
    std::vector<std::string> symbols;
    uint64_t count;
  };
  std::map<std::string, Word> words;
  std::vector<std::string> tokens;  // as bytes
  std::vector<std::string> merges;

  explicit Recounting(const Words& counts) {
    for (const auto& [word, count] : counts) {
      Word& made = words[word];
      made.count = count;
      for (const char c : word) made.symbols.emplace_back(1, c);
    }
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    std::ranges::sort(tokens, {}, [](const std::string& byte) {
      return alphabet_character(static_cast<unsigned char>(byte[0]));
    });
  }

  bool merge_best(uint64_t min_count) {
    std::map<std::string, size_t> ids;
    for (size_t id = 0; id < tokens.size(); ++id) ids[tokens[id]] = id;
    std::map<std::pair<size_t, size_t>, uint64_t> counts;
    for (const auto& [text, word] : words) {
      for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
        counts[{ids[word.symbols[i]], ids[word.symbols[i + 1]]}] += word.count;
      }
    }
    // The first of the most frequent ones: the map is in the order in which ties are decided.
    const auto best = std::ranges::max_element(counts, {}, [](const auto& pair) { return pair.second; });
    if (best == counts.end() || best->second < min_count) return false;
    const std::string left = tokens[best->first.first];
    const std::string right = tokens[best->first.second];
    merges.push_back(fmt::format("{} {}", spelled(left), spelled(right)));
    tokens.push_back(left + right);
    for (auto& [text, word] : words) {
      std::vector<std::string> symbols;
      for (size_t i = 0; i < word.symbols.size(); ++i) {
        const bool is_pair =
            i + 1 < word.symbols.size() && word.symbols[i] == left && word.symbols[i + 1] == right;
        symbols.push_back(is_pair ? left + right : word.symbols[i]);
        i += is_pair ? 1 : 0;
      }
      word.symbols = symbols;
    }
    return true;
  }

  uint64_t n_tokens() const {
    uint64_t n = 0;
    for (const auto& [text, word] : words) n += word.symbols.size() * word.count;
    return n;
  }
};

Words words_of(const Texts& texts, std::string_view pre) {
  const auto pre_tokenizer = PreTokenizer::create(*find_pre_tokenizer_rule(pre));
  Words words;
  for (const std::string& text : texts) {
    PreTokenizer::Session session(*pre_tokenizer);
    session.split(text, [&](std::string_view word) { ++words[std::string(word)]; });
  }
  return words;
}

// Few kinds of characters, so that pairs overlap, tie and repeat.
Texts random_texts(std::mt19937& random) {
  static const std::vector<std::vector<std::string>> kAlphabets = {{"a", "b"},
                                                                   {"a", "a", "a", "b", " "},
                                                                   {"x", "y", "z", " ", "\n", "7"},
                                                                   {"\u00E9", "e", "\u4E2D", "\u4E2E", " "}};
  const auto& alphabet = kAlphabets[random() % kAlphabets.size()];
  Texts texts(1 + random() % 5);
  for (std::string& text : texts) {
    for (size_t n = random() % 80; n > 0; --n) text += alphabet[random() % alphabet.size()];
  }
  return texts;
}

TEST(BpeTrainer, Train_RandomTexts_AgreesWithRecounting) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const Texts texts = random_texts(random);
    const std::string pre = round % 3 == 0 ? "gpt-2" : round % 3 == 1 ? "qwen2" : "llama-bpe";
    const uint64_t min_count = 1 + random() % 3;
    Recounting expected(words_of(texts, pre));
    const size_t most = 1 + random() % 40;
    while (expected.merges.size() < most && expected.merge_best(min_count)) {
    }
    const auto size = static_cast<int64_t>(expected.tokens.size());
    const TrainedVocabulary found =
        trained(texts, {.vocabulary_size = size, .pre = pre, .min_count = min_count});
    ASSERT_EQ(found.merges, expected.merges) << "round " << round;
    for (size_t id = 0; id < expected.tokens.size(); ++id) {
      ASSERT_EQ(found.tokens[id], spelled(expected.tokens[id])) << "round " << round << ", token " << id;
    }
    EXPECT_EQ(found.texts.n_tokens, expected.n_tokens());

    const auto tokenizer = tokenizer_of(found);
    for (const auto& [text, word] : expected.words) {
      std::vector<std::string> symbols;
      for (const TokenId id : tokenizer->encode(text, kPlain)) {
        symbols.emplace_back(tokenizer->token_bytes(id, false));
      }
      ASSERT_EQ(symbols, word.symbols) << "round " << round << ": " << text;
    }
  }
}

TEST(BpeTrainer, Train_PairsThatTie_GoByTheIdsOfTheirTokens) {
  const TrainedVocabulary vocabulary =
      trained({"zy yz ba zy yz ba", "ab ab"}, {.vocabulary_size = 259, .pre = "gpt-2"});
  // " b", " y" and " z" occur once less each than twice; of "ab", "ba", "yz" and "zy", twice each, "a" comes
  // first.
  EXPECT_EQ(vocabulary.merges, (std::vector<std::string>{"a b", "b a", "y z"}));
}

TEST(BpeTrainer, Train_TextsInAnotherOrder_GiveTheSame) {
  std::mt19937 random(3);
  Texts texts;
  for (int i = 0; i < 20; ++i) {
    for (const std::string& text : random_texts(random)) texts.push_back(text);
  }
  const TrainedVocabulary first = trained(texts, {.vocabulary_size = 330});
  std::ranges::shuffle(texts, random);
  const TrainedVocabulary second = trained(texts, {.vocabulary_size = 330});
  EXPECT_EQ(first.tokens, second.tokens);
  EXPECT_EQ(first.merges, second.merges);
}

TEST(BpeTrainer, Train_SpecialTokens_ComeLastAndAreNoText) {
  const std::string end = "<|end|>";
  const TrainedVocabulary vocabulary =
      trained({"abab<|end|>ab<|end|><|start|>ab<|end|>"}, {.vocabulary_size = 261,
                                                           .special = {"<|start|>", end, "[INST]"},
                                                           .bos = "<|start|>",
                                                           .eos = end,
                                                           .padding = "<|pad|>",
                                                           .add_bos = true});
  ASSERT_EQ(vocabulary.tokens.size(), 261U);
  EXPECT_EQ(vocabulary.merges, std::vector<std::string>{"a b"});
  EXPECT_EQ(vocabulary.tokens[256], "ab");
  EXPECT_EQ(Texts(vocabulary.tokens.begin() + 257, vocabulary.tokens.end()),
            (Texts{"<|start|>", end, "[INST]", "<|pad|>"}));
  EXPECT_EQ(vocabulary.bos, 257);
  EXPECT_EQ(vocabulary.eos, 258);
  EXPECT_EQ(vocabulary.padding, 260);
  for (size_t id = 0; id < vocabulary.types.size(); ++id) {
    EXPECT_EQ(vocabulary.types[id], id < 257 ? TokenType::kNormal : TokenType::kControl) << id;
  }
  EXPECT_EQ(vocabulary.texts.n_tokens, 8U);
  const auto tokenizer = tokenizer_of(vocabulary);
  EXPECT_EQ(tokenizer->encode("ab<|end|>", {.add_special = true, .parse_special = true}),
            (std::vector<TokenId>{257, 256, 258}));
  EXPECT_TRUE(tokenizer->ends_generation(258));
}

// U+0120 is how the alphabet spells a space.
TEST(BpeTrainer, Train_PairThatIsSpelledLikeASpecialToken_IsNotMerged) {
  const TrainedVocabulary vocabulary =
      trained({" a a a b b"}, {.vocabulary_size = 258, .pre = "gpt-2", .special = {"\u0120a"}});
  EXPECT_EQ(vocabulary.merges, std::vector<std::string>{"\u0120 b"});
}

TEST(BpeTrainer, Train_LongWords_EndsSoonWithTokensThatLoad) {
  const TrainedVocabulary vocabulary =
      trained({std::string(size_t{1} << 20U, 'a'), std::string(size_t{1} << 20U, ' ')},
              {.vocabulary_size = 256 + 12 + 11});
  size_t longest = 0;
  for (const std::string& token : vocabulary.tokens) longest = std::max(longest, token.size());
  EXPECT_EQ(longest, 4096U);
  EXPECT_NE(tokenizer_of(vocabulary), nullptr);
}

TEST(BpeTrainer, Train_FewerPairsThanAskedFor_SaysHowMany) {
  EXPECT_EQ(refusal(train({"abab ab", "ac"}, {.vocabulary_size = 300, .special = {"<|end|>"}})),
            "invalid argument: vocabulary: expected texts that give 300 tokens, found 9 bytes that give 258: "
            "no further pair occurs 2 times");
  EXPECT_EQ(trained({"abab ab", "ac"}, {.vocabulary_size = 258, .special = {"<|end|>"}}).merges.size(), 1U);
  EXPECT_EQ(refusal(train({}, {.vocabulary_size = 257})),
            "invalid argument: vocabulary: expected texts that give 257 tokens, found 0 bytes that give 256: "
            "no further pair occurs 2 times");
  EXPECT_EQ(trained({}, {.vocabulary_size = 256}).tokens.size(), 256U);
}

TEST(BpeTrainer, Train_ProgressSaysNo_IsCancelled) {
  auto trainer = BpeTrainer::create({.vocabulary_size = 258});
  ASSERT_TRUE(trainer->add("abc abc abc"));
  const auto stopped = trainer->train([](int64_t done, int64_t wanted) { return done == 0 && wanted == 2; });
  EXPECT_EQ(refusal(stopped), "cancelled: stopped");
}

TEST(BpeTrainer, Create_WrongOptions_AreNamed) {
  const auto refused = [](BpeTrainingOptions options) {
    if (options.vocabulary_size == 0) options.vocabulary_size = 300;
    return refusal(BpeTrainer::create(std::move(options)));
  };
  EXPECT_EQ(refused({.vocabulary_size = 257, .special = {"<a>", "<b>"}}),
            "invalid argument: vocabulary: expected 258 (256 bytes and 2 special tokens) to 16777216 tokens, "
            "found 257");
  EXPECT_NE(refused({.vocabulary_size = (int64_t{1} << 24U) + 1}), "");
  EXPECT_NE(refused({.vocabulary_size = -1}), "");
  for (const char* pre : {"", "gpt-99", "gemma4"}) {
    EXPECT_EQ(
        refused({.pre = pre}),
        fmt::format(
            "invalid argument: pre-tokenizer: expected one over bytes that Hearth knows, found \"{}\"", pre));
  }
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "\"\": expected a text that is not empty"},
      {"a", "\"a\": expected more than one character, found the token of a byte"},
      {"\u0120", "\"\u0120\": expected more than one character, found the token of a byte"},
      {"\xFF", "\"\\xff\": expected UTF-8"},
  };
  for (const auto& [text, message] : wrong) {
    EXPECT_EQ(refused({.special = {text}}), "invalid argument: special token " + message);
    EXPECT_EQ(refused({.eos = text}), "invalid argument: special token " + message);
  }
  EXPECT_NE(refused({.special = {std::string(4097, '<')}}), "");
  EXPECT_EQ(refused({.special = {"<a>", "<b>", "<a>"}}),
            "invalid argument: special token \"<a>\": expected it once, found it again");
  EXPECT_EQ(refused({.special = {"<a>"}, .bos = "<a>", .eos = "<a>"}), "");
  EXPECT_NE(refused({.add_bos = true}), "");
  EXPECT_NE(refused({.min_count = 0}), "");
}

TEST(BpeTrainer, Add_BrokenUtf8_SaysWhereAndCountsNothing) {
  auto trainer = BpeTrainer::create({.vocabulary_size = 257});
  EXPECT_EQ(refusal(trainer->add("abab\xC3")), "malformed: byte 4: expected UTF-8, found 0xc3");
  EXPECT_EQ(refusal(trainer->add("\xFF")), "malformed: byte 0: expected UTF-8, found 0xff");
  EXPECT_EQ(refusal(trainer->add("\xE4\xB8\xAD\xED\xA0\x80")),
            "malformed: byte 3: expected UTF-8, found 0xed");
  EXPECT_FALSE(trainer->train());
  EXPECT_TRUE(trainer->add("cdcd"));
  EXPECT_EQ(trainer->train()->merges, std::vector<std::string>{"c d"});
}

TEST(BpeTrainer, Add_MoreDistinctWordsThanTheMemoryHolds_IsRefused) {
  const BpeTrainingOptions options{.vocabulary_size = 256, .memory_bytes = uint64_t{1} << 20U};
  auto trainer = BpeTrainer::create(options);
  for (int i = 0; i < 10000; ++i) ASSERT_TRUE(trainer->add("the same words again "));
  trainer = BpeTrainer::create(options);
  Result<void> added;
  for (int i = 0; added && i < 10000; ++i) {
    std::string word;
    for (int rest = i; word.size() < 8; rest /= 26) word += static_cast<char>('a' + rest % 26);
    added = trainer->add(word);
  }
  constexpr size_t kFit = (size_t{1} << 20U) / (WordCounts::kWordBytes + 8 * WordCounts::kByteBytes);
  EXPECT_EQ(refusal(added),
            fmt::format("resource exhausted: distinct words: expected them to fit into 1 MiB of "
                        "memory, found more than {} of {} bytes together",
                        kFit, 8 * kFit));
}

TEST(BpeTrainer, Train_Shakespeare_EncodesWhatItWasTrainedOnAsItSays) {
  HEARTH_NEEDS_TEST_DATA(file, "text/tinyshakespeare.txt");
  const std::string text = testing::part_if_sanitized(testing::read_file(file));
  const TrainedVocabulary vocabulary = trained({text}, {.vocabulary_size = 1024, .eos = "<|endoftext|>"});
  ASSERT_EQ(vocabulary.tokens.size(), 1024U);
  EXPECT_EQ(std::set<std::string>(vocabulary.tokens.begin(), vocabulary.tokens.end()).size(), 1024U);
  const auto tokenizer = tokenizer_of(vocabulary);
  const std::vector<TokenId> ids = tokenizer->encode(text, kPlain);
  EXPECT_EQ(ids.size(), vocabulary.texts.n_tokens);
  EXPECT_EQ(tokenizer->decode(ids), text);
  EXPECT_GT(static_cast<double>(text.size()) / static_cast<double>(ids.size()), 2.0);
}

}  // namespace
}  // namespace hearth::text
