// hearth finetune: a model that is there learns texts, as an adapter beside it.
#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/thread_pool.h"
#include "cli/command.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/training_progress.h"
#include "cli/training_threads.h"
#include "train/finetune_run.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct FinetuneCommandOptions {
  std::string model;
  std::string output;  // empty: beside where the command is called
  std::vector<std::string> data;
  std::vector<std::string> held_out;
  std::vector<std::string> targets;
  std::string loss_on = "everything";
  int64_t rank = 16;
  double alpha = 0.0;  // 0: twice the rank
  bool rank_stabilised = false;
  int64_t n_steps = 0;
  double epochs = 3.0;
  double learning_rate = 2e-4;
  int64_t n_sequences = 4;
  int64_t sequence_tokens = 512;
  int64_t n_batches = 1;
  int64_t seed = 1;
  bool recompute = false;
  std::string precision = "auto";
  int64_t n_threads = 0;
  bool json = false;
};

struct Target {
  const char* name;
  const char* peft_name;
};
constexpr std::array kTargets{
    Target{"attn_q", "q_proj"},      Target{"attn_k", "k_proj"},       Target{"attn_v", "v_proj"},
    Target{"attn_qkv", "qkv_proj"},  Target{"ffn_up", "gate_up_proj"}, Target{"attn_output", "o_proj"},
    Target{"ffn_gate", "gate_proj"}, Target{"ffn_up", "up_proj"},      Target{"ffn_down", "down_proj"}};

// Those that were named, either way.
std::vector<std::string> targets_of(const FinetuneCommandOptions& options) {
  std::vector<std::string> targets;
  for (const std::string& name : options.targets) {
    const auto* const found = std::find_if(kTargets.begin(), kTargets.end(),
                                           [&](const Target& target) { return name == target.peft_name; });
    targets.push_back(found == kTargets.end() ? name : found->name);
  }
  return targets;
}

std::vector<fs::path> paths_of(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

train::FinetuneOptions finetune_options(const FinetuneCommandOptions& options) {
  train::FinetuneOptions finetune;
  finetune.model_name = fs::path(options.model).stem().string();
  finetune.texts.train = paths_of(options.data);
  finetune.texts.held_out = paths_of(options.held_out);
  finetune.texts.only_answers = options.loss_on == "answers";
  finetune.lora.rank = options.rank;
  finetune.lora.alpha = options.alpha > 0.0 ? options.alpha : 2.0 * static_cast<double>(options.rank);
  finetune.lora.rank_stabilised = options.rank_stabilised;
  finetune.lora.targets = targets_of(options);
  finetune.epochs = options.epochs;
  train::TrainingOptions& training = finetune.training;
  training.n_steps = options.n_steps;
  training.batch = {options.n_sequences, options.sequence_tokens};
  training.n_batches = options.n_batches;
  training.adamw.beta2 = 0.999;
  training.adamw.weight_decay = 0.0;  // the weights that decay would pull to nothing are the change alone
  training.schedule.peak = options.learning_rate;
  training.schedule.last = options.learning_rate / 10;
  training.schedule.warmup_steps = 10;
  training.seed = static_cast<uint64_t>(options.seed);
  training.recompute = options.recompute;
  training.precision = *train::parse_precision(options.precision);
  training.evaluate_every = 20;
  training.checkpoint_every = 20;
  return finetune;
}

fs::path folder_of(const FinetuneCommandOptions& options) {
  if (!options.output.empty()) return options.output;
  return fs::path(options.model).stem().string() + "-adapter";
}

Result<void> finetune(const FinetuneCommandOptions& options, const Context& context) {
  HEARTH_ASSIGN(const auto base, open_model(options.model));
  const train::FinetuneOptions learning = finetune_options(options);
  HEARTH_ASSIGN(const auto compute,
                TrainingThreads::create(context, options.n_threads, learning.training.precision));

  TrainingProgress progress(context.console);
  HEARTH_ASSIGN(const train::RunOptions run, progress.run_options());
  const fs::path folder = folder_of(options);
  HEARTH_ASSIGN(const train::RunResult result,
                train::run_finetune(*base, learning, folder, compute->threads(), run));
  progress.finish(result, fmt::format("{}: written; hearth run {} --adapter {} talks to it", folder.string(),
                                      options.model, folder.string()));
  if (options.json) {
    nlohmann::ordered_json object = progress.json(result, folder);
    const train::AdapterFiles files(folder);
    if (result.is_finished) {
      object["adapter"] = files.gguf.string();
      object["peft"] = folder.string();
    }
    HEARTH_TRY(write_json(object));
  }
  if (!result.is_finished) return make_error(ErrorCode::kCancelled, "stopped");
  return {};
}

constexpr const char* kFinetuneExamples =
    R"(MODEL is a GGUF file in floats or quantised, of the family of Llama and Mistral, Qwen 2 and 3, Gemma 2 and 3, Phi-3 and 4,
Granite, SmolLM, OLMo 2 or GLM-4; it is read and stays as it is.
Texts are .txt and .md files, .jsonl files of {"text"} or {"messages"}, and folders of them.

The folder gets the adapter as adapter.gguf and as PEFT reads it (adapter_config.json, adapter_model.safetensors),
beside checkpoint.gguf, log.jsonl (a line a step) and loss.svg. Whatever stops a run, the same command goes on from
its checkpoint and ends with the same bytes. docs/fine-tuning.md has more.

Examples:
  hearth finetune model.gguf --data notes/
  hearth finetune model-q4_k_m.gguf --data chats.jsonl --loss-on answers --rank 32 --rslora --output tuned/
  hearth run model.gguf --adapter tuned/ "Where is the spare key?"
  hearth merge model.gguf tuned/ tuned.gguf)";

std::string one_of_precisions(const std::string& text) {
  return train::parse_precision(text) ? "" : fmt::format("expected auto, f32 or bf16, found '{}'", text);
}

std::string one_of_losses(const std::string& text) {
  if (text == "everything" || text == "answers") return "";
  return fmt::format("expected everything or answers, found '{}'", text);
}

void add_learning_options(CLI::App& command, FinetuneCommandOptions& options) {
  constexpr int64_t kMost = int64_t{1} << 20;
  const auto number = [&](const char* name, double& value, double least, double most, const char* what) {
    add_number_option(command, name, value, least, most, what);
    command.get_option(name)->group("Learning");
  };
  const auto count = [&](const char* name, int64_t& value, int64_t least, int64_t most,
                         const std::string& what) {
    add_count_option(command, name, value, least, most, what);
    command.get_option(std::string(name))->group("Learning");
  };
  count("--steps", options.n_steps, 1, 1'000'000'000,
        "changes of the weights (default: as many as --epochs take)");
  number("--epochs", options.epochs, 0.001, 1e6, "how often to go through the text (default: 3)");
  number("--learning-rate", options.learning_rate, 0.0, 1.0, "its highest value (default: 0.0002)");
  count("--sequences", options.n_sequences, 1, kMost, "computed at once (default: 4)");
  count("--sequence-tokens", options.sequence_tokens, 2, kMost, "tokens of each, at most (default: 512)");
  count("--accumulate", options.n_batches, 1, kMost, "how many times that makes a step (default: 1)");
  count("--seed", options.seed, 0, int64_t{1} << 53, "of first weights and the texts' order (default: 1)");
  command
      .add_option("--precision", options.precision,
                  "in which matrices are multiplied: f32, bf16 or auto, bf16 where the processor has it "
                  "(default: auto)")
      ->type_name("NAME")
      ->check(one_of_precisions)
      ->group("Learning");
  command.add_flag("--recompute-activations", options.recompute, "less memory for a third more work")
      ->group("Learning");
}

void add_adapter_options(CLI::App& command, FinetuneCommandOptions& options) {
  constexpr int64_t kMostRank = int64_t{1} << 20;
  add_count_option(command, "--rank", options.rank, 1, kMostRank, "of the adapter's matrices (default: 16)");
  command.get_option("--rank")->group("Adapter");
  add_number_option(command, "--alpha", options.alpha, 1e-6, 1e6,
                    "the change counts alpha / rank (default: twice the rank)");
  command.get_option("--alpha")->group("Adapter");
  command
      .add_flag("--rslora", options.rank_stabilised, "the change counts alpha / sqrt(rank): for large ranks")
      ->group("Adapter");
  command
      .add_option("--targets", options.targets,
                  "matrices of each layer, with commas: attn_q (or q_proj), attn_k, attn_v, attn_output, "
                  "ffn_gate, ffn_up, ffn_down; or attn_qkv where that is one matrix (default: all)")
      ->delimiter(',')
      ->type_name("NAMES")
      ->group("Adapter");
}

}  // namespace

void add_finetune_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<FinetuneCommandOptions>();
  CLI::App* command = parser.add_subcommand("finetune", "Teach a model texts, as an adapter beside it");
  command->add_option("MODEL", options->model, "a GGUF file, or ember")->required()->type_name("");
  command->add_option("--data", options->data, "a file or folder to learn from; may be repeated")
      ->required()
      ->allow_extra_args(false)
      ->type_name("PATH");
  command
      ->add_option("--held-out", options->held_out,
                   "a file or folder to measure the loss on (default: a twentieth of the text)")
      ->allow_extra_args(false)
      ->type_name("PATH");
  command
      ->add_option("--loss-on", options->loss_on,
                   "what is learnt: everything, or of conversations the answers (default: everything)")
      ->check(one_of_losses)
      ->type_name("everything|answers");
  command
      ->add_option("--output", options->output, "the folder to write (default: MODEL's name with -adapter)")
      ->type_name("FOLDER");
  add_adapter_options(*command, *options);
  add_learning_options(*command, *options);
  add_worker_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kFinetuneExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return finetune(*options, context); };
  });
}

}  // namespace hearth::cli
