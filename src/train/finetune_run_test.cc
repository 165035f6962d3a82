// Whole runs of fine-tuning: what they learn and write, and that whatever ends them changes nothing.
#include "train/finetune_run.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/adapter/lora_adapter.h"
#include "models/quantization/quantize_checkpoint.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"
#include "train/base_model.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

class FinetuneRun : public ::testing::Test {
 protected:
  FinetuneRun() {
    testing::TinyLlama({}, 1).gguf().write(folder / "base.gguf");
    std::string text;
    for (int i = 0; i < 100; ++i) text += i % 3 == 0 ? "a cat sat on a mat. " : "the dog ran to the den. ";
    std::ofstream(folder / "text.txt") << text;
  }

  FinetuneOptions options(int64_t n_steps = 30) const {
    FinetuneOptions options;
    options.model_name = "base";
    options.texts.train = {folder / "text.txt"};
    options.lora = {.rank = 4, .alpha = 8, .targets = {"attn_q", "attn_v", "ffn_up", "ffn_down"}};
    options.training.n_steps = n_steps;
    options.training.batch = {4, 16};
    options.training.schedule = {.peak = 2e-2, .last = 2e-3, .warmup_steps = 4};
    options.training.evaluate_every = 10;
    options.training.checkpoint_every = 5;
    return options;
  }
  Result<RunResult> run(const FinetuneOptions& options, const char* name, int n_threads = 1,
                        RunOptions run = {}) {
    Compute compute(n_threads);
    HEARTH_ASSIGN(const auto base, models::open_checkpoint(base_path));
    return run_finetune(*base, options, folder / name, compute.threads, run);
  }
  std::string refusal(const FinetuneOptions& options, const char* name = "refused") {
    const auto result = run(options, name);
    return result ? "" : result.error().message();
  }
  std::string read(const std::string& name) { return testing::read_file(folder / name); }
  void expect_same(const char* one, const char* other) {
    for (const char* file : {"adapter.gguf", "adapter_config.json", "adapter_model.safetensors"})
      EXPECT_EQ(read(fmt::format("{}/{}", one, file)), read(fmt::format("{}/{}", other, file))) << file;
  }

  // Nats a token of the text's beginning, as the engine has it.
  double engine_loss(const char* adapter) {
    auto model = engine::LoadedModel::load(
        folder / "base.gguf", std::move(cpu::make_cpu_backend({choose_isa().value(), 1})).value(), {});
    EXPECT_TRUE(model);
    std::shared_ptr<const models::LoadedAdapter> loaded;
    if (adapter != nullptr) {
      auto found = (*model)->load_adapter(folder / adapter);
      EXPECT_TRUE(found) << found.error().message();
      loaded = *found;
    }
    const auto tokens = (*model)->tokenizer().encode("the dog ran to the den. a cat sat on", {});
    double surprise = 0.0;
    EXPECT_TRUE((*model)->engine().evaluate(
        tokens,
        [&](int64_t position, std::span<const float> logits) {
          const auto next = static_cast<size_t>(position) + 1;
          if (next == tokens.size()) return true;
          double sum = 0.0;
          for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
          surprise += std::log(sum) - static_cast<double>(logits[static_cast<size_t>(tokens[next])]);
          return true;
        },
        loaded));
    return surprise / static_cast<double>(tokens.size() - 1);
  }

  testing::TemporaryFolder folder;
  fs::path base_path = folder / "base.gguf";
};

TEST_F(FinetuneRun, LearnsTheText_AndTheEngineWithTheAdapterKnowsIt) {
  const std::string base = read("base.gguf");
  const auto result = run(options(150), "out");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_TRUE(result->is_finished);
  const double before = engine_loss(nullptr);
  EXPECT_GT(before, 5.0);
  EXPECT_LT(result->held_out_loss.value(), before - 2.0);
  const double of_gguf = engine_loss("out/adapter.gguf");
  EXPECT_LT(of_gguf, before - 2.0);
  EXPECT_EQ(engine_loss("out"), of_gguf) << "as PEFT reads it";
  EXPECT_EQ(read("base.gguf"), base);
}

TEST_F(FinetuneRun, QuantisedBases_AreLearntOn) {
  const std::string bytes = read("base.gguf");
  const models::GgufCheckpoint base(gguf::File::parse(std::as_bytes(std::span(bytes)), "base").value());
  std::ofstream out(folder / "q8.gguf", std::ios::binary);
  models::QuantizeOptions quantize;
  quantize.scheme = models::find_scheme("Q8_0").value();
  ASSERT_TRUE(
      models::quantize_checkpoint(base, quantize, [&](std::span<const std::byte> part) -> Result<void> {
        out.write(reinterpret_cast<const char*>(part.data()), std::ssize(part));
        return {};
      }));
  out.close();
  base_path = folder / "q8.gguf";
  const auto result = run(options(100), "out");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_LT(result->held_out_loss.value(), 3.5);
}

TEST_F(FinetuneRun, StoppedWhileTheBaseIsRead_HasLearntNothing) {
  std::vector<RunPreparation> seen;
  RunOptions stopping;
  stopping.on_preparation = [&](const RunPreparation& preparation) {
    seen.push_back(preparation);
    return preparation.stage == RunPreparation::Stage::kTexts;
  };
  const auto result = run(options(5), "out", 1, stopping);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kCancelled);
  ASSERT_GE(seen.size(), 2U);
  EXPECT_EQ(seen.front().stage, RunPreparation::Stage::kTexts);
  EXPECT_EQ(seen.back().stage, RunPreparation::Stage::kBase);
  EXPECT_GT(seen.back().n_done, 0U);
  EXPECT_FALSE(fs::exists(folder / "out/checkpoint.gguf"));
}

TEST_F(FinetuneRun, Threads_AndMemory_ChangeNoBit) {
  ASSERT_TRUE(run(options(), "one"));
  ASSERT_TRUE(run(options(), "three", 3));
  FinetuneOptions recomputed = options();
  recomputed.training.recompute = true;
  ASSERT_TRUE(run(recomputed, "recomputed"));
  expect_same("one", "three");
  expect_same("one", "recomputed");
}

TEST_F(FinetuneRun, KilledAtTwentyMoments_EndsWithTheSameBytes) {
  constexpr int64_t kSteps = testing::kSanitized ? 40 : 200;
  FinetuneOptions killed = options(kSteps);
  killed.training.checkpoint_every = 2;
  ASSERT_TRUE(run(killed, "whole"));
  std::mt19937 random(7);
  int n_kills = 0;
  int n_restarts = 0;
  while (true) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(run(killed, "killed") ? 0 : 1);
    if (n_kills < 20) {
      ::usleep(static_cast<useconds_t>(random() % (testing::kSanitized ? 200'000 : 30'000)));
      ::kill(child, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      ++n_kills;
      continue;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    if (n_kills >= 20) break;
    fs::remove_all(folder / "killed");  // faster than the kill: from the start again
    ASSERT_LT(++n_restarts, 100);
  }
  expect_same("killed", "whole");
  EXPECT_EQ(read("killed/checkpoint.gguf"), read("whole/checkpoint.gguf"));
}

TEST_F(FinetuneRun, StepsAndSequences_FitTheText) {
  FinetuneOptions fitted = options(0);
  fitted.training.batch = {2, 512};  // more than the model's context
  fitted.epochs = 2.0;
  fitted.lora.rank = 2;
  int64_t n_steps = 0;
  RunOptions watched;
  watched.on_step = [&](const RunProgress& progress) {
    EXPECT_EQ(progress.entry.step.n_tokens, 2 * 256);
    n_steps = progress.n_steps;
    return true;
  };
  ASSERT_TRUE(run(fitted, "out", 1, watched));
  EXPECT_GE(n_steps, 2);
  EXPECT_LE(n_steps, 10);
  std::ofstream(folder / "short.txt") << "a cat sat.\n<|endoftext|>\nthe dog ran.\n<|endoftext|>\na den.";
  fitted.texts.train = {folder / "short.txt"};
  fitted.texts.held_out = {folder / "short.txt"};
  const auto of_little = run(fitted, "little");
  ASSERT_TRUE(of_little) << of_little.error().message();
}

TEST_F(FinetuneRun, WhatCannotBeLearnt_IsSaid) {
  const auto expect = [&](const FinetuneOptions& options, std::string_view part) {
    const std::string message = refusal(options);
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  };
  FinetuneOptions wrong = options();
  wrong.lora.rank = 65;
  expect(wrong, "rank: expected 1 to 64");
  wrong = options();
  wrong.lora.targets = {"attn_x"};
  expect(wrong, "targets: expected some of attn_q, attn_k");
  wrong = options();
  base_path = folder / "none.gguf";
  expect(wrong, "none.gguf");
  base_path = folder / "text.txt";
  expect(wrong, "text.txt");
  testing::TinyLlama({.n_experts = 4, .n_experts_used = 2}, 1).gguf().write(folder / "moe.gguf");
  base_path = folder / "moe.gguf";
  expect(wrong, "moe.gguf: ");
  base_path = folder / "base.gguf";
  std::ofstream(folder / "nothing.txt") << "";
  wrong = options();
  wrong.texts.train = {folder / "nothing.txt"};
  expect(wrong, "the text to train on: expected");
  wrong = options();
  wrong.texts.only_answers = true;
  expect(wrong, "expected conversations with answers");
  RunOptions small;
  small.available_bytes = 1000;
  const auto too_large = run(options(), "small", 1, small);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kResourceExhausted);
}

TEST_F(FinetuneRun, AnotherBaseOrAdapter_IsNotGoneOnWith) {
  ASSERT_TRUE(run(options(), "out"));
  FinetuneOptions other = options();
  other.lora.rank = 2;
  EXPECT_NE(refusal(other, "out").find("adapter.rank was 4, is 2"), std::string::npos);
  testing::TinyLlama({}, 2).gguf().write(folder / "base.gguf");
  EXPECT_NE(refusal(options(), "out").find("base was "), std::string::npos);
  fs::create_directory(folder / "somebodys");
  std::ofstream(folder / "somebodys/adapter_config.json") << "{}";
  EXPECT_NE(refusal(options(), "somebodys").find("adapter_config.json: expected none"), std::string::npos);
  EXPECT_EQ(read("somebodys/adapter_config.json"), "{}");
}

// Frequencies that a file divides (Llama 3), and heads that turn in part, turn in training as in the engine.
TEST_F(FinetuneRun, HeadsTurn_AsTheFileSays) {
  for (const testing::TinyLlamaShape& shape :
       {testing::TinyLlamaShape{.rope_factors = {1, 1, 2, 2, 4, 8, 8, 8}},
        testing::TinyLlamaShape{.n_rotated = 8}}) {
    const testing::TinyLlama llama(shape, 3);
    llama.gguf().write(folder / "turned.gguf");
    const auto base = models::open_checkpoint(folder / "turned.gguf");
    ASSERT_TRUE(base);
    const auto config = read_base_config(**base, 0);
    ASSERT_TRUE(config) << config.error().message();
    const DecoderLayout layout(*config);
    const LoraOptions lora{.rank = 1, .targets = {"attn_q"}};
    const LoraLayout lora_layout = LoraLayout::create(layout, lora).value();
    auto frozen = FrozenWeights<double>::create(**base, layout).value();
    LoraWeights<double> weights(layout, lora_layout, lora, frozen);
    Compute compute(1);
    constexpr int64_t kTokens = 40;
    Decoder<double> model(*config, {1, kTokens}, weights, compute.threads);
    std::mt19937 random(5);
    std::vector<int32_t> tokens(kTokens + 1);
    for (int32_t& token : tokens)
      token = static_cast<int32_t>(random() % testing::TinyLlama::kVocabularySize);
    const auto probabilities = llama.probabilities(tokens);
    double expected = 0.0;
    for (size_t i = 0; i < kTokens; ++i)
      expected -= std::log(probabilities[i][static_cast<size_t>(tokens[i + 1])]);
    const double loss = model.loss(std::span(tokens).first(kTokens), std::span(tokens).subspan(1));
    EXPECT_NEAR(loss, expected, 1e-5 * expected);
  }
}

// Another family than llama, whose rows GGUF orders as the llama's: both files are applied alike.
TEST_F(FinetuneRun, OtherFamilies_AreLearntOn) {
  testing::TinyLlama({.architecture = "granite"}, 1).gguf().write(folder / "base.gguf");
  const auto result = run(options(100), "out");
  ASSERT_TRUE(result) << result.error().message();
  const double of_gguf = engine_loss("out/adapter.gguf");
  EXPECT_LT(of_gguf, engine_loss(nullptr) - 1.5);
  EXPECT_EQ(engine_loss("out"), of_gguf) << "as PEFT reads it";
}

}  // namespace
}  // namespace hearth::train
