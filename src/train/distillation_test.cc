// Distillation: its derivatives, and that a student comes to expect what its teacher does.
#include "train/distillation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"
#include "train/engine_teacher.h"
#include "train/expectation_file.h"
#include "train/ops.h"
#include "train/recipe_run.h"
#include "train/teacher_answers.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

template <typename T>
std::vector<T> normal_numbers(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<T> normal(0, 2);
  std::vector<T> numbers(n);
  for (T& number : numbers) number = normal(random);
  return numbers;
}

TEST(Distillation, Derivatives_AreDifferences) {
  Compute compute(1);
  std::mt19937 random(1);
  for (const double temperature : {1.0, 2.0, 0.7}) {
    for (const double weight : {0.0, 0.3, 1.0}) {
      const auto n = static_cast<int64_t>(2 + random() % 20);
      const auto vocab = static_cast<int64_t>(2 + random() % 15);
      const auto size = static_cast<size_t>(n * vocab);
      const std::vector<double> logits = normal_numbers<double>(size, static_cast<uint32_t>(random()));
      const std::vector<float> teacher = normal_numbers<float>(size, static_cast<uint32_t>(random()));
      std::vector<int32_t> targets(static_cast<size_t>(n));
      for (int32_t& target : targets) target = static_cast<int32_t>(random() % static_cast<uint64_t>(vocab));
      targets[1] = kNoTarget;
      const SoftTargets soft{teacher, weight, temperature};
      constexpr double kScale = 0.25;
      const auto loss_of = [&](std::vector<double> at) {
        return kScale * distillation_loss(compute.threads, at.data(), targets, soft, vocab, kScale);
      };
      std::vector<double> derivatives = logits;
      distillation_loss(compute.threads, derivatives.data(), targets, soft, vocab, kScale);
      double error = 0;
      double power = 0;
      for (size_t i = 0; i < size; ++i) {
        constexpr double kStep = 1e-5;
        std::vector<double> up = logits;
        std::vector<double> down = logits;
        up[i] += kStep;
        down[i] -= kStep;
        const double difference = (loss_of(up) - loss_of(down)) / (2 * kStep);
        error += (difference - derivatives[i]) * (difference - derivatives[i]);
        power += difference * difference;
      }
      EXPECT_LT(std::sqrt(error / power), 1e-7) << temperature << ' ' << weight;
    }
  }
}

// Without weight it is cross entropy, and against itself it asks for nothing.
TEST(Distillation, Ends_AreKnown) {
  Compute compute(1);
  const std::vector<int32_t> targets{2, 0, 4};
  const std::vector<float> teacher = normal_numbers<float>(15, 3);
  const std::vector<double> logits = normal_numbers<double>(15, 4);
  std::vector<double> hard = logits;
  std::vector<double> none = logits;
  const double expected = cross_entropy(compute.threads, hard.data(), targets, 5, 0.5);
  EXPECT_NEAR(distillation_loss(compute.threads, none.data(), targets, {teacher, 0.0, 3.0}, 5, 0.5), expected,
              1e-12);
  for (size_t i = 0; i < hard.size(); ++i) EXPECT_NEAR(none[i], hard[i], 1e-12);
  std::vector<float> same = teacher;
  EXPECT_NEAR(distillation_loss(compute.threads, same.data(), targets, {teacher, 1.0, 2.0}, 5, 1.0), 0.0,
              1e-9);
  for (const float derivative : same) EXPECT_NEAR(derivative, 0.0F, 1e-7F);
}

class DistillRun : public ::testing::Test {
 protected:
  DistillRun() {
    testing::TinyLlama({}, 1).gguf().write(folder / "teacher.gguf");
    std::string text;
    for (int i = 0; i < 200; ++i) text += i % 3 == 0 ? "a cat sat on a mat. " : "the dog ran to the den. ";
    std::ofstream(folder / "text.txt") << text;
    auto loaded = engine::LoadedModel::load(
        folder / "teacher.gguf", std::move(cpu::make_cpu_backend({choose_isa().value(), 1})).value(), {});
    EXPECT_TRUE(loaded);
    model = std::move(*loaded);
  }

  Recipe recipe(int64_t n_steps) const {
    Recipe recipe;
    recipe.name = "student";
    recipe.model = {.width = 32, .n_layers = 1, .n_heads = 2, .n_kv_heads = 2, .ffn_width = 48};
    recipe.model.context_tokens = 32;
    recipe.tokenizer = folder / "teacher.gguf";
    recipe.texts.train = {folder / "text.txt"};
    recipe.training.n_steps = n_steps;
    recipe.training.batch = {4, 16};
    recipe.training.schedule = {.peak = 1e-2, .last = 1e-3, .warmup_steps = 4, .total_steps = n_steps};
    return recipe;
  }
  Result<RunResult> run(const Recipe& recipe, const char* name, double weight, RunOptions options = {}) {
    Compute compute(1);
    EngineTeacher teacher(*model);
    const Distillation distillation{&teacher, "digest", weight, 1.0};
    return run_recipe(recipe, folder / name, compute.threads, options, &distillation);
  }
  std::string read(const std::string& name) { return testing::read_file(folder / name); }

  testing::TemporaryFolder folder;
  std::unique_ptr<engine::LoadedModel> model;
};

// A teacher of random weights, who expects nothing of the text: who learns from it alone comes to what it
// expects.
TEST_F(DistillRun, TheStudent_ExpectsWhatItsTeacherDoes) {
  double first = 0.0;
  double last = 0.0;
  RunOptions watched;
  watched.on_step = [&](const RunProgress& progress) {
    (progress.entry.step.step == 1 ? first : last) = progress.entry.step.loss;
    return true;
  };
  ASSERT_TRUE(run(recipe(300), "out", 1.0, watched));
  EXPECT_GT(first, 0.2);
  EXPECT_LT(last, 0.4 * first) << "nats between the two";
}

TEST_F(DistillRun, Stopped_GoesOnToTheSameBytes_AndWithNoOtherTeacher) {
  ASSERT_TRUE(run(recipe(20), "whole", 0.5));
  RunOptions options;
  options.on_step = [&](const RunProgress& progress) { return progress.entry.step.step != 7; };
  ASSERT_TRUE(run(recipe(20), "stopped", 0.5, options));
  const auto other = run(recipe(20), "stopped", 0.6);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message().find("teacher.weight was 0.5, is 0.6"), std::string::npos);
  Compute compute(1);
  EXPECT_FALSE(run_recipe(recipe(20), folder / "stopped", compute.threads, {})) << "without one";
  ASSERT_TRUE(run(recipe(20), "stopped", 0.5));
  EXPECT_EQ(read("stopped/model.gguf"), read("whole/model.gguf"));
}

// Who learns from the file learns what its writer did, without the teacher.
TEST_F(DistillRun, ExpectationsOfAFile_AreTheTeachers) {
  Compute compute(1);
  EngineTeacher teacher(*model);
  const ExpectationSource source{"digest", vocabulary_digest(model->tokenizer()),
                                 model->info().vocabulary_size, 16};
  {
    const auto stored = StoredTeacher::open(folder / "expectations", source, teacher);
    ASSERT_TRUE(stored) << stored.error().message();
    const Distillation distillation{stored->get(), "digest", 0.5, 1.0, source.top_k};
    ASSERT_TRUE(run_recipe(recipe(20), folder / "asked", compute.threads, {}, &distillation));
  }
  const auto alone = StoredTeacher::open(folder / "expectations");
  ASSERT_TRUE(alone) << alone.error().message();
  const Distillation distillation{alone->get(), "digest", 0.5, 1.0, source.top_k};
  ASSERT_TRUE(run_recipe(recipe(20), folder / "read", compute.threads, {}, &distillation));
  EXPECT_EQ(read("read/model.gguf"), read("asked/model.gguf"));
  Recipe other = recipe(20);
  other.texts.train = {folder / "other.txt"};
  std::ofstream(folder / "other.txt") << std::string(2000, 'z');
  const auto unknown = run_recipe(other, folder / "other", compute.threads, {}, &distillation);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotFound);
}

// --- The teacher's answers

class TeacherAnswers : public ::testing::Test {
 protected:
  TeacherAnswers() {
    write_teacher(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}");
    std::ofstream texts(folder / "chats.jsonl");
    for (int i = 0; i < 5; ++i) {
      texts << R"({"messages": [{"role": "user", "content": "question )" << i
            << R"("}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "and?"}, )"
            << R"({"role": "assistant", "content": "b"}]})"
            << "\n";
    }
    std::ofstream(folder / "plain.txt") << "no conversation";
  }
  void write_teacher(const std::string& chat_template) {
    auto writer = testing::TinyLlama({}, 1).gguf();
    if (!chat_template.empty()) writer.add_string("tokenizer.chat_template", chat_template);
    writer.write(folder / "teacher.gguf");
    engine::LoadOptions options;
    options.max_sequences = 2;
    auto loaded = engine::LoadedModel::load(
        folder / "teacher.gguf", std::move(cpu::make_cpu_backend({choose_isa().value(), 1})).value(),
        options);
    ASSERT_TRUE(loaded) << loaded.error().message();
    model = std::move(*loaded);
  }
  Result<fs::path> write(const char* name, int64_t stop_after = 100) {
    TeacherAnswersOptions options;
    options.most_tokens = 6;
    options.n_at_once = 2;
    return write_teacher_answers({folder / "chats.jsonl", folder / "plain.txt"}, *model, folder / name,
                                 options, [&](const TeacherAnswersProgress& progress) {
                                   EXPECT_EQ(progress.n_conversations, 5);
                                   return progress.n_done < stop_after;
                                 });
  }

  testing::TemporaryFolder folder;
  std::unique_ptr<engine::LoadedModel> model;
};

TEST_F(TeacherAnswers, StandInThePlaceOfTheTexts) {
  const auto path = write("out");
  ASSERT_TRUE(path) << path.error().message();
  std::istringstream lines(testing::read_file(*path));
  std::string line;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(std::getline(lines, line));
    const auto messages = nlohmann::json::parse(line)["messages"];
    ASSERT_EQ(messages.size(), 4U);
    EXPECT_EQ(messages[0]["content"], "question " + std::to_string(i));
    EXPECT_EQ(messages[2]["content"], "and?");
    // As the engine answers that alone.
    engine::Request request;
    request.prompt = model->tokenizer().encode("<user>question " + std::to_string(i) + "<assistant>",
                                               {.add_special = true});
    request.sampling.temperature = 0.0F;
    request.max_tokens = 6;
    ASSERT_TRUE(model->engine().submit(request));
    std::string alone;
    while (model->engine().has_work()) {
      const auto report = model->engine().step();
      ASSERT_TRUE(report);
      for (const engine::Event& event : report->events) alone += event.text;
    }
    EXPECT_EQ(messages[1]["content"], alone);
    EXPECT_NE(messages[1]["content"], "a");
  }
  EXPECT_FALSE(std::getline(lines, line)) << "the text is no conversation";
}

TEST_F(TeacherAnswers, Stopped_GoOnWhereTheyWere) {
  const auto whole = write("whole");
  ASSERT_TRUE(whole);
  const auto stopped = write("stopped", 2);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::kCancelled);
  const fs::path path = folder / "stopped" / whole->filename();
  std::ofstream(path, std::ios::app) << R"({"messages": [{"role": "us)";  // a line that was cut
  ASSERT_TRUE(write("stopped"));
  EXPECT_EQ(testing::read_file(path), testing::read_file(*whole));
}

TEST_F(TeacherAnswers, WhatDoesNotFitIntoTheContext_IsCut) {
  const std::string longer(20'000, 'x');
  const auto said = [](const char* role, const std::string& content) {
    return nlohmann::json{{"role", role}, {"content", content}};
  };
  const nlohmann::json later{{"messages",
                              {said("user", "hello"), said("assistant", "a"), said("user", longer),
                               said("assistant", "b"), said("user", "and?"), said("assistant", "c")}}};
  const nlohmann::json at_once{{"messages", {said("user", longer), said("assistant", "a")}}};
  const nlohmann::json whole{{"messages", {said("user", "hello"), said("assistant", "a")}}};
  std::ofstream(folder / "long.jsonl") << later.dump() << "\n"
                                       << at_once.dump() << "\n"
                                       << whole.dump() << "\n";
  TeacherAnswersProgress last;
  const auto path = write_teacher_answers({folder / "long.jsonl"}, *model, folder / "out", {.most_tokens = 6},
                                          [&](const TeacherAnswersProgress& progress) {
                                            last = progress;
                                            return true;
                                          });
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(last.n_done, 3);
  EXPECT_EQ(last.n_cut, 2);
  std::istringstream lines(testing::read_file(*path));
  std::vector<nlohmann::json> conversations;
  for (std::string line; std::getline(lines, line);)
    conversations.push_back(nlohmann::json::parse(line)["messages"]);
  ASSERT_EQ(conversations.size(), 3U);
  ASSERT_EQ(conversations[0].size(), 2U) << "up to the answer before";
  EXPECT_EQ(conversations[0], conversations[2]) << "which is the one of a shorter conversation";
  ASSERT_EQ(conversations[1].size(), 1U) << "what was asked";
}

TEST_F(TeacherAnswers, WhatCannotBeAnswered_IsSaid) {
  const auto refusal = [&](const char* source) {
    const auto written = write_teacher_answers({folder / source}, *model, folder / "out", {},
                                               [](const TeacherAnswersProgress&) { return true; });
    return written ? "" : written.error().message();
  };
  EXPECT_NE(refusal("plain.txt").find("expected conversations for the teacher to answer"), std::string::npos);
  EXPECT_NE(refusal("none.jsonl").find("none.jsonl"), std::string::npos);
  write_teacher("");
  EXPECT_NE(refusal("chats.jsonl").find("expected a teacher with a chat template"), std::string::npos);
}

}  // namespace
}  // namespace hearth::train
