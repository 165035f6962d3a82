#include "train/finetune_run.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "models/adapter/lora_gguf.h"
#include "models/adapter/lora_peft.h"
#include "models/chat_format.h"
#include "models/model.h"
#include "train/base_model.h"
#include "train/recipe_inputs.h"

namespace hearth::train {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json json_of(const LoraOptions& lora) {
  return {{"rank", lora.rank},
          {"alpha", lora.alpha},
          {"rank_stabilised", lora.rank_stabilised},
          {"targets", lora.targets}};
}

// Sequences no longer than the text, and as many steps as go through it so often.
void fit_to_text(FinetuneOptions& options, const Corpus& corpus, int64_t context_tokens) {
  TrainingOptions& training = options.training;
  const auto n_tokens = static_cast<int64_t>(corpus.n_tokens());
  training.batch.n_tokens = std::min({training.batch.n_tokens, context_tokens, n_tokens - 1});
  if (training.n_steps == 0) {
    const double tokens_of_step = static_cast<double>(training.batch.rows() * training.n_batches);
    const double n_steps = std::ceil(options.epochs * static_cast<double>(n_tokens) / tokens_of_step);
    training.n_steps = std::max<int64_t>(1, static_cast<int64_t>(n_steps));
  }
  training.schedule.total_steps = training.n_steps;
  training.schedule.warmup_steps = std::min(training.schedule.warmup_steps, training.n_steps / 10);
}

models::LoraAdapter adapter_of(const std::string& name, const DecoderLayout& model, const LoraLayout& layout,
                               const LoraOptions& lora, std::span<const float> weights) {
  models::LoraAdapter adapter{name, {}};
  for (const LoraLayout::Pair& pair : layout.pairs) {
    const Parameter& parameter = model.parameters[pair.place];
    const auto part = [&](int64_t begin, int64_t end) {
      return std::vector<float>(weights.begin() + begin, weights.begin() + end);
    };
    adapter.matrices.push_back({parameter.name, lora.rank, parameter.rows, parameter.columns,
                                static_cast<float>(lora.scale()), part(pair.a_begin, pair.b_begin),
                                part(pair.b_begin, pair.end)});
  }
  return adapter;
}

Result<void> write_adapter(const fs::path& folder, const models::LoraAdapter& adapter,
                           const models::Checkpoint& base, const FinetuneOptions& options) {
  HEARTH_ASSIGN(const std::string_view architecture, base.string("general.architecture"));
  HEARTH_TRY(models::write_gguf_adapter(AdapterFiles(folder).gguf, adapter, architecture));
  HEARTH_ASSIGN(const std::string_view name, base.string_or("general.name", ""));
  return models::write_peft_adapter(folder, adapter, base,
                                    {name.empty() ? options.model_name : std::string(name),
                                     options.lora.alpha, options.lora.rank_stabilised});
}

}  // namespace

Result<RunResult> run_finetune(const models::Checkpoint& base, FinetuneOptions options,
                               const fs::path& folder, Threads& threads, const RunOptions& run) {
  HEARTH_ASSIGN(const int64_t trained_tokens, models::trained_context_tokens(base));
  HEARTH_ASSIGN(const DecoderConfig config,
                read_base_config(base, std::min(trained_tokens, options.training.batch.n_tokens)));
  const DecoderLayout layout(config);
  if (options.lora.targets.empty()) options.lora.targets = all_targets(layout);
  HEARTH_ASSIGN(const LoraLayout lora, LoraLayout::create(layout, options.lora));
  HEARTH_ASSIGN(FrozenWeights<float> frozen, FrozenWeights<float>::create(base, layout));
  HEARTH_ASSIGN(const auto tokenizer, base.load_tokenizer());
  HEARTH_ASSIGN(const auto chat, models::load_chat_format(base, *tokenizer, /*with_tools=*/false));
  TrainingOptions& training = options.training;
  HEARTH_ASSIGN(const Corpora corpora, read_corpora(options.texts, *tokenizer, chat ? &chat->format : nullptr,
                                                    /*sequence_tokens=*/1, training.seed, on_tokens_of(run)));
  fit_to_text(options, corpora.train, config.context_tokens);

  const AdapterFiles results(folder);
  HEARTH_ASSIGN(const RunFolder run_folder,
                RunFolder::open(folder, {results.gguf, results.peft_config, results.peft_weights}));
  HEARTH_TRY(
      check_memory(corpora.memory_bytes() + Trainer::memory_bytes(config, training, lora.n_weights), run));
  HEARTH_ASSIGN(const std::string base_digest, checkpoint_digest(base, [&](uint64_t n_bytes) {
                  return !run.on_preparation || run.on_preparation({RunPreparation::Stage::kBase, n_bytes});
                }));
  const nlohmann::ordered_json recipe{{"base", base_digest},
                                      {"adapter", json_of(options.lora)},
                                      {"data", options.texts.json()},
                                      {"training", training.json()}};
  const RunIdentity identity{recipe.dump(), tokenizer_digest(base.metadata(), ""), corpora.train.digest(),
                             corpora.held_out.digest()};
  LoraWeights<float> weights(layout, lora, options.lora, frozen);
  initialise_lora(layout, lora, training.seed, weights.values());
  const RunPlan plan{options.model_name, identity, corpora, /*measures_start=*/true};
  const auto train = [&]() -> Result<RunResult> {
    Trainer trainer(config, training, corpora.train, weights, threads);
    return carry_out(plan, run_folder, trainer, run);
  };
  // Activations are gone before the adapter's files are made in memory.
  HEARTH_ASSIGN(const RunResult result, train());
  if (result.is_finished) {
    HEARTH_TRY(write_adapter(
        folder, adapter_of(options.model_name, layout, lora, options.lora, weights.values()), base, options));
  }
  return result;
}

}  // namespace hearth::train
