// Many users of one engine: whose turn it is, who must give way, and that nobody's answer shows any of it.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "engine/engine_fixture.h"
#include "tests/support/sanitized.h"

namespace hearth::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

using Tokens = std::vector<text::TokenId>;

// A request of `tenant`, without an end of its own: it costs what max_tokens says.
Request request_of(const std::string& tenant, Tokens prompt, int64_t max_tokens) {
  Request request = greedy(std::move(prompt), max_tokens);
  request.tenant = tenant;
  request.ignore_end = true;
  return request;
}

// Every answer as the request alone gets it.
Fixture::Answer alone(const Request& request, int64_t context_tokens) {
  Fixture f(1, context_tokens);
  const RequestId id = *f.engine->submit(request);
  return f.run()[id];
}

TEST(Scheduler, Queue_Full_RefusesWithTheNumbers) {
  Fixture f({.context_tokens = 40, .max_sequences = 2, .max_waiting = 3}, {{0, 20}}, 16);
  std::vector<RequestId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(f.engine->submit(greedy({1, 2}, 3)).value());
  const auto refused = f.engine->submit(greedy({1, 2}, 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  for (const char* part : {"server busy", "3 requests wait", "at most 3"})
    EXPECT_NE(refused.error().message().find(part), std::string::npos) << refused.error().message();

  ASSERT_TRUE(f.engine->step());
  EXPECT_EQ(f.engine->n_running(), 2);
  EXPECT_EQ(f.engine->n_waiting(), 3);
  EXPECT_FALSE(f.engine->submit(greedy({1, 2}, 3)));
  f.engine->cancel(ids[3]);
  EXPECT_TRUE(f.engine->submit(greedy({1, 2}, 3)));
  EXPECT_EQ(f.run().size(), 5U);
}

// The step after which each request had its answer.
std::map<RequestId, int64_t> finish_steps(Fixture& f) {
  std::map<RequestId, int64_t> finished;
  for (int64_t step = 1; f.engine->has_work(); ++step) {
    const auto report = f.engine->step();
    EXPECT_TRUE(report);
    for (const Event& event : report->events) {
      if (event.finish) finished[event.request] = step;
    }
  }
  return finished;
}

TEST(Scheduler, OneTenantFloods_NineWithOneRequest_GetTheirShare) {
  constexpr int64_t kNeeded = 12;  // tokens of each answer
  const auto last_of_nine = [](int n_flood) {
    Fixture f(4, 40, 32);
    for (int i = 0; i < n_flood; ++i) EXPECT_TRUE(f.engine->submit(request_of("flood", {1, 2, 3}, kNeeded)));
    std::vector<RequestId> nine;
    for (int i = 0; i < 9; ++i)
      nine.push_back(f.engine->submit(request_of(std::to_string(i), {1, 2, 3}, kNeeded)).value());
    const auto finished = finish_steps(f);
    EXPECT_EQ(finished.size(), static_cast<size_t>(9 + n_flood));
    int64_t last = 0;
    for (const RequestId id : nine) last = std::max(last, finished.at(id));
    return last;
  };
  // The fair share is what each has where nobody asks for more than one answer.
  const int64_t fair = last_of_nine(1);
  EXPECT_LE(last_of_nine(500) * 8, fair * 10);
}

// The flood is there first and holds every place; the others ask again as soon as they have their answer.
TEST(Scheduler, OneTenantFloods_OthersKeepAsking_AllProgressAlike) {
  Fixture f(4, 40, 32);
  std::map<RequestId, std::string> tenants;
  const auto submit = [&](const std::string& tenant) {
    tenants[f.engine->submit(request_of(tenant, {1, 2, 3}, 10)).value()] = tenant;
  };
  for (int i = 0; i < 500; ++i) submit("flood");
  ASSERT_TRUE(f.engine->step());
  for (int i = 0; i < 9; ++i) submit(std::to_string(i));
  std::map<std::string, int64_t> n_tokens;
  int64_t n_all = 0;
  for (int step = 0; step < 1000; ++step) {
    const auto report = f.engine->step();
    ASSERT_TRUE(report);
    for (const Event& event : report->events) {
      const std::string& tenant = tenants.at(event.request);
      ++n_tokens[tenant];
      ++n_all;
      if (event.finish && tenant != "flood") submit(tenant);
    }
  }
  ASSERT_EQ(n_tokens.size(), 10U);
  for (const auto& [tenant, n] : n_tokens) EXPECT_GE(n * 10, n_all * 8 / 10) << tenant;
}

TEST(Scheduler, RequestsOfOneTenant_AreAdmittedInTheirOrder) {
  Fixture f(1);
  std::vector<RequestId> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(f.engine->submit(request_of("one", {1, 2}, 1 + i % 3)).value());
  const auto finished = finish_steps(f);
  for (size_t i = 1; i < ids.size(); ++i) EXPECT_LT(finished.at(ids[i - 1]), finished.at(ids[i]));
}

TEST(Scheduler, LongPrompt_BesideShortOnes_LetsThemPass) {
  Fixture f(4, /*context_tokens=*/400, /*max_step_tokens=*/16);
  const RequestId long_one = f.engine->submit(request_of("a", Tokens(320, 1), 1)).value();
  std::vector<RequestId> short_ones;
  for (const char* tenant : {"a", "b", "c"})
    short_ones.push_back(f.engine->submit(request_of(tenant, Tokens(20, 2), 1)).value());
  const auto finished = finish_steps(f);
  // All together: 380 tokens, 16 a step. The two of other tenants get a third of each step.
  EXPECT_EQ(finished.at(long_one), (380 + 15) / 16);
  EXPECT_LE(finished.at(short_ones[1]), 4);
  EXPECT_LE(finished.at(short_ones[2]), 4);
  EXPECT_LE(finished.at(short_ones[0]), 6) << "it shares its tenant's part with the long one";
}

TEST(Scheduler, PromptsBesideAnswers_AreLimited_AndNoAnswerMissesAStep) {
  Fixture f({.context_tokens = 400, .max_sequences = 4, .prompt_tokens_beside_answers = 5}, {{0, 400}}, 64);
  const RequestId a = f.engine->submit(request_of("a", {1}, 100)).value();
  const RequestId b = f.engine->submit(request_of("b", {2}, 100)).value();
  ASSERT_TRUE(f.engine->step());
  ASSERT_TRUE(f.engine->submit(request_of("c", Tokens(200, 1), 1)));
  ASSERT_TRUE(f.engine->submit(request_of("a", Tokens(100, 1), 1)));
  for (int step = 0; step < 50; ++step) {
    const auto report = f.engine->step();
    ASSERT_TRUE(report);
    EXPECT_EQ(report->n_decode_tokens, 2);
    EXPECT_EQ(report->n_prompt_tokens, 5);
    std::set<RequestId> answered;
    for (const Event& event : report->events) answered.insert(event.request);
    EXPECT_TRUE(answered.contains(a) && answered.contains(b));
  }
  f.engine->cancel(a);
  f.engine->cancel(b);
  EXPECT_EQ(f.engine->step()->n_prompt_tokens, 50) << "what is left of both, now in one step";
}

Request random_request(std::mt19937& random, size_t max_prompt, int64_t max_tokens) {
  Request request =
      greedy(random_prompt(random, max_prompt), 1 + static_cast<int64_t>(random()) % max_tokens);
  request.tenant = std::to_string(random() % 3);
  if (random() % 2 == 0) {
    request.sampling.temperature = 1.0F;
    request.sampling.seed = static_cast<int64_t>(random() % 1000);
    request.sampling.repeat_penalty = 1.1F;
  }
  if (random() % 4 == 0) request.stop = {"QX", "AB"};
  return request;
}

// A pool of little more than a context for eight sequences: most of the time someone has to give way.
TEST(Scheduler, PoolTooSmallForAll_EveryAnswer_IsThatOfTheRequestAlone) {
  constexpr int64_t kContext = 60;
  std::mt19937 random(21);
  for (const int64_t n_blocks : {15, 16, 23, 40}) {
    Fixture f({.context_tokens = kContext, .max_sequences = 8}, {{0, n_blocks}}, 20);
    std::map<RequestId, Request> requests;
    for (int i = 0; i < 60; ++i) {
      const Request request = random_request(random, 30, 40);
      requests[f.engine->submit(request).value()] = request;
    }
    const auto answers = f.run();
    ASSERT_EQ(answers.size(), requests.size());
    for (const auto& [id, request] : requests) {
      const Fixture::Answer expected = alone(request, kContext);
      EXPECT_EQ(answers.at(id).tokens, expected.tokens) << n_blocks << " blocks, request " << id;
      EXPECT_EQ(answers.at(id).text, expected.text);
      EXPECT_EQ(answers.at(id).finish, expected.finish);
    }
    EXPECT_GT(f.n_preemptions, 0) << n_blocks;
    EXPECT_EQ(f.n_held(), 0);
    EXPECT_EQ(f.engine->n_waiting(), 0);
  }
}

TEST(Scheduler, PoolWithWindowsTooSmallForAll_EveryAnswer_IsThatOfTheRequestAlone) {
  constexpr int64_t kContext = 60;
  const std::vector<models::KvGroup> small{{0, 16}, {6, 30}, {30, 30}};
  std::vector<models::KvGroup> large = small;
  for (models::KvGroup& group : large) group.n_blocks = 100;
  std::mt19937 random(22);
  Fixture f({.context_tokens = kContext, .max_sequences = 8}, small, 20);
  std::map<RequestId, Request> requests;
  for (int i = 0; i < 80; ++i) {
    const Request request = random_request(random, 30, 40);
    requests[f.engine->submit(request).value()] = request;
  }
  const auto answers = f.run();
  for (const auto& [id, request] : requests) {
    Fixture of_one({.context_tokens = kContext}, large, 20);
    const RequestId only = of_one.engine->submit(request).value();
    EXPECT_EQ(answers.at(id).tokens, of_one.run()[only].tokens) << id;
  }
  EXPECT_GT(f.n_preemptions, 0);
  EXPECT_EQ(f.n_held(), 0);
}

// Prompts of one length, of which no slice has a token that was generated, nor is one of those read again.
class PhaseRunner : public HashRunner {
 public:
  static constexpr int64_t kPrompt = 24;
  using HashRunner::HashRunner;
  Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) override {
    for (const StepSequence& s : step) {
      const int64_t end = s.start_position + static_cast<int64_t>(s.tokens.size());
      if (s.phase == tensor::Phase::kPrefill) {
        EXPECT_LE(end, kPrompt);
      } else {
        EXPECT_GE(s.start_position, kPrompt);
        n_read_again += end - s.start_position - 1;
      }
    }
    return HashRunner::run(step, logits);
  }
  static inline int64_t n_read_again = 0;  // tokens after the first of a slice
};

TEST(Scheduler, PhasesOfAStep_ArePromptsAndWhatWasGenerated_AlsoAfterPreemptions) {
  const LetterTokenizer tokenizer;
  auto engine =
      std::move(*Engine::create(std::make_unique<PhaseRunner>(std::vector<models::KvGroup>{{0, 16}}, 20),
                                tokenizer, {.context_tokens = 60, .max_sequences = 6}));
  std::mt19937 random(24);
  for (int i = 0; i < 40; ++i) {
    Request request = random_request(random, 30, 40);
    request.prompt.resize(PhaseRunner::kPrompt, request.prompt.front());
    ASSERT_TRUE(engine->submit(request));
  }
  int64_t n_preemptions = 0;
  PhaseRunner::n_read_again = 0;
  while (engine->has_work()) {
    const auto report = engine->step();
    ASSERT_TRUE(report);
    n_preemptions += report->n_preemptions;
  }
  EXPECT_GT(n_preemptions, 0);
  EXPECT_GT(PhaseRunner::n_read_again, 0);
}

// Sequences with a state must be evaluated without a gap from their first token on, each in a slot of its
// own.
class StatefulRunner : public HashRunner {
 public:
  using HashRunner::HashRunner;
  int64_t n_state_slots() const noexcept override { return 6; }
  Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) override {
    std::set<int64_t> slots;
    for (const StepSequence& s : step) {
      EXPECT_TRUE(slots.insert(s.state_slot).second);
      int64_t& position = positions_[s.state_slot];
      EXPECT_TRUE(s.start_position == 0 || s.start_position == position);
      position = s.start_position + static_cast<int64_t>(s.tokens.size());
    }
    return HashRunner::run(step, logits);
  }

 private:
  std::map<int64_t, int64_t> positions_;  // where the state of each slot stands
};

TEST(Scheduler, PoolTooSmallForAll_RecurrentStates_AreBuiltAgainFromTheStart) {
  const LetterTokenizer tokenizer;
  auto engine =
      std::move(*Engine::create(std::make_unique<StatefulRunner>(std::vector<models::KvGroup>{{0, 16}}, 20),
                                tokenizer, {.context_tokens = 60, .max_sequences = 6}));
  std::mt19937 random(23);
  std::map<RequestId, Request> requests;
  for (int i = 0; i < 40; ++i) {
    const Request request = random_request(random, 30, 40);
    requests[engine->submit(request).value()] = request;
  }
  std::map<RequestId, Tokens> answers;
  int64_t n_preemptions = 0;
  while (engine->has_work()) {
    const auto report = engine->step();
    ASSERT_TRUE(report);
    n_preemptions += report->n_preemptions;
    for (const Event& event : report->events) answers[event.request].push_back(*event.token);
  }
  EXPECT_GT(n_preemptions, 0);
  for (const auto& [id, request] : requests) EXPECT_EQ(answers[id], alone(request, 60).tokens);
}

// The most senior one gets a token in every step: no sequence can need more steps than it has tokens once it
// is that, so that all together need no more than the tokens of all.
TEST(Scheduler, PoolOfOneContext_NeedsNoMoreStepsThanTokens) {
  constexpr int64_t kContext = 60;
  for (const int64_t max_step_tokens : {8, 9, 20}) {
    Fixture f({.context_tokens = kContext, .max_sequences = 8}, {{0, kContext / 4}}, max_step_tokens);
    std::mt19937 random(24);
    int64_t n_tokens = 0;
    for (int i = 0; i < 100; ++i) {
      Request request = random_request(random, 40, 60);
      request.ignore_end = true;
      n_tokens += kContext;
      ASSERT_TRUE(f.engine->submit(request));
    }
    int64_t n_steps = 0;
    int64_t n_preemptions = 0;
    for (; f.engine->has_work() && n_steps <= n_tokens; ++n_steps) {
      const auto report = f.engine->step();
      ASSERT_TRUE(report);
      n_preemptions += report->n_preemptions;
    }
    EXPECT_FALSE(f.engine->has_work());
    EXPECT_GT(n_preemptions, 0);
  }
}

TEST(Scheduler, PoolForAll_NeverPreempts_NorMakesAnyoneWaitForBlocks) {
  Fixture f(5, 40, 16);
  std::mt19937 random(25);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(f.engine->submit(random_request(random, 38, 40)));
  while (f.engine->n_waiting() > 0) {
    ASSERT_EQ(f.engine->step()->n_preemptions, 0);
    // Those that ended in this step have left.
    const int64_t n_before = f.engine->n_waiting();
    const int64_t n_free_places = 5 - f.engine->n_running();
    const auto report = f.engine->step();
    EXPECT_EQ(report->n_preemptions, 0);
    EXPECT_EQ(n_before - f.engine->n_waiting(), std::min(n_before, n_free_places));
  }
}

// Cancels in the queue, in prompts and in answers, among neighbours who must notice nothing.
TEST(Scheduler, TenThousandCancels_InEveryPhase_LoseNoBlockAndHurtNoNeighbour) {
  constexpr int64_t kContext = 60;
  const int n_cancels_wanted = hearth::testing::kSanitized ? 2000 : 10000;
  Fixture f({.context_tokens = kContext, .max_sequences = 6}, {{0, 40}}, 12);
  std::mt19937 random(26);
  std::vector<Request> kinds;
  std::vector<Tokens> expected;
  for (int i = 0; i < 40; ++i) {
    kinds.push_back(random_request(random, 30, 12));
    expected.push_back(alone(kinds.back(), kContext).tokens);
  }
  std::map<RequestId, size_t> open;
  std::map<RequestId, Tokens> answers;
  int n_queued = 0;
  int n_in_prompt = 0;
  int n_in_answer = 0;
  int n_finished = 0;
  while (n_queued + n_in_prompt + n_in_answer < n_cancels_wanted) {
    while (open.size() < 14) {
      const size_t kind = random() % kinds.size();
      open[f.engine->submit(kinds[kind]).value()] = kind;
    }
    for (int i = 0; i < 3; ++i) {
      const auto victim = std::next(open.begin(), static_cast<std::ptrdiff_t>(random() % open.size()));
      const RequestStatus status = f.engine->status(victim->first).value();
      ++(!status.admitted ? n_queued : status.n_generated_tokens == 0 ? n_in_prompt : n_in_answer);
      const int64_t held_before = f.n_held();
      f.engine->cancel(victim->first);
      EXPECT_LE(f.n_held(), held_before);
      EXPECT_FALSE(f.engine->status(victim->first));
      open.erase(victim);
    }
    const auto report = f.engine->step();
    ASSERT_TRUE(report);
    for (const Event& event : report->events) {
      ASSERT_TRUE(open.contains(event.request)) << "an event of a cancelled request";
      if (event.token) answers[event.request].push_back(*event.token);
      if (!event.finish) continue;
      EXPECT_EQ(answers[event.request], expected[open.at(event.request)]);
      open.erase(event.request);
      ++n_finished;
    }
  }
  for (const int n : {n_queued, n_in_prompt, n_in_answer, n_finished}) EXPECT_GT(n, n_cancels_wanted / 50);
  for (const auto& [id, kind] : open) f.engine->cancel(id);
  EXPECT_FALSE(f.engine->has_work());
  EXPECT_EQ(f.n_held(), 0);
}

}  // namespace
}  // namespace hearth::engine
