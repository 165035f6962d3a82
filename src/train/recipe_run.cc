#include "train/recipe_run.h"

#include <nlohmann/json.hpp>

#include "train/initialise.h"
#include "train/model_file.h"
#include "train/recipe_inputs.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

uint64_t memory_bytes(const Recipe& recipe, int64_t n_weights, const Distillation* distillation) {
  const uint64_t needed = Trainer::memory_bytes(recipe.model, recipe.training, n_weights);
  if (distillation == nullptr) return needed;
  return needed +
         static_cast<uint64_t>(recipe.training.batch.rows() * recipe.model.vocabulary) * sizeof(float);
}

RunIdentity identity_of(const RecipeInputs& inputs, const Recipe& recipe, const Distillation* distillation) {
  RunIdentity identity = inputs.identity(recipe);
  if (distillation == nullptr) return identity;
  nlohmann::ordered_json json = recipe.json();
  json["teacher"] = {{"digest", distillation->teacher_digest},
                     {"weight", distillation->weight},
                     {"temperature", distillation->temperature}};
  if (distillation->top_k > 0) json["teacher"]["top_k"] = distillation->top_k;
  identity.recipe = json.dump();
  return identity;
}

}  // namespace

fs::path model_of_run(const fs::path& folder) {
  return folder / "model.gguf";
}

Result<RunResult> run_recipe(Recipe recipe, const fs::path& folder, Threads& threads,
                             const RunOptions& options, const Distillation* distillation) {
  const fs::path model = model_of_run(folder);
  HEARTH_ASSIGN(const RecipeInputs inputs, read_inputs(recipe, on_tokens_of(options)));
  if (distillation != nullptr) HEARTH_TRY(distillation->teacher->check_vocabulary(*inputs.tokenizer));
  HEARTH_ASSIGN(const RunFolder run_folder, RunFolder::open(folder, {model}));
  const DecoderLayout layout(recipe.model);
  HEARTH_TRY(check_memory(
      inputs.corpora.memory_bytes() + memory_bytes(recipe, layout.n_weights, distillation), options));
  DenseWeights<float> weights(layout);
  initialise(layout, recipe.training.seed, weights.values());
  Trainer trainer(recipe.model, recipe.training, inputs.corpora.train, weights, threads);
  if (distillation != nullptr) trainer.learn_from(*distillation);
  const RunPlan plan{recipe.name, identity_of(inputs, recipe, distillation), inputs.corpora};
  HEARTH_ASSIGN(const RunResult result, carry_out(plan, run_folder, trainer, options));
  if (result.is_finished) {
    HEARTH_TRY(write_model(model, {recipe.name, &inputs.tokenizer_file, inputs.chat_template}, recipe.model,
                           layout, weights.values()));
  }
  return result;
}

}  // namespace hearth::train
