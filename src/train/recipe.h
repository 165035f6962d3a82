// A recipe: what is to be trained, on what, and how. The file is docs/training.md's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "train/data/texts.h"
#include "train/decoder_layout.h"
#include "train/training_options.h"

namespace hearth::train {

struct Recipe {
  std::string name;
  DecoderConfig model;                  // its vocabulary is the tokenizer's
  std::filesystem::path tokenizer;      // a GGUF file
  std::filesystem::path chat_template;  // empty: the tokenizer's file may have one
  Texts texts;
  TrainingOptions training;

  // All that the run's result depends on, but for the files' contents.
  nlohmann::ordered_json json() const;
};

// The JSON of a recipe. Relative paths in it are `folder`'s. kMalformed for what is no JSON;
// kInvalidArgument, with the field, for a field that is missing, unknown, of another type or out of its
// range.
Result<Recipe> parse_recipe(std::string_view json, const std::filesystem::path& folder);

// What of `now` is not as it was, for people: "training.seed was 1, is 2"; empty where nothing differs.
std::string difference(const nlohmann::ordered_json& before, const nlohmann::ordered_json& now);

}  // namespace hearth::train
