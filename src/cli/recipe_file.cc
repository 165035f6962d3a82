#include "cli/recipe_file.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace hearth::cli {

Result<train::Recipe> read_recipe(const std::string& path) {
  HEARTH_ASSIGN(const std::string json, read_text_file(path));
  auto recipe = train::parse_recipe(json, std::filesystem::path(path).parent_path());
  if (!recipe) return recipe.error().in(path);
  return recipe;
}

Result<void> report_recipe_run(TrainingProgress& progress, const train::RunResult& result,
                               const std::string& folder, bool json) {
  const std::string model = train::model_of_run(folder).string();
  progress.finish(result, fmt::format("{}: written; hearth run {} talks to it", model, model));
  if (json) {
    nlohmann::ordered_json object = progress.json(result, folder);
    if (result.is_finished) object["model"] = model;
    HEARTH_TRY(write_json(object));
  }
  if (!result.is_finished) return make_error(ErrorCode::kCancelled, "stopped");
  return {};
}

}  // namespace hearth::cli
