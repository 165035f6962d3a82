// hearth train: a model from nothing but text.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "train/run.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct TrainOptions {
  std::string recipe;
  std::string folder;
  int64_t n_threads = 0;
  bool json = false;
};

std::string describe(const train::RunProgress& progress) {
  const train::LogEntry& entry = progress.entry;
  std::string line =
      fmt::format("step {} of {}: loss {:.4f}", entry.step.step, progress.n_steps, entry.step.loss);
  if (entry.held_out_loss) line += fmt::format(", held out {:.4f}", *entry.held_out_loss);
  line += fmt::format(", {:.0f} tokens/s, {} left", progress.tokens_per_second,
                      format_seconds(progress.seconds_left));
  if (entry.joules) line += fmt::format(", {:.1f} Wh", *entry.joules / 3600.0);
  return line;
}

nlohmann::ordered_json json_of(const train::RunResult& result, const train::RunFiles& files) {
  nlohmann::ordered_json object{
      {"finished", result.is_finished}, {"steps", result.n_steps}, {"loss", result.loss}};
  if (result.held_out_loss) object["held_out_loss"] = *result.held_out_loss;
  object["checkpoint"] = files.checkpoint.string();
  object["log"] = files.log.string();
  object["drawing"] = files.drawing.string();
  if (result.is_finished) object["model"] = files.model.string();
  return object;
}

Result<train::Recipe> read_recipe(const std::string& path) {
  HEARTH_ASSIGN(const std::string json, read_text_file(path));
  auto recipe = train::parse_recipe(json, fs::path(path).parent_path());
  if (!recipe) return recipe.error().in(path);
  return recipe;
}

Result<void> train_model(const TrainOptions& options, const Context& context) {
  HEARTH_ASSIGN(train::Recipe recipe, read_recipe(options.recipe));
  ThreadPool pool(threads_or_default(options.n_threads));
  HEARTH_ASSIGN(const auto gemm, context.make_gemm(pool));
  train::Threads threads(pool, *gemm);

  ProgressLine line(context.console);
  line.show("reading texts");
  HEARTH_ASSIGN(const Machine machine, inspect_machine());
  train::RunOptions run;
  run.available_bytes = machine.available_bytes;
  run.on_start = [&](const train::RunStart& start) {
    line.show("");
    context.console.note(fmt::format("{} weights; {} tokens of {} documents, {} held out",
                                     format_count(static_cast<uint64_t>(start.n_weights)),
                                     group_digits(static_cast<uint64_t>(start.n_tokens)),
                                     group_digits(static_cast<uint64_t>(start.n_documents)),
                                     group_digits(static_cast<uint64_t>(start.n_held_out))));
    if (start.steps_before > 0)
      context.console.note(fmt::format("going on after step {}", start.steps_before));
  };
  run.on_step = [&](const train::RunProgress& progress) {
    if (progress.entry.held_out_loss) {
      line.show("");
      context.console.note(describe(progress));
    } else {
      line.show(describe(progress));
    }
    return !interrupted();
  };
  HEARTH_ASSIGN(const train::RunResult result,
                train::run_recipe(std::move(recipe), options.folder, threads, run));
  line.show("");
  const train::RunFiles files(options.folder);
  if (result.is_finished) {
    context.console.note(
        fmt::format("{}: written; hearth run {} talks to it", files.model.string(), files.model.string()));
  } else {
    context.console.note(
        fmt::format("stopped after step {}; the same command goes on from there", result.n_steps));
  }
  if (options.json) HEARTH_TRY(write_json(json_of(result, files)));
  if (!result.is_finished) return make_error(ErrorCode::kCancelled, "stopped");
  return {};
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
  constexpr int64_t kMostThreads = 1024;
  add_count_option(*command, "--threads,--num-thread", options->n_threads, 1, kMostThreads,
                   "threads that compute (default: one per physical core)");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kTrainExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return train_model(*options, context); };
  });
}

}  // namespace hearth::cli
