#include "engine/loaded_model.h"

#include <algorithm>

#include "engine/local_runner.h"
#include "models/tokenizer_gguf.h"

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

}  // namespace

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(const std::filesystem::path& path,
                                                       std::unique_ptr<tensor::Backend> backend,
                                                       const LoadOptions& options) {
  HEARTH_ASSIGN(gguf::File file, gguf::File::open(path));
  return load(std::move(file), std::move(backend), options);
}

Result<std::unique_ptr<LoadedModel>> LoadedModel::load(gguf::File file,
                                                       std::unique_ptr<tensor::Backend> backend,
                                                       const LoadOptions& options) {
  auto loaded = std::unique_ptr<LoadedModel>(new LoadedModel(std::move(file), std::move(backend)));
  HEARTH_ASSIGN(loaded->tokenizer_, models::load_tokenizer(loaded->file_));
  HEARTH_ASSIGN(const int64_t trained_tokens, models::trained_context_tokens(loaded->file_));
  HEARTH_ASSIGN(const int64_t context_tokens, choose_context(trained_tokens, options.context_tokens));
  HEARTH_ASSIGN(loaded->model_, models::load_model(loaded->file_, *loaded->backend_, context_tokens));

  const int64_t blocks_each = (context_tokens + models::kKvBlockTokens - 1) / models::kKvBlockTokens;
  LocalRunnerOptions runner_options;
  runner_options.max_step_tokens = std::max(kMaxStepTokens, options.max_sequences);
  runner_options.max_step_logits = std::max(runner_options.max_step_logits, options.max_sequences);
  runner_options.n_kv_blocks = blocks_each * options.max_sequences;
  runner_options.n_state_slots = options.max_sequences;
  runner_options.kv_types = options.kv_types;
  HEARTH_ASSIGN(auto runner, make_local_runner(*loaded->model_, *loaded->backend_, runner_options));
  HEARTH_ASSIGN(loaded->engine_, Engine::create(std::move(runner), *loaded->tokenizer_,
                                                {context_tokens, options.max_sequences}));
  return loaded;
}

}  // namespace hearth::engine
