#include "train/recipe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::train {
namespace {

constexpr const char* kWhole = R"({
  "name": "tales",
  "model": {"width": 64, "layers": 5, "heads": 8, "kv_heads": 4, "ffn_width": 172, "context": 512,
            "rope_base": 5e4, "norm_epsilon": 1e-6, "tied_embeddings": false},
  "tokenizer": "tokenizer.gguf",
  "chat_template": "chat.jinja",
  "data": {"train": ["a", "b.txt"], "held_out": "c.jsonl", "loss_on": "answers"},
  "training": {"steps": 100, "sequences": 4, "sequence_tokens": 256, "accumulate": 2, "learning_rate": 0.003,
               "last_learning_rate": 0.0001, "warmup_steps": 10, "weight_decay": 0.01, "beta1": 0.8,
               "beta2": 0.99, "clip": 0.5, "seed": 7, "recompute_activations": true, "precision": "f32",
               "evaluate_every": 20, "checkpoint_every": 30}
})";

nlohmann::json whole() {
  return nlohmann::json::parse(kWhole);
}

TEST(Recipe, SaysAll) {
  const auto recipe = parse_recipe(kWhole, "/r");
  ASSERT_TRUE(recipe) << recipe.error().message();
  EXPECT_EQ(recipe->name, "tales");
  EXPECT_EQ(recipe->model.width, 64);
  EXPECT_EQ(recipe->model.n_layers, 5);
  EXPECT_EQ(recipe->model.n_kv_heads, 4);
  EXPECT_EQ(recipe->model.rope_base, 5e4);
  EXPECT_FALSE(recipe->model.tied);
  EXPECT_EQ(recipe->tokenizer, "/r/tokenizer.gguf");
  EXPECT_EQ(recipe->chat_template, "/r/chat.jinja");
  EXPECT_EQ(recipe->texts.train, (std::vector<std::filesystem::path>{"/r/a", "/r/b.txt"}));
  EXPECT_EQ(recipe->texts.held_out, (std::vector<std::filesystem::path>{"/r/c.jsonl"}));
  EXPECT_TRUE(recipe->texts.only_answers);
  EXPECT_EQ(recipe->training.n_steps, 100);
  EXPECT_EQ(recipe->training.batch.n_sequences, 4);
  EXPECT_EQ(recipe->training.batch.n_tokens, 256);
  EXPECT_EQ(recipe->training.n_batches, 2);
  EXPECT_EQ(recipe->training.schedule.peak, 0.003);
  EXPECT_EQ(recipe->training.schedule.total_steps, 100);
  EXPECT_EQ(recipe->training.adamw.beta1, 0.8);
  EXPECT_EQ(recipe->training.seed, 7U);
  EXPECT_TRUE(recipe->training.recompute);
  EXPECT_EQ(recipe->training.checkpoint_every, 30);
  EXPECT_EQ(recipe->training.precision, Precision::kF32);
}

TEST(Recipe, SaysLittle_AndTheRestIsAsUsual) {
  const auto recipe =
      parse_recipe(R"({"name": "t", "tokenizer": "t.gguf", "data": {"train": "a", "held_out": 0.2},
      "model": {"width": 8, "layers": 1, "heads": 2, "ffn_width": 8, "context": 16},
      "training": {"steps": 1, "sequences": 1, "learning_rate": 1e-3}})",
                   "");
  ASSERT_TRUE(recipe) << recipe.error().message();
  EXPECT_EQ(recipe->texts.train.front(), "a");
  EXPECT_EQ(recipe->model.n_kv_heads, 2);
  EXPECT_TRUE(recipe->model.tied);
  EXPECT_EQ(recipe->training.batch.n_tokens, 16);
  EXPECT_EQ(recipe->texts.held_out_share, 0.2);
  EXPECT_EQ(recipe->training.schedule.last, 1e-4);
  EXPECT_EQ(recipe->training.precision, Precision::kAuto);
  EXPECT_FALSE(recipe->texts.only_answers);
}

TEST(Recipe, FieldsThatAreWrong_AreNamed) {
  const auto expect_refused = [](const char* pointer, const nlohmann::json& value,
                                 std::string_view expected) {
    nlohmann::json json = whole();
    json[nlohmann::json::json_pointer(pointer)] = value;
    const auto recipe = parse_recipe(json.dump(), "");
    ASSERT_FALSE(recipe) << pointer;
    EXPECT_EQ(recipe.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(recipe.error().message().find(expected), std::string::npos) << recipe.error().message();
  };
  expect_refused("/model", 1, "model: expected an object, found number");
  expect_refused("/model/width", "64",
                 "model.width: expected a whole number from 1 to 16777216, found \"64\"");
  expect_refused("/model/width", 64.5, "model.width: expected a whole number");
  expect_refused("/model/width", UINT64_MAX, "model.width: expected a whole number");
  expect_refused("/model/heads", 7, "model: heads: expected a divisor of the width (64), found 7");
  expect_refused("/model/depth", 7, "model.depth: expected one of context, ffn_width, heads, kv_heads");
  expect_refused("/tokenizer", "", "tokenizer: expected a text, found \"\"");
  expect_refused("/data/train", nlohmann::json::array(), "data.train: expected a path, or a list of them");
  expect_refused("/data/train", nlohmann::json::array({1}), "data.train: expected a path");
  expect_refused("/data/held_out", 0.9, "data.held_out: expected a share of more than 0 and at most 0.5");
  expect_refused("/data/loss_on", "questions", "data.loss_on: expected \"everything\" or \"answers\"");
  expect_refused("/training/steps", 0, "training.steps: expected a whole number from 1");
  expect_refused("/training/sequence_tokens", 513,
                 "training.sequence_tokens: expected a whole number from 1 to 512");
  expect_refused("/training/sequences", 1 << 20,
                 "training.sequences: expected at most 1048576 tokens in a batch");
  expect_refused("/training/learning_rate", -1,
                 "training.learning_rate: expected a number from 0 to 1, found -1");
  expect_refused("/training/warmup_steps", 100,
                 "training.warmup_steps: expected a whole number from 0 to 99");
  expect_refused("/training/precision", "fp8", "training.precision: expected \"auto\", \"f32\" or \"bf16\"");
  expect_refused("/training/recompute_activations", 1, "expected true or false, found 1");
  expect_refused("/more", 1, "more: expected one of chat_template, data, model, name, tokenizer, training");
}

TEST(Recipe, FieldsThatAreMissing_AreNamed) {
  for (const char* pointer : {"/name", "/tokenizer", "/model/width", "/model/ffn_width", "/data",
                              "/data/train", "/training/steps", "/training/learning_rate"}) {
    nlohmann::json json = whole();
    const nlohmann::json::json_pointer at(pointer);
    json[at.parent_pointer()].erase(at.back());
    const auto recipe = parse_recipe(json.dump(), "");
    ASSERT_FALSE(recipe) << pointer;
    std::string name = std::string(pointer).substr(1);
    std::replace(name.begin(), name.end(), '/', '.');
    EXPECT_TRUE(recipe.error().message().starts_with(name + ": expected")) << recipe.error().message();
    EXPECT_TRUE(recipe.error().message().ends_with("found nothing")) << recipe.error().message();
  }
  EXPECT_EQ(parse_recipe("{", "").error().code(), ErrorCode::kMalformed);
}

TEST(Recipe, Difference_IsTheFirstFieldThatIsNotAsItWas) {
  nlohmann::json other = whole();
  const auto before = parse_recipe(other.dump(), "").value().json();
  EXPECT_EQ(difference(before, before), "");
  // Where a file lies and how often is looked does not change what comes out.
  other["training"]["evaluate_every"] = 1;
  EXPECT_EQ(difference(before, parse_recipe(other.dump(), "/elsewhere").value().json()), "");
  other["training"]["seed"] = 8;
  EXPECT_EQ(difference(before, parse_recipe(other.dump(), "").value().json()), "training.seed was 7, is 8");
}

}  // namespace
}  // namespace hearth::train
