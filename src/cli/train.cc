// hearth train: a model from nothing but text.

#include "cli/command.h"
#include "cli/options.h"
#include "cli/recipe_file.h"
#include "cli/training_progress.h"
#include "cli/training_threads.h"
#include "train/recipe_run.h"

namespace hearth::cli {
namespace {

struct TrainOptions {
  std::string recipe;
  std::string folder;
  int64_t n_threads = 0;
  bool json = false;
};

Result<void> train_model(const TrainOptions& options, const Context& context) {
  HEARTH_ASSIGN(train::Recipe recipe, read_recipe(options.recipe));
  HEARTH_ASSIGN(const auto compute,
                TrainingThreads::create(context, options.n_threads, recipe.training.precision));

  TrainingProgress progress(context.console);
  HEARTH_ASSIGN(const train::RunOptions run, progress.run_options());
  HEARTH_ASSIGN(const train::RunResult result,
                train::run_recipe(std::move(recipe), options.folder, compute->threads(), run));
  return report_recipe_run(progress, result, options.folder, options.json);
}

constexpr const char* kTrainExamples =
    R"(RECIPE is JSON: the model's sizes, a tokenizer, texts and how long to train; docs/training.md has all fields.
Texts are .txt and .md files, .jsonl files of {"text"} or {"messages"}, and folders of them.

FOLDER gets checkpoint.gguf, log.jsonl (a line a step), loss.svg, and model.gguf at the end. Whatever stops a run,
the same command goes on from its checkpoint and ends with the same bytes.

Examples:
  hearth train tales.json tales/
  hearth train tales.json tales/ --threads 4 --json
  hearth run tales/model.gguf "Once upon a time")";

}  // namespace

void add_train_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = parser.add_subcommand("train", "Train a model from nothing but text");
  command->add_option("RECIPE", options->recipe, "what to train, on what, and how (JSON)")
      ->required()
      ->type_name("");
  command->add_option("FOLDER", options->folder, "where the run's files go")->required()->type_name("");
  add_worker_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kTrainExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return train_model(*options, context); };
  });
}

}  // namespace hearth::cli
