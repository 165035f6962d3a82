// Documents as tokens: what is learnt, what is held out, and which tokens a step gets.
#include "train/data/corpus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "text/tokenizer/test_vocabularies.h"
#include "train/data/batches.h"
#include "train/ops.h"

namespace hearth::train {
namespace {

using text::TokenId;

constexpr TokenId kStart = 256;
constexpr TokenId kEnd = 257;
constexpr std::string_view kTemplate =
    "{% for m in messages %}<|s|>{{ m.role[0] }}{{ m.content }}<|e|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|s|>a{% endif %}";

std::unique_ptr<const text::Tokenizer> make_tokenizer(bool adds_bos = false) {
  text::TestVocabulary vocabulary = text::byte_level_vocabulary();
  vocabulary.add("<|s|>", text::TokenType::kControl);
  vocabulary.add("<|e|>", text::TokenType::kControl);
  vocabulary.source.bos = kStart;
  vocabulary.source.eos = kEnd;
  vocabulary.source.add_bos = adds_bos;
  return vocabulary.create();
}

// Tokens as text, those that count in brackets.
std::string spelled(const Corpus& corpus, const text::Tokenizer& tokenizer) {
  std::string text;
  for (size_t i = 0; i < corpus.n_tokens(); ++i) {
    const std::string bytes(tokenizer.token_bytes(corpus.token(i), /*special=*/true));
    text += corpus.counts(i) ? "[" + bytes + "]" : bytes;
  }
  return text;
}

text::Document text_of(std::string_view text, bool continues = false) {
  text::Document document;
  document.where = "here";
  document.text = text;
  document.continues = continues;
  return document;
}

text::Document conversation_of(std::vector<text::ChatMessage> messages) {
  text::Document document;
  document.where = "here:7";
  document.messages = std::move(messages);
  return document;
}

TEST(Corpus, OfTexts_EachHasItsEnds) {
  const auto tokenizer = make_tokenizer(/*adds_bos=*/true);
  CorpusBuilder builder(*tokenizer, {});
  for (const text::Document& document : {text_of("ab"), text_of("c", /*continues=*/true), text_of("<|s|>")})
    ASSERT_TRUE(builder.add(document));
  const Corpus corpus = builder.finish();
  EXPECT_EQ(corpus.n_documents(), 2U);
  EXPECT_EQ(spelled(corpus, *tokenizer), "[<|s|>][a][b][c][<|e|>][<|s|>][<][|][s][|][>][<|e|>]");
  EXPECT_EQ(corpus.n_counted(), corpus.n_tokens());
}

TEST(Corpus, OfConversations_AnswersCountToTheirEnd) {
  const auto tokenizer = make_tokenizer();
  const auto format = text::ChatFormat::create(kTemplate, "t", *tokenizer);
  ASSERT_TRUE(format);
  CorpusBuilder builder(*tokenizer, {.only_answers = true, .chat = &*format});
  ASSERT_TRUE(builder.add(
      conversation_of({{"user", "<|e|>"}, {"assistant", "yo"}, {"user", "x"}, {"assistant", "z"}})));
  ASSERT_TRUE(builder.add(text_of("t")));
  const Corpus corpus = builder.finish();
  EXPECT_EQ(spelled(corpus, *tokenizer),
            "<|s|>u<|e|><|e|>\n<|s|>a[y][o][<|e|>]\n<|s|>ux<|e|>\n<|s|>a[z][<|e|>]\nt<|e|>");
  // The user's own control token is text.
  EXPECT_EQ(corpus.token(2), '<');

  CorpusBuilder all(*tokenizer, {.only_answers = false, .chat = &*format});
  ASSERT_TRUE(all.add(conversation_of({{"user", "x"}, {"assistant", "z"}})));
  EXPECT_EQ(all.finish().n_counted(), 10U);
}

// An SPM writes a space before the first word, and BOS before that.
TEST(Corpus, OfConversations_WhatAVocabularyAddsIsNoAnswer) {
  text::TestVocabulary vocabulary;
  vocabulary.source.model = "llama";
  vocabulary.add("<unk>", text::TokenType::kUnknown);
  vocabulary.source.bos = vocabulary.add("<s>", text::TokenType::kControl);
  vocabulary.source.eos = vocabulary.add("</s>", text::TokenType::kControl);
  vocabulary.source.unknown = 0;
  for (const char* letter : {"\xE2\x96\x81", "u", "a", "x", "z", ":"}) vocabulary.add(letter);
  const auto tokenizer = vocabulary.create();
  const auto format = text::ChatFormat::create(
      "{% for m in messages %}{{ m.role[0] }}:{{ m.content }}{{ eos_token if m.role[0] == 'a' }}{% endfor %}"
      "{% if add_generation_prompt %}a:{% endif %}",
      "t", *tokenizer);
  ASSERT_TRUE(format);
  CorpusBuilder builder(*tokenizer, {.only_answers = true, .chat = &*format});
  const auto added = builder.add(conversation_of({{"user", "x"}, {"assistant", "z"}}));
  ASSERT_TRUE(added) << added.error().message();
  EXPECT_EQ(spelled(builder.finish(), *tokenizer), "<s> u:xa:[z][</s>]");
}

TEST(Corpus, ConversationsThatCannotBeWritten_AreRefusedByTheirPlace) {
  const auto tokenizer = make_tokenizer();
  const text::Document document = conversation_of({{"user", "x"}, {"assistant", "z"}});
  const auto refusal = [&](const char* source) {
    const auto format = text::ChatFormat::create(source, "t", *tokenizer);
    CorpusBuilder builder(*tokenizer, {.only_answers = true, .chat = &*format});
    const auto added = builder.add(document);
    return added ? std::string() : added.error().message();
  };
  EXPECT_TRUE(refusal("{{ raise_exception('no') }}").starts_with("here:7: "));
  // It says something of the last message alone.
  EXPECT_NE(refusal("{{ messages[-1].content }}{% if add_generation_prompt %}a{% endif %}")
                .find("expected a chat template (t) that writes an answer behind the text that asks for it"),
            std::string::npos);
  CorpusBuilder none(*tokenizer, {});
  const auto added = none.add(document);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code(), ErrorCode::kInvalidArgument);
}

Corpus corpus_of(const std::vector<size_t>& lengths) {
  Corpus corpus;
  TokenId next = 0;
  for (const size_t length : lengths) {
    for (size_t i = 0; i < length; ++i) corpus.append(next++, /*counts=*/i % 3 != 0);
    corpus.end_document();
  }
  return corpus;
}

TEST(Corpus, HoldOut_TakesWholeDocuments) {
  Corpus corpus = corpus_of(std::vector<size_t>(100, 7));
  Corpus again = corpus;
  const std::string digest = corpus.digest();
  const Corpus held = corpus.hold_out(0.1, 3);
  EXPECT_EQ(held.n_documents(), 10U);
  EXPECT_EQ(corpus.n_documents(), 90U);
  EXPECT_NE(corpus.digest(), digest);
  std::set<TokenId> seen;
  for (const Corpus* part : std::initializer_list<const Corpus*>{&corpus, &held}) {
    for (size_t i = 0; i < part->n_tokens(); ++i) {
      // Whole, in their order, and as they counted.
      if (part->token(i) % 7 != 0) {
        EXPECT_EQ(part->token(i), part->token(i - 1) + 1);
      }
      EXPECT_EQ(part->counts(i), part->token(i) % 7 % 3 != 0);
      EXPECT_TRUE(seen.insert(part->token(i)).second);
    }
  }
  EXPECT_EQ(seen.size(), 700U);
  EXPECT_EQ(again.hold_out(0.1, 3).digest(), held.digest());
}

TEST(Corpus, HoldOut_OfDocumentsThatAreTooLong_TakesAnEnd) {
  Corpus one = corpus_of({100});
  const Corpus end = one.hold_out(0.2, 1);
  EXPECT_EQ(end.token(0), 80);
  EXPECT_EQ(end.n_tokens(), 20U);
  EXPECT_EQ(one.n_tokens(), 80U);
  // One is nearly everything: of it an end, whichever is drawn first.
  for (const uint64_t seed : {1U, 2U, 3U}) {
    Corpus uneven = corpus_of({3, 900, 4});
    const Corpus held = uneven.hold_out(0.1, seed);
    EXPECT_EQ(held.n_tokens(), 90U) << seed;
    EXPECT_EQ(uneven.n_tokens(), 817U);
  }
}

TEST(Batches, AnEpoch_HasEachTokenOnce) {
  const Corpus corpus = corpus_of({40, 33});
  constexpr int64_t kLength = 8;
  Batches batches(corpus, kLength, 5);
  ASSERT_EQ(batches.n_of_epoch(), 9);
  std::vector<std::vector<TokenId>> epochs;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<TokenId> seen;
    std::vector<TokenId> in_order;
    for (int64_t i = 0; i < batches.n_of_epoch(); ++i) {
      int32_t tokens[kLength];
      int32_t targets[kLength];
      const int64_t n_counted = batches.fill(epoch * 9 + i, tokens, targets);
      EXPECT_EQ(n_counted, kLength - std::count(targets, targets + kLength, kNoTarget));
      for (int64_t at = 0; at < kLength; ++at) {
        EXPECT_TRUE(seen.insert(tokens[at]).second);
        in_order.push_back(tokens[at]);
        const int32_t next = tokens[at] + 1;
        const bool counts = next < 73 && corpus.counts(static_cast<size_t>(next));
        EXPECT_EQ(targets[at], counts ? next : kNoTarget);
      }
    }
    EXPECT_EQ(seen.size(), 72U);
    for (const std::vector<TokenId>& other : epochs) EXPECT_NE(in_order, other);
    epochs.push_back(std::move(in_order));
  }
}

TEST(Batches, ASequence_IsTheSameWheneverItIsAskedFor) {
  const Corpus corpus = corpus_of({200});
  Batches batches(corpus, 10, 5);
  Batches others(corpus, 10, 6);
  std::vector<int32_t> first(10), again(10), targets(10), other(10);
  bool differs = false;
  for (int64_t index = 0; index < 60; ++index) {
    batches.fill(index, first, targets);
    batches.fill(index + 100, again, targets);
    batches.fill(index, again, targets);
    EXPECT_EQ(first, again);
    others.fill(index, other, targets);
    differs = differs || other != first;
  }
  EXPECT_TRUE(differs);
}

}  // namespace
}  // namespace hearth::train
