#include "engine/loaded_model.h"

#include <algorithm>

#include "engine/local_runner.h"
#include "models/kv_groups.h"

namespace hearth::engine {
namespace {

// Rows of a step. Enough for a prompt's products to be bound by arithmetic and not by reading weights; small
// enough that a stream waits for a slice of another's prompt no longer than a few tokens' time.
constexpr int64_t kMaxStepTokens = 512;

Result<int64_t> choose_context(int64_t trained, int64_t wanted) {
  if (wanted == 0) return std::min(trained, kDefaultContextTokens);
  if (wanted < 2 || wanted > trained) {
    return make_error(ErrorCode::kInvalidArgument,
                      "num_ctx: expected 2 to {} (what the model was trained for), found {}", trained,
                      wanted);
  }
  return wanted;
}

// Cuts each group down to the blocks of so many tokens. No group needs more of a sequence than all of it.
Result<void> limit_groups(std::vector<models::KvGroup>& groups, int64_t kv_tokens, int64_t context_tokens) {
  if (kv_tokens == 0) return {};
  if (kv_tokens < context_tokens) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the KV cache: expected at least the {} tokens of a context, found {}", context_tokens,
                      kv_tokens);
  }
  // Without overflow: whatever the number, it is only compared.
  const int64_t n_blocks = (kv_tokens - 1) / models::kKvBlockTokens + 1;
  for (models::KvGroup& group : groups) group.n_blocks = std::min(group.n_blocks, n_blocks);
  return {};
}

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const std::filesystem::path& path,
                                                       std::unique_ptr<tensor::Backend> backend,
                                                       const LoadOptions& options) {
  HEARTH_ASSIGN(auto checkpoint, models::open_checkpoint(path));
  return load(std::move(checkpoint), std::move(backend), options);
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(gguf::File file,
                                                       std::unique_ptr<tensor::Backend> backend,
                                                       const LoadOptions& options) {
  return load(std::make_unique<models::GgufCheckpoint>(std::move(file)), std::move(backend), options);
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(std::unique_ptr<const models::Checkpoint> checkpoint,
                                                       std::unique_ptr<tensor::Backend> backend,
                                                       const LoadOptions& options) {
  auto loaded = std::unique_ptr<LoadedModel>(new LoadedModel(std::move(checkpoint), std::move(backend)));
  // First of all, whether it is a model that writes text.
  HEARTH_ASSIGN(const int64_t trained_tokens, models::trained_context_tokens(*loaded->checkpoint_));
  HEARTH_ASSIGN(loaded->tokenizer_, loaded->checkpoint_->load_tokenizer());
  HEARTH_ASSIGN(const int64_t context_tokens, choose_context(trained_tokens, options.context_tokens));
  HEARTH_ASSIGN(loaded->model_, models::load_model(*loaded->checkpoint_, *loaded->backend_, context_tokens));

  LocalRunnerOptions runner_options;
  runner_options.max_step_tokens = std::max(kMaxStepTokens, options.max_sequences);
  runner_options.max_step_logits = std::max(runner_options.max_step_logits, options.max_sequences);
  const models::KvDemand demand{.context_tokens = context_tokens,
                                .n_sequences = options.max_sequences,
                                .max_step_tokens = runner_options.max_step_tokens};
  runner_options.kv_groups = models::plan_kv_groups(loaded->model_->info().kv_layers, demand);
  HEARTH_TRY(limit_groups(runner_options.kv_groups, options.kv_tokens, context_tokens));
  runner_options.n_state_slots = options.max_sequences;
  runner_options.kv_types = options.kv_types;
  HEARTH_ASSIGN(auto runner, make_local_runner(*loaded->model_, *loaded->backend_, runner_options));
  EngineOptions engine_options;
  engine_options.context_tokens = context_tokens;
  engine_options.max_sequences = options.max_sequences;
  engine_options.max_waiting = options.max_waiting;
  HEARTH_ASSIGN(loaded->engine_, Engine::create(std::move(runner), *loaded->tokenizer_, engine_options));
  return loaded;
}

}  // namespace hearth::engine
