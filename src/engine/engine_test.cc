#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "engine/engine_fixture.h"
#include "models/kv_groups.h"

namespace hearth::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

TEST(Engine, ManyRequests_SharingSteps_AnswerAsAlone) {
  std::mt19937 random(11);
  std::vector<Request> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(greedy(random_prompt(random, 30), 1 + i % 9));

  Fixture together(5);
  std::vector<RequestId> ids;
  for (const Request& request : requests) ids.push_back(*together.engine->submit(request));
  auto answers = together.run();

  for (size_t i = 0; i < requests.size(); ++i) {
    Fixture alone(1);
    const RequestId id = *alone.engine->submit(requests[i]);
    EXPECT_EQ(answers[ids[i]].tokens, alone.run()[id].tokens) << i;
  }
}

TEST(Engine, Prompt_SeenBefore_IsNotEvaluatedAgain) {
  Fixture f(2);
  const Request request = greedy({5, 6, 7, 8, 9, 10, 11, 12, 13}, 4);
  const RequestId first = *f.engine->submit(request);
  const auto first_answer = f.run()[first];
  const int64_t before = f.runner->n_evaluated;
  const RequestId second = *f.engine->submit(request);
  EXPECT_EQ(f.run()[second].tokens, first_answer.tokens);
  EXPECT_EQ(f.runner->n_evaluated - before, 1 + 3)
      << "two blocks of the prompt are cached; its ninth token is not";
}

TEST(Engine, Prompt_OfAnotherTenant_IsEvaluatedAfresh) {
  Fixture f(2);
  Request request = greedy({5, 6, 7, 8, 9, 10, 11, 12, 13}, 1);
  ASSERT_TRUE(f.engine->submit(request));
  f.run();
  const int64_t before = f.runner->n_evaluated;
  request.tenant = "another";
  ASSERT_TRUE(f.engine->submit(request));
  f.run();
  EXPECT_EQ(f.runner->n_evaluated - before, 9);
}

TEST(Engine, LongPrompt_BesideAStream_DoesNotStallIt) {
  Fixture f(2, /*context_tokens=*/200, /*max_step_tokens=*/8);
  const RequestId stream = *f.engine->submit(greedy({1}, 50));
  ASSERT_TRUE(f.engine->step());
  ASSERT_TRUE(f.engine->submit(greedy(std::vector<text::TokenId>(100, 2), 1)));
  for (int step = 0; step < 12; ++step) {
    const auto report = f.engine->step();
    ASSERT_EQ(report->events.size(), 1U);
    EXPECT_EQ(report->events[0].request, stream);
    EXPECT_EQ(report->n_decode_tokens, 1);
    EXPECT_EQ(report->n_prompt_tokens, 7);
  }
}

TEST(Engine, MaxTokens_Reached_EndsWithLength) {
  Fixture f(1);
  const RequestId id = *f.engine->submit(greedy({1, 2}, 5));
  const auto answer = f.run()[id];
  EXPECT_EQ(answer.tokens.size(), 5U);
  EXPECT_EQ(answer.text.size(), 5U);
  EXPECT_EQ(answer.finish, FinishReason::kLength);
}

TEST(Engine, MaxTokens_Zero_EvaluatesOnly) {
  Fixture f(1);
  const RequestId id = *f.engine->submit(greedy({1, 2}, 0));
  const auto answer = f.run()[id];
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(answer.finish, FinishReason::kLength);
}

TEST(Engine, Context_Full_EndsAndSaysSo) {
  Fixture f(1, /*context_tokens=*/12);
  const RequestId id = *f.engine->submit(greedy({1, 2}, -1));
  const auto answer = f.run()[id];
  EXPECT_EQ(answer.tokens.size(), 10U);
  EXPECT_EQ(answer.finish, FinishReason::kContext);
}

TEST(Engine, StopString_InTheAnswer_EndsBeforeIt) {
  Fixture f(1);
  const RequestId plain = *f.engine->submit(greedy({1, 2}, 8));
  const std::string text = f.run()[plain].text;
  Request request = greedy({1, 2}, 8);
  request.stop = {text.substr(3, 2)};
  const RequestId stopped = *f.engine->submit(request);
  const auto answer = f.run()[stopped];
  EXPECT_EQ(answer.text, text.substr(0, text.find(request.stop[0])));
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

TEST(Engine, Cancel_RunningAndWaiting_FreesThemAtOnce) {
  Fixture f(1);
  const RequestId running = *f.engine->submit(greedy({1, 2}, -1));
  const RequestId waiting = *f.engine->submit(greedy({3}, -1));
  ASSERT_TRUE(f.engine->step());
  f.engine->cancel(running);
  f.engine->cancel(waiting);
  f.engine->cancel(12345);
  EXPECT_FALSE(f.engine->has_work());
  EXPECT_FALSE(f.engine->status(running));
  EXPECT_TRUE(f.engine->step()->events.empty());
}

TEST(Engine, RunnerFails_NextStep_GoesOnWhereItWas) {
  Fixture healthy(1);
  const RequestId expected = *healthy.engine->submit(greedy({1, 2, 3, 4, 5}, 6));
  Fixture f(1);
  const RequestId id = *f.engine->submit(greedy({1, 2, 3, 4, 5}, 6));
  std::vector<text::TokenId> tokens;
  for (int step = 0; f.engine->has_work(); ++step) {
    if (step % 2 == 0) f.runner->fail_next();
    const auto report = f.engine->step();
    EXPECT_EQ(report.has_value(), step % 2 != 0);
    if (report) {
      for (const Event& event : report->events) tokens.push_back(*event.token);
    }
  }
  EXPECT_EQ(tokens, healthy.run()[expected].tokens);
  EXPECT_EQ(id, RequestId{1});
}

TEST(Engine, Submit_WhatCannotBeAnswered_IsRefusedWithTheNumbers) {
  Fixture f(1, /*context_tokens=*/12);
  EXPECT_EQ(f.engine->submit(greedy({}, 1)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(f.engine->submit(greedy({64}, 1)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(f.engine->submit(greedy({-1}, 1)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(f.engine->submit(greedy({1}, -3)).error().code(), ErrorCode::kInvalidArgument);
  Request hot = greedy({1}, 1);
  hot.sampling.temperature = -1;
  EXPECT_EQ(f.engine->submit(hot).error().code(), ErrorCode::kInvalidArgument);
  const auto too_long = f.engine->submit(greedy(std::vector<text::TokenId>(12, 1), 1));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ErrorCode::kResourceExhausted);
  for (const char* part : {"too long", "12 tokens exceed the context of 12", "num_ctx"})
    EXPECT_NE(too_long.error().message().find(part), std::string::npos) << too_long.error().message();
}

TEST(Engine, Create_TooFewBlocks_IsRefusedWithTheNumbers) {
  const LetterTokenizer tokenizer;
  const auto engine = Engine::create(std::make_unique<HashRunner>(4, 16), tokenizer, {20, 2});
  ASSERT_FALSE(engine);
  EXPECT_NE(engine.error().message().find("5 KV blocks"), std::string::npos) << engine.error().message();
  EXPECT_TRUE(Engine::create(std::make_unique<HashRunner>(5, 16), tokenizer, {20, 2}));
}

TEST(Engine, Evaluate_AnyLength_GivesTheLogitsOfEveryPosition) {
  Fixture f(1);
  std::vector<text::TokenId> tokens(37, 3);
  std::vector<std::vector<float>> rows;
  ASSERT_TRUE(f.engine->evaluate(tokens, [&](int64_t position, std::span<const float> logits) {
    EXPECT_EQ(position, static_cast<int64_t>(rows.size()));
    rows.emplace_back(logits.begin(), logits.end());
    return true;
  }));
  ASSERT_EQ(rows.size(), 37U);
  // The last row is what a request with that prompt sees.
  const auto best = std::max_element(rows.back().begin(), rows.back().end()) - rows.back().begin();
  const RequestId id = *f.engine->submit(greedy(tokens, 1));
  EXPECT_EQ(f.run()[id].tokens.at(0), best);
}

// What HashRunner's "layers" with these windows (0: none) answer greedily, without a cache.
std::vector<text::TokenId> answer_of(std::vector<text::TokenId> tokens, int64_t n,
                                     std::span<const int64_t> windows) {
  const size_t n_prompt = tokens.size();
  for (int64_t i = 0; i < n; ++i) {
    const auto last = static_cast<int64_t>(tokens.size()) - 1;
    uint64_t sum = 0;
    for (const int64_t window : windows) {
      const int64_t first = window == 0 ? 0 : std::max<int64_t>(0, last + 1 - window);
      sum += hash_of(first, last, [&](int64_t p) { return tokens[static_cast<size_t>(p)]; });
    }
    tokens.push_back(token_after(sum));
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(n_prompt), tokens.end()};
}

// Layers with windows, in a cache with the fewest blocks that so many sequences can need. (The layers of a
// HashRunner have one KV head; their window alone is looked at.)
struct WindowedFixture : Fixture {
  WindowedFixture(std::span<const int64_t> windows, int64_t max_sequences, int64_t context_tokens,
                  int64_t max_step_tokens)
      : Fixture({.context_tokens = context_tokens, .max_sequences = max_sequences},
                groups(windows, {context_tokens, max_sequences, max_step_tokens, HashRunner::kBlockTokens}),
                max_step_tokens) {}

  static std::vector<models::KvGroup> groups(std::span<const int64_t> windows,
                                             const models::KvDemand& demand) {
    std::vector<models::KvGroup> groups;
    for (const int64_t window : windows) groups.push_back({window, models::kv_blocks_needed(window, demand)});
    return groups;
  }
};

constexpr int64_t kWindowSets[][3] = {{0, 6, 9}, {0, 1, 2}, {5, 3, 30}, {0, 4, 64}};

TEST(EngineWithWindows, ManyRequests_SharingSteps_AnswerAsWithoutCache) {
  std::mt19937 random(12);
  for (const auto& windows : kWindowSets) {
    for (const int64_t max_step_tokens : {5, 7, 16, 33}) {
      WindowedFixture f(windows, 5, 160, max_step_tokens);
      std::map<RequestId, std::vector<text::TokenId>> expected;
      for (int i = 0; i < 40; ++i) {
        const Request request = greedy(random_prompt(random, 120), 1 + i % 30);
        const RequestId id = *f.engine->submit(request);
        auto answer = answer_of(request.prompt, request.max_tokens, windows);
        if (const auto end = std::find(answer.begin(), answer.end(), kEnd); end != answer.end())
          answer.erase(end + 1, answer.end());
        expected[id] = std::move(answer);
      }
      auto answers = f.run();
      for (const auto& [id, answer] : expected) EXPECT_EQ(answers[id].tokens, answer) << id;
      EXPECT_EQ(f.n_held(), 0);
    }
  }
}

// Prompts that share beginnings of every length, cancelled and failing steps between them.
TEST(EngineWithWindows, PrefixesCancelsAndFailures_LoseNoBlockAndChangeNoAnswer) {
  std::mt19937 random(13);
  for (const auto& windows : kWindowSets) {
    WindowedFixture f(windows, 3, 200, 16);
    std::map<RequestId, std::vector<text::TokenId>> prompts;
    std::map<RequestId, std::vector<text::TokenId>> answers;
    std::vector<std::vector<text::TokenId>> stories{random_prompt(random, 150), random_prompt(random, 150)};
    int64_t n_cached = 0;
    for (int round = 0; round < 3000; ++round) {
      if (random() % 8 == 0 && prompts.size() < 6) {
        std::vector<text::TokenId> prompt = stories[random() % stories.size()];
        prompt.resize(1 + random() % prompt.size());
        if (random() % 3 == 0) prompt.back() = 1 + static_cast<text::TokenId>(random() % 3);
        const RequestId id = *f.engine->submit(greedy(prompt, static_cast<int64_t>(1 + random() % 40)));
        prompts[id] = prompt;
      }
      if (random() % 40 == 0 && !prompts.empty()) {
        const RequestId id = prompts.begin()->first;
        f.engine->cancel(id);
        prompts.erase(id);
      }
      const bool fails = random() % 20 == 0 && f.engine->has_work();
      if (fails) f.runner->fail_next();
      const auto report = f.engine->step();
      ASSERT_EQ(report.has_value(), !fails);
      if (!report) continue;
      for (const Event& event : report->events) {
        if (const auto status = f.engine->status(event.request)) n_cached += status->n_cached_tokens;
        answers[event.request].push_back(*event.token);
        if (!event.finish) continue;
        const std::vector<text::TokenId>& prompt = prompts.at(event.request);
        const std::vector<text::TokenId>& answer = answers[event.request];
        EXPECT_EQ(answer, answer_of(prompt, static_cast<int64_t>(answer.size()), windows));
        // Sometimes the conversation goes on.
        if (random() % 2 == 0 && prompt.size() + answer.size() < 150) {
          stories[0] = prompt;
          stories[0].insert(stories[0].end(), answer.begin(), answer.end());
          stories[0].push_back(2);
        }
        prompts.erase(event.request);
      }
    }
    EXPECT_GT(n_cached, 0);
    for (const auto& [id, prompt] : prompts) f.engine->cancel(id);
    EXPECT_EQ(f.n_held(), 0);
  }
}

TEST(EngineWithWindows, LongSequence_HoldsNoMoreThanItsWindow) {
  const int64_t windows[] = {0, 10};
  WindowedFixture f(windows, 1, 400, 8);
  const RequestId id = *f.engine->submit(greedy(std::vector<text::TokenId>(300, 2), 1));
  int64_t most = 0;
  while (f.engine->has_work()) {
    ASSERT_TRUE(f.engine->step());
    most = std::max(most, f.engine->kv_usage()[1].n_held);
    if (f.engine->status(id)) {
      EXPECT_GE(f.engine->kv_usage()[0].n_held * 4, f.engine->status(id)->n_evaluated_tokens);
    }
  }
  EXPECT_EQ(most, 3) << "nine positions before the next, in blocks of four";
}

// The blocks that the window has passed are found again until the pool needs them.
TEST(EngineWithWindows, Conversation_GoesOn_FromItsCachedEnd) {
  const int64_t windows[] = {0, 10};
  WindowedFixture f(windows, 1, 400, 8);
  std::vector<text::TokenId> tokens(201, 2);
  const RequestId first = *f.engine->submit(greedy(tokens, 3));
  const auto answer = f.run()[first].tokens;
  tokens.insert(tokens.end(), answer.begin(), answer.end());
  tokens.resize(230, 1);
  int64_t before = f.runner->n_evaluated;
  ASSERT_TRUE(f.engine->submit(greedy(tokens, 1)));
  f.run();
  EXPECT_EQ(f.runner->n_evaluated - before, 230 - 200);

  // Far behind its end, the window's blocks are used for other tokens, and all is evaluated again.
  tokens.resize(100);
  before = f.runner->n_evaluated;
  ASSERT_TRUE(f.engine->submit(greedy(tokens, 1)));
  f.run();
  EXPECT_EQ(f.runner->n_evaluated - before, 100);
}

TEST(EngineWithWindows, Create_TooFewBlocksForTheWindow_IsRefusedWithTheNumbers) {
  const LetterTokenizer tokenizer;
  const std::vector<models::KvGroup> groups{{0, 100}, {6, 5}};
  const auto engine = Engine::create(std::make_unique<HashRunner>(groups, 16), tokenizer, {200, 2});
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kResourceExhausted);
  // (6 - 3 + 2 * 4 + 16) / 4
  for (const char* part : {"needs 6 KV blocks", "window of 6", "there are 5"})
    EXPECT_NE(engine.error().message().find(part), std::string::npos) << engine.error().message();
}

}  // namespace
}  // namespace hearth::engine
