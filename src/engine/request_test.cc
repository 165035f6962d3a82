// What a request may ask for, and what its events tell.
#include "engine/request.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/engine_fixture.h"

namespace hearth::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

std::vector<Event> events_of(Fixture& f, const Request& request) {
  EXPECT_TRUE(f.engine->submit(request));
  std::vector<Event> events;
  while (f.engine->has_work()) {
    const auto report = f.engine->step();
    EXPECT_TRUE(report);
    events.insert(events.end(), report->events.begin(), report->events.end());
  }
  return events;
}

TEST(Request, Logprobs_AreThoseOfTheRawLogits) {
  Fixture f(1);
  Request request = greedy({1, 2}, 8);
  request.ignore_end = true;
  request.logprobs = true;
  request.top_logprobs = 3;
  // None of this changes what the model thinks.
  request.sampling.temperature = 2.0F;
  request.sampling.seed = 3;
  request.sampling.top_k = 0;
  request.sampling.top_p = 1.0F;
  request.sampling.logit_bias = {{9, 4.0F}};
  const double log_sum = std::log(std::exp(5.0) + kVocabulary - 1);
  bool any_unlikely = false;
  for (const Event& event : events_of(f, request)) {
    ASSERT_TRUE(event.logprobs);
    const Logprobs& logprobs = *event.logprobs;
    EXPECT_EQ(logprobs.chosen.token, *event.token);
    EXPECT_EQ(logprobs.chosen.bytes, f.tokenizer.token_bytes(*event.token, true));
    ASSERT_EQ(logprobs.top.size(), 3U);
    EXPECT_NEAR(logprobs.top[0].logprob, 5.0 - log_sum, 1e-5);
    EXPECT_NEAR(logprobs.top[1].logprob, -log_sum, 1e-5);
    EXPECT_LT(logprobs.top[1].token, logprobs.top[2].token);
    const bool likely = logprobs.chosen.token == logprobs.top[0].token;
    any_unlikely |= !likely;
    EXPECT_NEAR(logprobs.chosen.logprob, (likely ? 5.0 : 0.0) - log_sum, 1e-5);
  }
  EXPECT_TRUE(any_unlikely) << "otherwise the chosen token was always the first of the list";
}

TEST(Request, Logprobs_ChangeNoAnswer_AndAreAbsentUnlessAskedFor) {
  Request request = greedy({1, 2, 3}, 12);
  request.sampling.temperature = 1.5F;
  request.sampling.seed = 8;
  Fixture plain(1);
  const std::vector<Event> without = events_of(plain, request);
  request.logprobs = true;
  Fixture f(1);
  const std::vector<Event> with = events_of(f, request);
  ASSERT_EQ(with.size(), without.size());
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].token, without[i].token);
    EXPECT_FALSE(without[i].logprobs);
    EXPECT_TRUE(!with[i].logprobs || with[i].logprobs->top.empty());
  }
}

TEST(Request, Logprobs_OfTextThatIsHeldBack_ComeWithTheirToken) {
  Fixture f(1);
  std::string text;
  for (const Event& event : events_of(f, greedy({1, 2}, 8))) text += event.text;
  Request request = greedy({1, 2}, 8);
  request.stop = {text.substr(2, 4) + "?"};  // begins, and then does not come
  request.logprobs = true;
  std::string again;
  bool any_held = false;
  for (const Event& event : events_of(f, request)) {
    again += event.text;
    EXPECT_TRUE(event.logprobs);
    any_held |= event.text.empty();
  }
  EXPECT_TRUE(any_held);
  EXPECT_EQ(again, text);
}

TEST(Request, Logprobs_OfTheEndOfTheAnswer_AreNoPartOfIt) {
  Fixture f(1);
  Request request = greedy({1, 2}, 8);
  request.logprobs = true;
  request.sampling.logit_bias = {{kEnd, 100.0F}};
  const std::vector<Event> events = events_of(f, request);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].token, kEnd);
  EXPECT_EQ(events[0].finish, FinishReason::kStop);
  EXPECT_FALSE(events[0].logprobs);
  EXPECT_TRUE(events[0].stop.empty());
}

TEST(Request, WrongLogprobs_AreRefused) {
  Fixture f(1);
  Request request = greedy({1}, 1);
  request.top_logprobs = 1;
  EXPECT_EQ(f.engine->submit(request).error().code(), ErrorCode::kInvalidArgument);
  request.logprobs = true;
  for (const int64_t n : {int64_t{-1}, kMaxTopLogprobs + 1}) {
    request.top_logprobs = n;
    const auto refused = f.engine->submit(request);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("0 to 20"), std::string::npos);
  }
  request.top_logprobs = kMaxTopLogprobs;
  EXPECT_TRUE(f.engine->submit(request));
}

TEST(Request, LastEvent_NamesTheStopString_AndCountsTokens) {
  Fixture f(1);
  std::string text;
  for (const Event& event : events_of(f, greedy({1, 2, 3, 4, 5}, 8))) text += event.text;
  Request request = greedy({1, 2, 3, 4, 5}, 8);
  request.stop = {"?", text.substr(3, 2)};
  const std::vector<Event> events = events_of(f, request);
  const Event& last = events.back();
  EXPECT_EQ(last.finish, FinishReason::kStop);
  EXPECT_EQ(last.stop, request.stop[1]);
  EXPECT_EQ(last.status.n_prompt_tokens, 5);
  EXPECT_EQ(last.status.n_cached_tokens, 4);
  EXPECT_EQ(last.status.n_generated_tokens, static_cast<int64_t>(events.size()));
  EXPECT_TRUE(last.status.admitted);
}

TEST(Request, Status_BeforeAndAfterAdmission_TellsWhatIsKnown) {
  Fixture f(1);
  events_of(f, greedy({1, 2, 3, 4, 5}, 1));
  const RequestId id = f.engine->submit(greedy({1, 2, 3, 4, 5}, 3)).value();
  EXPECT_FALSE(f.engine->status(id)->admitted);
  EXPECT_EQ(f.engine->status(id)->n_prompt_tokens, 5);
  ASSERT_TRUE(f.engine->step());
  EXPECT_TRUE(f.engine->status(id)->admitted);
  EXPECT_EQ(f.engine->status(id)->n_cached_tokens, 4);
}

TEST(Request, ContextOfItsOwn_EndsTheAnswer_AndIsNoMoreThanTheEngines) {
  Fixture f(1, /*context_tokens=*/40);
  Request request = greedy({1, 2}, -1);
  request.ignore_end = true;
  const std::pair<int64_t, size_t> cases[] = {{10, 10}, {0, 40}, {1000, 40}};
  for (const auto& [wanted, given] : cases) {
    request.context_tokens = wanted;
    const std::vector<Event> events = events_of(f, request);
    EXPECT_EQ(events.size() + 2, given);
    EXPECT_EQ(events.back().finish, FinishReason::kContext);
  }
  request.context_tokens = 2;
  const auto refused = f.engine->submit(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message().find("2 tokens exceed the context of 2"), std::string::npos);
  request.context_tokens = -1;
  EXPECT_EQ(f.engine->submit(request).error().code(), ErrorCode::kInvalidArgument);
}

// LetterTokenizer's letters, but the first three tokens above 50 are control tokens.
class ControlTokenizer : public LetterTokenizer {
 public:
  std::string_view token_bytes(text::TokenId id, bool special) const override {
    if (id < 50) return LetterTokenizer::token_bytes(id, special);
    return special ? "<|mark|>" : "";
  }
};

TEST(Request, VisibleControlTokens_AreNamedInTheText) {
  const ControlTokenizer tokenizer;
  auto engine = std::move(*Engine::create(std::make_unique<HashRunner>(10, 16), tokenizer, {40, 1}));
  for (const bool visible : {true, false}) {
    Request request = greedy({1, 2}, 3);
    request.sampling.logit_bias = {{55, 100.0F}};
    if (visible) request.visible_control_tokens = {55};
    ASSERT_TRUE(engine->submit(request));
    std::string text;
    while (engine->has_work()) {
      const auto report = engine->step();
      ASSERT_TRUE(report);
      for (const Event& event : report->events) text += event.text;
    }
    EXPECT_EQ(text, visible ? "<|mark|><|mark|><|mark|>" : "");
  }
}

// A conversation: each turn is the one before, its answer and something new.
TEST(Request, NextTurnOfAConversation_EvaluatesNoMoreThanWhatIsNewAndABlock) {
  Fixture f(2, /*context_tokens=*/400);
  std::vector<text::TokenId> conversation{1, 2, 3};
  for (int turn = 0; turn < 8; ++turn) {
    const int64_t before = f.runner->n_evaluated;
    Request request = greedy(conversation, 9);
    request.ignore_end = true;
    const std::vector<Event> events = events_of(f, request);
    const int64_t n_evaluated = f.runner->n_evaluated - before;
    const auto n_new = static_cast<int64_t>(turn == 0 ? 3 : 5);
    // The last token of an answer is not evaluated when it is generated.
    EXPECT_LE(n_evaluated, n_new + 1 + (HashRunner::kBlockTokens - 1) + 8) << turn;
    for (const Event& event : events) conversation.push_back(*event.token);
    conversation.insert(conversation.end(), {4, 5, 6, 7, static_cast<text::TokenId>(turn)});
  }
}

// The prefix used longest ago makes room first.
TEST(Request, CachedPrefixes_ThatWereUsedLately_AreKept) {
  Fixture f({.context_tokens = 32, .max_sequences = 1}, {{0, 8}}, 16);
  const auto prompt = [](text::TokenId t) { return std::vector<text::TokenId>(13, t); };
  const auto n_cached = [&](text::TokenId t) {
    return events_of(f, greedy(prompt(t), 1)).back().status.n_cached_tokens;
  };
  EXPECT_EQ(n_cached(1), 0);
  EXPECT_EQ(n_cached(2), 0);
  EXPECT_EQ(n_cached(1), 12);
  EXPECT_EQ(n_cached(3), 0);  // takes the two blocks that hold nothing, and then two of 2's
  EXPECT_EQ(n_cached(1), 12);
  EXPECT_LT(n_cached(2), 12);
}

}  // namespace
}  // namespace hearth::engine
