// Answers that must match a grammar.
#include <gtest/gtest.h>

#include <random>

#include "engine/engine_fixture.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/state_sets.h"

namespace hearth::engine {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
using text::grammar::TokenGrammar;

class ConstrainedAnswer : public ::testing::Test {
 protected:
  static std::shared_ptr<TokenGrammar> grammar(std::string_view gbnf, size_t n_tokens = kVocabulary) {
    static const LetterTokenizer tokenizer;
    auto parsed = text::grammar::parse_gbnf(gbnf);
    EXPECT_TRUE(parsed) << parsed.error().message();
    return std::make_shared<TokenGrammar>(*parsed, std::make_shared<text::grammar::MaskedVocabulary>(
                                                       tokenizer, n_tokens, std::vector<text::TokenId>()));
  }
  static Request constrained(std::string_view gbnf, int64_t max_tokens = -1) {
    Request request = greedy({5, 6, 7}, max_tokens);
    request.grammar = grammar(gbnf);
    return request;
  }
  static bool matches(std::string_view gbnf, std::string_view text) {
    text::grammar::StateSets sets(*text::grammar::parse_gbnf(gbnf));
    text::grammar::SetId set = sets.start();
    for (const char c : text) set = sets.next(set, static_cast<uint8_t>(c));
    return sets.may_end(set);
  }
};

TEST_F(ConstrainedAnswer, MatchesAndEndsByItself) {
  constexpr std::string_view kGbnf = R"(root ::= [D-F]{3} ("X" | "YZ") [K-M])";
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    Fixture f(1);
    Request request = constrained(kGbnf);
    request.prompt = random_prompt(random, 9);
    request.sampling.temperature = i % 2 == 0 ? 0.0F : 1.0F;
    const RequestId id = *f.engine->submit(request);
    const auto answer = f.run()[id];
    EXPECT_TRUE(matches(kGbnf, answer.text)) << answer.text;
    EXPECT_EQ(answer.finish, FinishReason::kStop);
  }
}

TEST_F(ConstrainedAnswer, ThatMayEndOrGoOn_LeavesItToTheModel) {
  constexpr std::string_view kGbnf = "root ::= \"B\"{2,}";
  Fixture f(1, /*context_tokens=*/200);
  Request request = constrained(kGbnf, 100);
  request.sampling.temperature = 1.0F;
  request.sampling.seed = 3;
  const RequestId id = *f.engine->submit(request);
  const auto answer = f.run()[id];
  EXPECT_TRUE(matches(kGbnf, answer.text)) << answer.text;
  EXPECT_EQ(answer.finish, FinishReason::kStop);
}

// Of eight tokens that cannot be otherwise the first is drawn; the last is drawn too, since it could be a
// part of a longer one.
TEST_F(ConstrainedAnswer, ForcedText_TakesNoStepsOfItsOwn) {
  Fixture f(1);
  const RequestId id = *f.engine->submit(constrained("root ::= \"HEARTHXY\" [AB]"));
  int n_steps = 0;
  std::string text;
  while (f.engine->has_work()) {
    ++n_steps;
    const auto report = f.engine->step();
    ASSERT_TRUE(report);
    for (const Event& event : report->events) {
      EXPECT_EQ(event.request, id);
      text += event.text;
    }
  }
  EXPECT_EQ(text.substr(0, 8), "HEARTHXY");
  EXPECT_EQ(text.size(), 9U);
  EXPECT_EQ(n_steps, 3);
}

TEST_F(ConstrainedAnswer, ForcedText_IsCutWhereAnyTextIs) {
  Fixture f(1);
  Request request = constrained("root ::= \"HEARTH\" [AB]", 3);
  const RequestId limited = *f.engine->submit(request);
  request.max_tokens = -1;
  request.stop = {"RT"};
  const RequestId stopped = *f.engine->submit(request);
  auto answers = f.run();
  EXPECT_EQ(answers[limited].text, "HEA");
  EXPECT_EQ(answers[limited].finish, FinishReason::kLength);
  EXPECT_EQ(answers[stopped].text, "HEA");
  EXPECT_EQ(answers[stopped].finish, FinishReason::kStop);
}

TEST_F(ConstrainedAnswer, WithLogprobs_DrawsEachToken) {
  Fixture f(1);
  Request request = constrained("root ::= \"HEARTH\"");
  request.logprobs = true;
  ASSERT_TRUE(f.engine->submit(request));
  std::string text;
  while (f.engine->has_work()) {
    const auto report = f.engine->step();
    for (const Event& event : report->events) {
      text += event.text;
      EXPECT_TRUE(event.logprobs);
    }
  }
  EXPECT_EQ(text, "HEARTH");
}

// However steps are shared, and however often blocks are given back on the way.
TEST_F(ConstrainedAnswer, SharingStepsAndBlocks_IsAsAlone) {
  constexpr std::string_view kGbnf = R"(root ::= ([D-F] | "QRSTUV")+ "X")";
  std::mt19937 random(2);
  std::vector<Request> requests;
  for (int i = 0; i < 12; ++i) {
    requests.push_back(greedy(random_prompt(random, 12), 20));
    if (i % 3 != 0) requests.back().grammar = grammar(kGbnf);
    requests.back().sampling.temperature = 1.0F;
    requests.back().sampling.seed = i;
  }
  // Blocks for about two of the four that run.
  Fixture together(EngineOptions{.context_tokens = 40, .max_sequences = 4}, {{0, 18}}, 16);
  std::vector<RequestId> ids;
  for (const Request& request : requests) ids.push_back(*together.engine->submit(request));
  auto answers = together.run();
  EXPECT_GT(together.n_preemptions, 0);
  for (size_t i = 0; i < requests.size(); ++i) {
    Fixture alone(1);
    const RequestId id = *alone.engine->submit(requests[i]);
    EXPECT_EQ(answers[ids[i]].tokens, alone.run()[id].tokens) << i;
  }
}

TEST_F(ConstrainedAnswer, ThatTurnsOutTooAmbiguous_FailsAlone) {
  constexpr std::string_view kAmbiguous = R"GBNF(root ::= x
x ::= "P" (x | y)? "Q" "X"?
y ::= "P" (x | y)? "Q" "Y"?)GBNF";
  Fixture f(2, /*context_tokens=*/100);
  Request request = constrained(kAmbiguous);
  request.sampling.logit_bias = {{15, 30.0F}, {41, 30.0F}};  // P
  const RequestId ambiguous = *f.engine->submit(request);
  const RequestId other = *f.engine->submit(greedy({5, 6, 7}, 30));
  std::optional<Error> failure;
  int n_others = 0;
  while (f.engine->has_work()) {
    const auto report = f.engine->step();
    ASSERT_TRUE(report);
    for (const Event& event : report->events) {
      if (event.request == other) ++n_others;
      if (event.request == ambiguous && event.finish) {
        EXPECT_EQ(*event.finish, FinishReason::kFailed);
        failure = event.failure;
      }
    }
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(n_others, 30);
  EXPECT_EQ(f.n_held(), 0);
}

TEST_F(ConstrainedAnswer, OfTextThatNoTokenHas_FailsWithAReason) {
  Fixture f(1);
  ASSERT_TRUE(f.engine->submit(constrained("root ::= \"Aa\"")));
  std::optional<Error> failure;
  while (f.engine->has_work()) {
    const auto report = f.engine->step();
    for (const Event& event : report->events) failure = event.failure;
  }
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code(), ErrorCode::kUnsupported);
}

TEST_F(ConstrainedAnswer, GrammarOverAnotherVocabulary_IsRefused) {
  Fixture f(1);
  Request request = greedy({5}, 3);
  request.grammar = grammar("root ::= \"B\"", kVocabulary + 1);
  const auto id = f.engine->submit(request);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth::engine
