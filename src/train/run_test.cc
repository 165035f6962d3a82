// Whole runs: what they write, and that whatever ends them changes nothing.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "tests/support/sanitized.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"
#include "train/checkpoint.h"
#include "train/recipe_run.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

class TrainRun : public ::testing::Test {
 protected:
  TrainRun() {
    testing::TinyLlama({}, 1).gguf().write(folder / "tokenizer.gguf");
    std::string text;
    for (int i = 0; i < 400; ++i) text += i % 3 == 0 ? "a cat sat on a mat. " : "the dog ran to the den. ";
    std::ofstream(folder / "text.txt") << text;
  }

  Recipe recipe(int64_t n_steps = 24) {
    Recipe recipe;
    recipe.name = "tiny";
    recipe.model = {.width = 16, .n_layers = 2, .n_heads = 2, .n_kv_heads = 1, .ffn_width = 24};
    recipe.model.context_tokens = 32;
    recipe.tokenizer = folder / "tokenizer.gguf";
    recipe.texts.train = {folder / "text.txt"};
    recipe.training.n_steps = n_steps;
    recipe.training.batch = {4, 16};
    recipe.training.schedule = {.peak = 1e-2, .last = 1e-3, .warmup_steps = 4, .total_steps = n_steps};
    recipe.training.evaluate_every = 8;
    recipe.training.checkpoint_every = 5;
    return recipe;
  }
  Result<RunResult> run(const Recipe& recipe, const char* name, int n_threads = 1, RunOptions options = {}) {
    Compute compute(n_threads);
    return run_recipe(recipe, folder / name, compute.threads, options);
  }
  std::string read(const std::string& name) { return testing::read_file(folder / name); }
  std::string refusal(const Recipe& recipe, const char* name) {
    const auto result = run(recipe, name);
    return result ? "" : result.error().message();
  }

  testing::TemporaryFolder folder;
};

TEST_F(TrainRun, Writes_AModelThatTheEngineRuns) {
  const Recipe longer = recipe(200);
  const auto result = run(longer, "out");
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_TRUE(result->is_finished);
  EXPECT_LT(result->held_out_loss.value(), 2.0);

  auto loaded = engine::LoadedModel::load(
      folder / "out/model.gguf", std::move(cpu::make_cpu_backend({choose_isa().value(), 1})).value(), {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto tokens = (*loaded)->tokenizer().encode("cat sat on a mat. the dog", {.add_special = false});
  double surprise = 0;
  const auto evaluated =
      (*loaded)->engine().evaluate(tokens, [&](int64_t position, std::span<const float> logits) {
        const auto next = static_cast<size_t>(position) + 1;
        if (next == tokens.size()) return true;
        double sum = 0;
        for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
        surprise += std::log(sum) - static_cast<double>(logits[static_cast<size_t>(tokens[next])]);
        return true;
      });
  ASSERT_TRUE(evaluated) << evaluated.error().message();
  EXPECT_LT(surprise / static_cast<double>(tokens.size() - 1), 2.5);  // 5.6 before
}

TEST_F(TrainRun, Log_HasALineAStep_AndTheDrawingItsCurves) {
  ASSERT_TRUE(run(recipe(), "out"));
  std::istringstream log(read("out/log.jsonl"));
  std::string line;
  int64_t n = 0;
  while (std::getline(log, line)) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["step"], ++n);
    EXPECT_GT(json["loss"], 0.0);
    EXPECT_EQ(json["tokens"], 64);
    EXPECT_EQ(json.contains("held_out_loss"), n % 8 == 0);
  }
  EXPECT_EQ(n, 24);
  const std::string svg = read("out/loss.svg");
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  EXPECT_NE(svg.find("<polyline class=\"train\""), std::string::npos);
}

TEST_F(TrainRun, StoppedWhileTextsAreRead_HasMadeNothing) {
  uint64_t n_tokens = 0;
  RunOptions options;
  options.on_preparation = [&](const RunPreparation& preparation) {
    EXPECT_EQ(preparation.stage, RunPreparation::Stage::kTexts);
    n_tokens = preparation.n_done;
    return false;
  };
  const auto result = run(recipe(), "out", 1, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kCancelled);
  EXPECT_GT(n_tokens, 0U);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST_F(TrainRun, Threads_AndMemory_ChangeNoBit) {
  ASSERT_TRUE(run(recipe(), "one"));
  ASSERT_TRUE(run(recipe(), "three", 3));
  Recipe recomputed = recipe();
  recomputed.training.recompute = true;
  ASSERT_TRUE(run(recomputed, "recomputed"));
  EXPECT_EQ(read("one/model.gguf"), read("three/model.gguf"));
  EXPECT_EQ(read("one/model.gguf"), read("recomputed/model.gguf"));
  Recipe other = recipe();
  other.training.seed = 2;
  ASSERT_TRUE(run(other, "other"));
  EXPECT_NE(read("one/model.gguf"), read("other/model.gguf"));
}

TEST_F(TrainRun, Stopped_GoesOnToTheSameBytes) {
  ASSERT_TRUE(run(recipe(), "whole"));
  RunOptions options;
  int64_t stop_at = 0;
  options.on_step = [&](const RunProgress& progress) { return progress.entry.step.step != stop_at; };
  for (const int64_t step : {1, 7, 8, 23}) {
    stop_at = step;
    const auto stopped = run(recipe(), "stopped", 1, options);
    ASSERT_TRUE(stopped) << stopped.error().message();
    EXPECT_FALSE(stopped->is_finished);
    EXPECT_EQ(stopped->n_steps, step);
    EXPECT_FALSE(fs::exists(folder / "stopped/model.gguf"));
  }
  ASSERT_TRUE(run(recipe(), "stopped"));
  EXPECT_EQ(read("stopped/model.gguf"), read("whole/model.gguf"));
  EXPECT_EQ(read("stopped/checkpoint.gguf"), read("whole/checkpoint.gguf"));
  // Once more is nothing more.
  fs::remove(folder / "stopped/model.gguf");
  ASSERT_TRUE(run(recipe(), "stopped"));
  EXPECT_EQ(read("stopped/model.gguf"), read("whole/model.gguf"));
}

TEST_F(TrainRun, KilledAtTwentyMoments_EndsWithTheSameBytes) {
  constexpr int64_t kSteps = testing::kSanitized ? 60 : 300;
  Recipe killed = recipe(kSteps);
  killed.training.checkpoint_every = 2;
  ASSERT_TRUE(run(killed, "whole"));
  std::mt19937 random(7);
  int n_kills = 0;
  int64_t last_step = 0;
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
    // Faster than the kill: from the start again.
    fs::remove_all(folder / "killed");
    ASSERT_LT(++last_step, 100);
  }
  EXPECT_EQ(read("killed/model.gguf"), read("whole/model.gguf"));
  EXPECT_EQ(read("killed/checkpoint.gguf"), read("whole/checkpoint.gguf"));
  std::istringstream log(read("killed/log.jsonl"));
  std::string line;
  for (int64_t n = 1; n <= kSteps; ++n) {
    ASSERT_TRUE(std::getline(log, line));
    EXPECT_EQ(nlohmann::json::parse(line)["step"], n);
  }
}

TEST_F(TrainRun, CheckpointsOfOtherRuns_AreLeftAlone) {
  ASSERT_TRUE(run(recipe(), "out"));
  const std::string before = read("out/checkpoint.gguf");
  Recipe other = recipe();
  other.training.seed = 9;
  EXPECT_NE(refusal(other, "out").find("found one of another: training.seed was 1, is 9"), std::string::npos);
  std::ofstream(folder / "text.txt", std::ios::app) << "more";
  EXPECT_NE(refusal(recipe(), "out").find("the text to train on is not what it was"), std::string::npos);
  EXPECT_EQ(read("out/checkpoint.gguf"), before);
}

TEST_F(TrainRun, DamagedCheckpoints_AreRefused) {
  ASSERT_TRUE(run(recipe(), "out"));
  const std::string whole = read("out/checkpoint.gguf");
  const auto refuse = [&](const std::string& bytes) {
    std::ofstream(folder / "out/checkpoint.gguf", std::ios::binary) << bytes;
    return refusal(recipe(), "out");
  };
  std::string flipped = whole;
  flipped[flipped.size() - 100] = static_cast<char>(flipped[flipped.size() - 100] ^ 1);
  EXPECT_NE(refuse(flipped).find("it is damaged"), std::string::npos);
  EXPECT_NE(refuse(whole.substr(0, whole.size() / 2)).find("checkpoint.gguf"), std::string::npos);
  EXPECT_NE(refuse("rubbish").find("checkpoint.gguf"), std::string::npos);
  EXPECT_NE(refuse(read("tokenizer.gguf")).find("expected a checkpoint of training, found a model of llama"),
            std::string::npos);
}

TEST_F(TrainRun, WhatCannotBeTrained_IsSaid) {
  Recipe missing = recipe();
  missing.texts.train = {folder / "none.txt"};
  EXPECT_NE(refusal(missing, "out").find("none.txt"), std::string::npos);
  Recipe no_answers = recipe();
  no_answers.texts.only_answers = true;
  EXPECT_NE(refusal(no_answers, "out").find("the text to train on: expected conversations with answers"),
            std::string::npos);
  std::ofstream(folder / "short.txt") << "a";
  Recipe little = recipe();
  little.texts.train = {folder / "short.txt"};
  EXPECT_NE(refusal(little, "out").find("the text to train on: expected at least 17 tokens, found"),
            std::string::npos);
  Recipe diverges = recipe();
  diverges.training.schedule.peak = diverges.training.schedule.last = 1e30;
  diverges.training.schedule.warmup_steps = 0;
  EXPECT_NE(refusal(diverges, "out").find("training diverged"), std::string::npos);
  RunOptions small;
  small.available_bytes = 1000;
  const auto too_large = run(recipe(), "out", 1, small);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error().code(), ErrorCode::kResourceExhausted);
  std::ofstream(folder / "file") << "a";
  EXPECT_NE(refusal(recipe(), "file").find("file"), std::string::npos);
}

TEST_F(TrainRun, FilesThatNoRunWrote_AreLeftAlone) {
  const auto expect_kept = [&](const char* name, const std::string& content, std::string_view message) {
    fs::remove_all(folder / "out");
    fs::create_directory(folder / "out");
    const std::string path = std::string("out/") + name;
    std::ofstream(folder / path) << content;
    EXPECT_NE(refusal(recipe(), "out").find(message), std::string::npos) << name;
    EXPECT_TRUE(read(path) == content) << name;
  };
  expect_kept("model.gguf", "mine", "model.gguf: expected none, as no run was here before, found a file");
  expect_kept("loss.svg", "<svg/>", "loss.svg: expected none, as no run was here before, found a file");
  expect_kept("log.jsonl", "mine", "log.jsonl:1: expected");
  expect_kept("log.jsonl", "{\"mine\": 1}\n", "log.jsonl:1: expected");
  // A run that was killed before its first checkpoint has a log, and perhaps the beginning of a line.
  fs::remove(folder / "out/log.jsonl");
  std::ofstream(folder / "out/log.jsonl") << "{\"st";
  std::ofstream(folder / "out/loss.svg") << "<svg/>";
  EXPECT_EQ(refusal(recipe(), "out"), "");
}

TEST_F(TrainRun, AFolder_IsOneRunsAtATime) {
  RunOptions options;
  options.on_start = [&](const RunStart&) {
    const auto second = run(recipe(), "out");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  };
  ASSERT_TRUE(run(recipe(), "out", 1, options));
}

TEST(Decoder, MemoryBytes_IsWhatItTakes) {
  const DecoderConfig config{.vocabulary = 10,
                             .width = 8,
                             .n_layers = 3,
                             .n_heads = 2,
                             .n_kv_heads = 1,
                             .ffn_width = 12,
                             .context_tokens = 4};
  const BatchShape shape{2, 4};
  const uint64_t kept = Decoder<float>::memory_bytes(config, shape, Activations::kKeep);
  const uint64_t recomputed = Decoder<float>::memory_bytes(config, shape, Activations::kRecompute);
  // A layer's activations but for its input, twice.
  const uint64_t of_layer = 8 * (5 * 8 + 2 * 4 + 3 * 12 + 2 + 2) * sizeof(float);
  EXPECT_EQ(kept - recomputed, 2 * of_layer);
}

}  // namespace
}  // namespace hearth::train
