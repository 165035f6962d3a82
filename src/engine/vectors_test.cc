// Vectors of texts, which the engine computes beside answers.
#include <gtest/gtest.h>

#include <numeric>

#include "engine/engine_fixture.h"

namespace hearth::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using models::Pooling;

Request pooled(std::vector<text::TokenId> prompt, Pooling pooling) {
  Request request;
  request.prompt = std::move(prompt);
  request.pooling = pooling;
  return request;
}

// What the definition says, of one text alone.
std::vector<float> expected_vector(const std::vector<text::TokenId>& prompt, Pooling pooling) {
  const auto n = static_cast<int64_t>(prompt.size());
  const auto state = [&](int64_t position) {
    return HashRunner::hidden_state(position, [&](int64_t p) { return prompt[static_cast<size_t>(p)]; });
  };
  const int64_t first = pooling == Pooling::kLast ? n - 1 : 0;
  const int64_t end = pooling == Pooling::kFirst ? 1 : n;
  std::vector<double> sums(HashRunner::kHiddenWidth);
  for (int64_t p = first; p < end; ++p) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += static_cast<double>(state(p)[i]);
  }
  std::vector<float> vector;
  for (const double sum : sums) vector.push_back(static_cast<float>(sum / static_cast<double>(end - first)));
  return vector;
}

void expect_near(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-3F);
}

constexpr Pooling kPoolings[] = {Pooling::kMean, Pooling::kFirst, Pooling::kLast};

TEST(Vectors, OfATextOfManySteps_AreThoseOfAllItsTokens) {
  for (const Pooling pooling : kPoolings) {
    Fixture f(1, /*context_tokens=*/40, /*max_step_tokens=*/3);
    std::vector<text::TokenId> prompt(40);  // all of the context: no answer needs room
    std::iota(prompt.begin(), prompt.end(), 1);
    const auto id = f.engine->submit(pooled(prompt, pooling));
    ASSERT_TRUE(id);
    const auto answers = f.run();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers.at(*id).finish, FinishReason::kEmbedded);
    EXPECT_TRUE(answers.at(*id).tokens.empty());
    expect_near(answers.at(*id).vector, expected_vector(prompt, pooling));
    EXPECT_EQ(f.n_held(), 0);
  }
}

// The cache holds keys and values, and no final states.
TEST(Vectors, OfATextThatIsCached_AreTheSame) {
  Fixture f(1);
  const std::vector<text::TokenId> prompt{5, 4, 3, 2, 1, 2, 3, 4, 5, 6};
  for (const Pooling pooling : kPoolings) {
    ASSERT_TRUE(f.engine->submit(greedy(prompt, 1)));
    f.run();
    f.runner->n_evaluated = 0;
    const auto id = f.engine->submit(pooled(prompt, pooling));
    expect_near(f.run().at(*id).vector, expected_vector(prompt, pooling));
    EXPECT_EQ(f.runner->n_evaluated, pooling == Pooling::kLast ? 2 : 10);
  }
}

// Few blocks, so that many are preempted in the middle of their texts.
TEST(Vectors, BesideAnswersAndPreemptions_AreThoseOfTheTextAlone) {
  std::mt19937 random(7);
  int64_t n_preemptions = 0;
  for (int round = 0; round < 20; ++round) {
    const EngineOptions options{.context_tokens = 40, .max_sequences = 4, .prompt_tokens_beside_answers = 2};
    Fixture f(options, {{0, 14}}, /*max_step_tokens=*/8);
    std::map<RequestId, std::vector<float>> vectors;
    std::map<RequestId, std::vector<text::TokenId>> answers;
    for (int i = 0; i < 12; ++i) {
      const std::vector<text::TokenId> prompt = random_prompt(random, 35);
      if (i % 3 == 0) {
        Request request = greedy(prompt, 30);
        Fixture alone(1);
        const auto id = alone.engine->submit(request);
        answers[*f.engine->submit(request)] = alone.run().at(*id).tokens;
      } else {
        const Pooling pooling = kPoolings[random() % 3];
        vectors[*f.engine->submit(pooled(prompt, pooling))] = expected_vector(prompt, pooling);
      }
    }
    const auto found = f.run();
    for (const auto& [id, vector] : vectors) expect_near(found.at(id).vector, vector);
    for (const auto& [id, tokens] : answers) EXPECT_EQ(found.at(id).tokens, tokens);
    EXPECT_EQ(f.n_held(), 0);
    n_preemptions += f.n_preemptions;
  }
  EXPECT_GT(n_preemptions, 0);
}

TEST(Vectors, TextBeyondTheContext_IsRefusedWithTheNumbers) {
  Fixture f(1, /*context_tokens=*/8);
  const auto refused = f.engine->submit(pooled(std::vector<text::TokenId>(9, 1), Pooling::kLast));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message().find("9 tokens, and the context has 8"), std::string::npos);
  EXPECT_FALSE(f.engine->submit(pooled({}, Pooling::kLast)));
}

}  // namespace
}  // namespace hearth::engine
