// A recipe, carried out in a folder: a model from nothing but text.
#pragma once

#include "train/distillation.h"
#include "train/recipe.h"
#include "train/run.h"

namespace hearth::train {

// Where the model is when the last step was made.
std::filesystem::path model_of_run(const std::filesystem::path& folder);

// Trains in `folder`, or goes on where its checkpoint is: whatever ended a run before, it ends with the same
// bytes. With `distillation` the model learns from its teacher, too. Errors: those of the recipe's files,
// naming them; the teacher's; RunFolder::open()'s, check_memory()'s and carry_out()'s. The last checkpoint
// stands in each case.
Result<RunResult> run_recipe(Recipe recipe, const std::filesystem::path& folder, Threads& threads,
                             const RunOptions& options, const Distillation* distillation = nullptr);

}  // namespace hearth::train
