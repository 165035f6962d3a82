// Models with windowed layers whose cache gives back what the windows have passed, against the same models
// whose cache keeps everything: every bit of every logit is the same.
#include <gtest/gtest.h>

#include <map>

#include "backends/cpu/cpu_backend.h"
#include "engine/engine.h"
#include "engine/local_runner.h"
#include "models/kv_groups.h"
#include "models/tokenizer_gguf.h"
#include "tests/support/tiny_llama.h"

namespace hearth::engine {
namespace {

using hearth::testing::GgufWriter;
using hearth::testing::TinyLlama;

constexpr int64_t kContext = 700;

// Gemma 2 with the weights of a tiny llama: layers 0 and 2 have the window.
std::string tiny_gemma2(int64_t window) {
  const TinyLlama tiny({.architecture = "gemma2", .n_layers = 4, .context_tokens = kContext}, 41);
  GgufWriter writer = tiny.gguf();
  writer.add_u32("gemma2.attention.sliding_window", static_cast<uint32_t>(window));
  for (int64_t i = 0; i < 4; ++i) {
    for (const char* name : {"post_attention_norm", "post_ffw_norm"}) {
      const std::string tensor = "blk." + std::to_string(i) + "." + name + ".weight";
      writer.add_tensor(tensor, {64}, std::vector<float>(64, 0.5F));
    }
  }
  return writer.build();
}

using Rows = std::vector<std::vector<float>>;

// Runs a model and keeps the logits of every step.
class Recorder : public Runner {
 public:
  explicit Recorder(std::unique_ptr<Runner> runner) : runner_(std::move(runner)) {}

  int64_t max_step_tokens() const noexcept override { return runner_->max_step_tokens(); }
  int64_t max_step_logits() const noexcept override { return runner_->max_step_logits(); }
  std::span<const models::KvGroup> kv_groups() const noexcept override { return runner_->kv_groups(); }
  int64_t kv_block_tokens() const noexcept override { return runner_->kv_block_tokens(); }
  int64_t vocabulary_size() const noexcept override { return runner_->vocabulary_size(); }
  Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) override {
    HEARTH_TRY(runner_->run(step, logits));
    size_t at = 0;
    const auto n = static_cast<size_t>(vocabulary_size());
    for (const StepSequence& s : step) {
      n_evaluated += static_cast<int64_t>(s.tokens.size());
      for (int64_t i = 0; i < s.n_logits; ++i, at += n)
        rows.emplace_back(logits.begin() + static_cast<std::ptrdiff_t>(at),
                          logits.begin() + static_cast<std::ptrdiff_t>(at + n));
    }
    return {};
  }

  Rows rows;
  int64_t n_evaluated = 0;

 private:
  std::unique_ptr<Runner> runner_;
};

// A loaded model and its engine.
struct Machine {
  Machine(int64_t window, bool keeps_everything, int64_t max_step_tokens, int64_t max_sequences = 1,
          int64_t context_tokens = kContext)
      : bytes(tiny_gemma2(window)),
        file(*gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf")),
        backend(*cpu::make_cpu_backend({Isa::kScalar, 1})),
        tokenizer(*models::load_tokenizer(file)),
        model(*models::load_model(file, *backend, context_tokens)) {
    const models::KvDemand demand{context_tokens, max_sequences, max_step_tokens};
    const auto blocks = models::kv_blocks_needed(0, demand);
    LocalRunnerOptions options;
    options.max_step_tokens = max_step_tokens;
    options.kv_groups = keeps_everything ? std::vector<models::KvGroup>{{0, blocks}}
                                         : models::plan_kv_groups(model->info().kv_layers, demand);
    auto runner = std::make_unique<Recorder>(*make_local_runner(*model, *backend, options));
    recorder = runner.get();
    engine = *Engine::create(std::move(runner), *tokenizer, {context_tokens, max_sequences});
  }

  // The logits of which the answer was drawn.
  Rows answer(std::vector<int32_t> prompt, int64_t n) {
    recorder->rows.clear();
    EXPECT_TRUE(engine->submit(request(std::move(prompt), n)));
    while (engine->has_work()) EXPECT_TRUE(engine->step());
    return recorder->rows;
  }

  static Request request(std::vector<int32_t> prompt, int64_t n) {
    Request request;
    request.prompt = std::move(prompt);
    request.sampling.temperature = 0;
    request.max_tokens = n;
    request.ignore_end = true;
    return request;
  }

  std::string bytes;
  gguf::File file;
  std::unique_ptr<tensor::Backend> backend;
  std::unique_ptr<const text::Tokenizer> tokenizer;
  std::unique_ptr<models::Model> model;
  Recorder* recorder = nullptr;
  std::unique_ptr<Engine> engine;
};

std::vector<int32_t> some_tokens(size_t n, uint32_t seed) {
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) {
    seed = seed * 1664525U + 1013904223U;
    token = static_cast<int32_t>((seed >> 8) % TinyLlama::kVocabularySize);
  }
  return tokens;
}

TEST(WindowedCache, PromptsInStepsOfAnySize_HaveTheLogitsOfTheWholeCache) {
  const std::vector<int32_t> prompt = some_tokens(300, 1);
  for (const int64_t window : {20, 33, 64}) {
    const Rows expected = Machine(window, /*keeps_everything=*/true, 64).answer(prompt, 40);
    ASSERT_EQ(expected.size(), 40U);
    for (const int64_t max_step_tokens : {7, 33, 501}) {
      Machine machine(window, /*keeps_everything=*/false, max_step_tokens);
      ASSERT_EQ(machine.engine->kv_usage().size(), 2U);
      EXPECT_EQ(machine.answer(prompt, 40), expected) << window << ", steps of " << max_step_tokens;
      for (const Engine::KvUsage& usage : machine.engine->kv_usage()) EXPECT_EQ(usage.n_held, 0);
    }
  }
}

TEST(WindowedCache, Window_ChangesWhatTheModelAnswers) {
  const std::vector<int32_t> prompt = some_tokens(450, 1);
  EXPECT_NE(Machine(20, true, 64).answer(prompt, 1), Machine(64, true, 64).answer(prompt, 1));
}

TEST(WindowedCache, Evaluate_EveryPosition_HasTheLogitsOfTheWholeCache) {
  const std::vector<int32_t> tokens = some_tokens(400, 2);
  const auto evaluate = [&](bool keeps_everything) {
    Machine machine(40, keeps_everything, 64);
    EXPECT_TRUE(machine.engine->evaluate(tokens, [](int64_t, std::span<const float>) { return true; }));
    return machine.recorder->rows;
  };
  const Rows expected = evaluate(true);
  EXPECT_EQ(expected.size(), 400U);
  EXPECT_EQ(evaluate(false), expected);
}

TEST(WindowedCache, ManySequences_SharingThePool_AnswerAsAlone) {
  Machine together(50, /*keeps_everything=*/false, 64, /*max_sequences=*/4);
  std::map<RequestId, std::vector<int32_t>> prompts;
  std::map<RequestId, std::vector<int32_t>> answers;
  for (uint32_t i = 0; i < 9; ++i) {
    // Some begin alike.
    std::vector<int32_t> prompt = some_tokens(30 + 60 * i, 100 + i / 3);
    prompts[*together.engine->submit(Machine::request(prompt, 40))] = prompt;
  }
  while (together.engine->has_work()) {
    const auto report = together.engine->step();
    ASSERT_TRUE(report);
    for (const Event& event : report->events) answers[event.request].push_back(*event.token);
  }
  for (const auto& [id, prompt] : prompts) {
    Machine alone(50, /*keeps_everything=*/true, 100);
    std::vector<int32_t> expected;
    ASSERT_TRUE(alone.engine->submit(Machine::request(prompt, 40)));
    while (alone.engine->has_work()) {
      const auto report = alone.engine->step();
      ASSERT_TRUE(report);
      for (const Event& event : report->events) expected.push_back(*event.token);
    }
    EXPECT_EQ(answers[id], expected);
  }
  for (const Engine::KvUsage& usage : together.engine->kv_usage()) EXPECT_EQ(usage.n_held, 0);
}

TEST(WindowedCache, PrefixesOfAnyLength_AreTakenUpWithTheSameLogits) {
  const std::vector<int32_t> story = some_tokens(600, 3);
  Machine machine(40, /*keeps_everything=*/false, 64);
  machine.answer(story, 5);
  for (const size_t length : {599, 500, 331, 320, 90, 33, 580, 64}) {
    std::vector<int32_t> prompt(story.begin(), story.begin() + static_cast<std::ptrdiff_t>(length));
    prompt.push_back(7);
    const int64_t before = machine.recorder->n_evaluated;
    const Rows found = machine.answer(prompt, 6);
    const Rows expected = Machine(40, /*keeps_everything=*/true, 64).answer(prompt, 6);
    EXPECT_EQ(found, expected) << length;
    // A thousand tokens beyond the window are kept, so all of this story: only the last block is evaluated.
    EXPECT_EQ(machine.recorder->n_evaluated - before, static_cast<int64_t>(length % 32) + 1 + 5) << length;
  }
}

TEST(WindowedCache, WindowAsLongAsTheContext_IsOneGroup) {
  Machine machine(kContext, /*keeps_everything=*/false, 64);
  EXPECT_EQ(machine.engine->kv_usage().size(), 1U);
  EXPECT_EQ(Machine(200, false, 64, 1, /*context_tokens=*/200).engine->kv_usage().size(), 1U);
}

// The memory that a cache asks for is what plan and inspect say.
TEST(WindowedCache, Memory_IsThatOfItsBlocks) {
  std::vector<models::KvLayerShape> layers;
  for (int64_t i = 0; i < 12; ++i) layers.push_back({1, 64, 32, (i + 1) % 6 == 0 ? 0 : 512});
  const models::KvDemand demand{.context_tokens = 65536, .n_sequences = 1, .max_step_tokens = 512};
  const auto groups = models::plan_kv_groups(layers, demand);
  const auto backend = std::move(*cpu::make_cpu_backend({Isa::kScalar, 1}));
  const auto cache = models::KvCache::create(*backend, layers, groups);
  ASSERT_TRUE(cache);
  uint64_t bytes = 0;
  for (size_t i = 0; i < layers.size(); ++i)
    bytes += cache->layer(i).kv.k.size_bytes() + cache->layer(i).kv.v.size_bytes();
  EXPECT_EQ(bytes, models::kv_cache_bytes(layers, demand));
  const uint64_t windowed_tokens = ((512 - 3 + 64 + 512) / 32 + 32) * 32;
  EXPECT_EQ(bytes, (64 + 32) * 2 * (2 * 65536 + 10 * windowed_tokens));
  EXPECT_EQ(cache->layer(0).kv_group, 1U);
  EXPECT_EQ(cache->layer(5).kv_group, 0U);
}

TEST(WindowedCache, MoreThanTheAddressSpace_IsRefusedWithTheNumbers) {
  const auto backend = std::move(*cpu::make_cpu_backend({Isa::kScalar, 1}));
  const std::vector<models::KvLayerShape> layers{{1 << 20, 1 << 10, 1 << 10}, {1, 64, 64, 8}};
  const std::vector<models::KvGroup> groups{{0, int64_t{1} << 40}, {8, 4}};
  const auto cache = models::KvCache::create(*backend, layers, groups);
  ASSERT_FALSE(cache);
  EXPECT_EQ(cache.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_NE(cache.error().message().find(std::to_string(int64_t{1} << 40)), std::string::npos);
}

}  // namespace
}  // namespace hearth::engine
