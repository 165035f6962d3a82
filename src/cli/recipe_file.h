// What hearth train and hearth distill share: a recipe's file in, a run's model out.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/training_progress.h"
#include "train/recipe_run.h"

namespace hearth::cli {

// Relative paths in it are its folder's. Errors name the file.
Result<train::Recipe> read_recipe(const std::string& path);

// Says what a run has made, or how it goes on; kCancelled where it was stopped.
Result<void> report_recipe_run(TrainingProgress& progress, const train::RunResult& result,
                               const std::string& folder, bool json);

}  // namespace hearth::cli
