// The same seed, the same answer, whatever shares the batch, the cache and the steps: with a real model,
// whose every bit counts when tokens are drawn.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "tests/support/sanitized.h"
#include "tests/support/tiny_llama.h"

namespace hearth::engine {
namespace {

using hearth::testing::TinyLlama;

// Quantised weights, for which sets have kernels that depend on the number of rows, and on their phase.
std::string tiny_model() {
  const auto codec = hearth::testing::MatrixCodec::quantized(tensor::DType::kQ8_0);
  return TinyLlama({.n_layers = 2, .context_tokens = 128}, 5, codec).gguf().build();
}

struct Loaded {
  explicit Loaded(const LoadOptions& options) : bytes(tiny_model()) {
    auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
    EXPECT_TRUE(file);
    auto loaded =
        LoadedModel::load(std::move(*file), std::move(*cpu::make_cpu_backend({*choose_isa(), 1})), options);
    EXPECT_TRUE(loaded) << loaded.error().message();
    model = std::move(*loaded);
  }

  void step() {
    const auto report = model->engine().step();
    ASSERT_TRUE(report);
    n_preemptions += report->n_preemptions;
    for (const Event& event : report->events) answers[event.request].push_back(*event.token);
  }
  void run() {
    while (model->engine().has_work()) step();
  }

  std::map<RequestId, std::vector<text::TokenId>> answers;
  std::string bytes;
  std::unique_ptr<LoadedModel> model;
  int64_t n_preemptions = 0;
};

Request random_request(std::mt19937& random) {
  Request request;
  request.prompt.resize(1 + random() % 40);
  for (text::TokenId& token : request.prompt)
    token = static_cast<text::TokenId>(3 + random() % (TinyLlama::kVocabularySize - 3));
  request.sampling.temperature = 1.0F;
  request.sampling.top_k = random() % 2 == 0 ? 0 : 40;
  request.sampling.seed = static_cast<int64_t>(random() % 1000);
  request.max_tokens = 1 + static_cast<int64_t>(random() % 4 == 0 ? random() % 80 : random() % 15);
  request.ignore_end = true;
  return request;
}

TEST(BatchInvariance, SampledAnswers_InHundredsOfRandomBatches_AreThoseOfTheRequestAlone) {
  std::mt19937 random(17);
  std::vector<Request> requests;
  std::vector<std::vector<text::TokenId>> expected;
  Loaded alone({.context_tokens = 128});
  for (int i = 0; i < 25; ++i) {
    requests.push_back(random_request(random));
    const RequestId id = alone.model->engine().submit(requests.back()).value();
    alone.run();
    expected.push_back(alone.answers[id]);
  }
  // The cache holds no more than one context, so that some of them must give way.
  Loaded together({.context_tokens = 128, .max_sequences = 6, .kv_tokens = 128});
  const int n_batches = hearth::testing::kSanitized ? 10 : 200;
  for (int batch = 0; batch < n_batches; ++batch) {
    std::map<RequestId, size_t> which;
    const size_t n = 2 + random() % 6;
    for (size_t i = 0; i < n; ++i) {
      const size_t request = random() % requests.size();
      Request submitted = requests[request];
      submitted.tenant = std::to_string(random() % 2);
      which[together.model->engine().submit(submitted).value()] = request;
      // Some come later, beside the answers of others.
      for (size_t steps = random() % 6; steps > 3; --steps) together.step();
    }
    together.run();
    for (const auto& [id, request] : which)
      ASSERT_EQ(together.answers[id], expected[request]) << "batch " << batch;
  }
  EXPECT_GT(together.n_preemptions, 0);
  for (const Engine::KvUsage& usage : together.model->engine().kv_usage()) EXPECT_EQ(usage.n_held, 0);
}

TEST(LoadedModel, KvTokens_AreThePoolsSize_AndAtLeastAContext) {
  const Loaded whole({.context_tokens = 64, .max_sequences = 4});
  EXPECT_EQ(whole.model->engine().kv_usage()[0].n_blocks, 8);
  const Loaded half({.context_tokens = 64, .max_sequences = 4, .kv_tokens = 100});
  EXPECT_EQ(half.model->engine().kv_usage()[0].n_blocks, 4);
  const Loaded more({.context_tokens = 64, .max_sequences = 4, .kv_tokens = INT64_MAX});
  EXPECT_EQ(more.model->engine().kv_usage()[0].n_blocks, 8);

  const std::string bytes = TinyLlama({.n_layers = 2, .context_tokens = 128}, 5).gguf().build();
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  const auto refused =
      LoadedModel::load(std::move(*file), std::move(*cpu::make_cpu_backend({*choose_isa(), 1})),
                        {.context_tokens = 64, .kv_tokens = 63});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("64 tokens of a context, found 63"), std::string::npos);
}

}  // namespace
}  // namespace hearth::engine
