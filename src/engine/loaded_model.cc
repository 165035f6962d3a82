#include "engine/loaded_model.h"

#include <algorithm>

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
  HEARTH_ASSIGN(auto loaded, prepare(std::move(checkpoint), std::move(backend), options));
  HEARTH_TRY(loaded->start());
  return loaded;
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::prepare(
    std::unique_ptr<const models::Checkpoint> checkpoint, std::unique_ptr<tensor::Backend> backend,
    const LoadOptions& options) {
  auto loaded = std::unique_ptr<LoadedModel>(new LoadedModel(std::move(checkpoint), std::move(backend)));
  // First of all, whether it is a model that writes text.
  HEARTH_ASSIGN(loaded->trained_context_tokens_, models::trained_context_tokens(*loaded->checkpoint_));
  if (options.on_step) options.on_step({.stage = "reading the vocabulary"});
  HEARTH_ASSIGN(loaded->tokenizer_, loaded->checkpoint_->load_tokenizer());
  HEARTH_ASSIGN(loaded->context_tokens_,
                choose_context(loaded->trained_context_tokens_, options.context_tokens));
  const models::ObservedCheckpoint observed(*loaded->checkpoint_, options.on_step);
  HEARTH_ASSIGN(loaded->model_, models::load_model(observed, *loaded->backend_, loaded->context_tokens_));

  const models::ModelInfo& info = loaded->model_->info();
  HEARTH_TRY(models::KvCache::check_types(*loaded->backend_, info.kv_layers, options.kv_types));
  loaded->engine_options_ = {.context_tokens = loaded->context_tokens_,
                             .max_sequences = options.max_sequences,
                             .max_waiting = options.max_waiting};
  LocalRunnerOptions& runner = loaded->runner_options_;
  runner.max_step_tokens = std::max(kMaxStepTokens, options.max_sequences);
  runner.max_step_logits = std::max(runner.max_step_logits, options.max_sequences);
  runner.kv_groups = models::plan_kv_groups(info.kv_layers, loaded->kv_demand());
  HEARTH_TRY(limit_groups(runner.kv_groups, options.kv_tokens, loaded->context_tokens_));
  runner.n_state_slots = options.max_sequences;
  runner.kv_types = options.kv_types;
  return loaded;
}

Result<void> LoadedModel::start() {
  HEARTH_ASSIGN(auto runner, make_local_runner(*model_, *backend_, runner_options_));
  HEARTH_ASSIGN(engine_, Engine::create(std::move(runner), *tokenizer_, engine_options_));
  return {};
}

Result<models::Pooling> LoadedModel::pooling() const {
  HEARTH_ASSIGN(const std::optional<models::Pooling> declared, models::declared_pooling(*checkpoint_));
  return declared.value_or(models::Pooling::kLast);
}

Result<std::shared_ptr<const models::LoadedAdapter>> LoadedModel::load_adapter(
    const std::filesystem::path& path) {
  HEARTH_ASSIGN(const models::LoraAdapter adapter, models::read_lora_adapter(path, *checkpoint_));
  return load_adapter(adapter);
}

Result<std::shared_ptr<const models::LoadedAdapter>> LoadedModel::load_adapter(
    const models::LoraAdapter& adapter) {
  return models::LoadedAdapter::load(adapter, model_->info(), *backend_);
}

models::KvDemand LoadedModel::kv_demand() const {
  return {.context_tokens = context_tokens_,
          .n_sequences = engine_options_.max_sequences,
          .max_step_tokens = runner_options_.max_step_tokens};
}

MemoryDemand LoadedModel::memory_demand() const {
  const models::ModelInfo& info = model_->info();
  const LocalRunnerOptions& runner = runner_options_;
  uint64_t state_floats = 0;  // a sequence's, of all recurrent layers
  for (const models::RecurrentLayerShape& layer : info.recurrent_layers) {
    state_floats += static_cast<uint64_t>(layer.n_past * layer.n_channels +
                                          layer.n_heads * layer.key_dim * layer.value_dim);
  }
  const uint64_t state_bytes = state_floats * sizeof(float) * static_cast<uint64_t>(runner.n_state_slots);
  const auto logits_bytes =
      static_cast<uint64_t>(runner.max_step_logits * info.vocabulary_size) * sizeof(float);
  return {
      .weight_bytes = info.weight_bytes,
      .kv_bytes = models::kv_cache_bytes(info.kv_layers, kv_demand(), runner.kv_groups, runner.kv_types) +
                  state_bytes,
      .work_bytes = model_->workspace_bytes(runner.max_step_tokens, runner.max_step_logits) + logits_bytes};
}

}  // namespace hearth::engine
