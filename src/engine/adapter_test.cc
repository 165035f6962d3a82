// Adapters at run time: each request its own, and none of them changes another's answer.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/adapter/merged_checkpoint.h"
#include "tests/support/random_adapter.h"
#include "tests/support/tiny_llama.h"

namespace hearth::engine {
namespace {

using hearth::testing::random_adapter;
using hearth::testing::TinyLlama;
using Adapter = std::shared_ptr<const models::LoadedAdapter>;

std::unique_ptr<tensor::Backend> backend() {
  return std::move(*cpu::make_cpu_backend({*choose_isa(), 1}));
}

class Adapters : public ::testing::Test {
 protected:
  models::GgufCheckpoint checkpoint() const {
    return models::GgufCheckpoint(gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf").value());
  }
  std::unique_ptr<LoadedModel> load(const LoadOptions& options) const {
    auto loaded =
        LoadedModel::load(std::make_unique<models::GgufCheckpoint>(checkpoint()), backend(), options);
    EXPECT_TRUE(loaded) << loaded.error().message();
    return std::move(*loaded);
  }
  models::LoraAdapter adapter(uint32_t seed, int64_t rank = 3) const {
    return random_adapter(checkpoint(), hearth::testing::kLlamaTargets, rank, seed);
  }
  std::vector<text::TokenId> random_tokens(uint32_t seed, size_t n) const {
    std::mt19937 random(seed);
    std::vector<text::TokenId> tokens(n);
    for (text::TokenId& token : tokens)
      token = static_cast<text::TokenId>(3 + random() % (TinyLlama::kVocabularySize - 3));
    return tokens;
  }

  const std::string bytes = TinyLlama({.n_layers = 2, .context_tokens = 256}, 5).gguf().build();
};

std::vector<std::vector<double>> probabilities(LoadedModel& model, std::span<const text::TokenId> tokens,
                                               const Adapter& adapter) {
  std::vector<std::vector<double>> rows;
  const auto evaluated = model.engine().evaluate(
      tokens,
      [&](int64_t, std::span<const float> logits) {
        const double most = *std::max_element(logits.begin(), logits.end());
        std::vector<double> row;
        double sum = 0.0;
        for (const float logit : logits) sum += row.emplace_back(std::exp(logit - most));
        for (double& p : row) p /= sum;
        rows.push_back(std::move(row));
        return true;
      },
      adapter);
  EXPECT_TRUE(evaluated) << evaluated.error().message();
  return rows;
}

double mean_divergence(const std::vector<std::vector<double>>& p, const std::vector<std::vector<double>>& q) {
  double sum = 0.0;
  for (size_t i = 0; i < p.size(); ++i) {
    for (size_t token = 0; token < p[i].size(); ++token)
      sum += p[i][token] * std::log(p[i][token] / q[i][token]);
  }
  return sum / static_cast<double>(p.size());
}

// More rows than are adapted at once, so that they are taken in parts.
TEST_F(Adapters, AppliedAtRunTime_AreTheMergedModel) {
  const auto tokens = random_tokens(1, 150);
  const auto model = load({});
  for (const int64_t rank : {1, 3, 16}) {
    const models::LoraAdapter random = adapter(2, rank);
    const auto applied = model->load_adapter(random);
    ASSERT_TRUE(applied) << applied.error().message();
    const models::GgufCheckpoint base = checkpoint();
    auto merged = models::MergedCheckpoint::create(base, random, models::MergedType::kF32);
    ASSERT_TRUE(merged);
    const auto merged_model = LoadedModel::load(std::move(*merged), backend(), {});
    ASSERT_TRUE(merged_model) << merged_model.error().message();
    const auto at_run_time = probabilities(*model, tokens, *applied);
    EXPECT_LT(mean_divergence(at_run_time, probabilities(**merged_model, tokens, nullptr)), 1e-6);
    EXPECT_GT(mean_divergence(at_run_time, probabilities(*model, tokens, nullptr)), 1e-3)
        << "it changes nothing";
  }
}

std::map<RequestId, std::vector<text::TokenId>> run(LoadedModel& model) {
  std::map<RequestId, std::vector<text::TokenId>> answers;
  while (model.engine().has_work()) {
    const auto report = model.engine().step();
    EXPECT_TRUE(report);
    for (const Event& event : report->events) answers[event.request].push_back(*event.token);
  }
  return answers;
}

// Eight requests of four adapters, and two of none: of the same prompts, so that a prefix of another's would
// be found if it were looked for.
TEST_F(Adapters, EachRequestOfABatch_AnswersAsAlone) {
  const auto together = load({.context_tokens = 256, .max_sequences = 10});
  std::vector<Adapter> adapters;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    adapters.push_back(together->load_adapter(adapter(seed, 1 + seed)).value());
  }
  adapters.push_back(nullptr);
  const auto request_of = [&](size_t i) {
    Request request;
    request.prompt = random_tokens(7, 40);
    request.sampling.temperature = 1.0F;
    request.sampling.seed = static_cast<int64_t>(i / 5);
    request.max_tokens = 20;
    request.ignore_end = true;
    request.adapter = adapters[i % 5];
    return request;
  };
  std::vector<std::vector<text::TokenId>> alone;
  for (size_t i = 0; i < 10; ++i) {
    const RequestId id = together->engine().submit(request_of(i)).value();
    alone.push_back(run(*together)[id]);
    EXPECT_EQ(alone.back().size(), 20U);
  }
  EXPECT_NE(alone[0], alone[1]) << "two adapters";
  EXPECT_NE(alone[0], alone[4]) << "one and none";
  const auto fresh = load({.context_tokens = 256, .max_sequences = 10});
  for (LoadedModel* model : {together.get(), fresh.get()}) {
    if (model == fresh.get()) {
      for (uint32_t seed = 0; seed < 4; ++seed) {
        adapters[seed] = fresh->load_adapter(adapter(seed, 1 + seed)).value();
      }
    }
    std::map<RequestId, size_t> which;
    for (size_t i = 0; i < 10; ++i) which[model->engine().submit(request_of(i)).value()] = i;
    for (const auto& [id, answer] : run(*model)) EXPECT_EQ(answer, alone[which.at(id)]) << which.at(id);
  }
}

TEST_F(Adapters, OfWeightsThatNoTokenPasses_AreRefused) {
  const auto model = load({});
  models::LoraAdapter wrong = adapter(1);
  wrong.matrices[0].weight = "token_embd.weight";
  const auto refused = model->load_adapter(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message().find("token_embd.weight"), std::string::npos);
}

}  // namespace
}  // namespace hearth::engine
