// A model file made ready to run: opened, checked, its tokenizer built, its weights handed to a backend.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/local_runner.h"
#include "models/checkpoint.h"
#include "models/kv_groups.h"
#include "models/load_step.h"
#include "models/model.h"
#include "models/pooling.h"
#include "tensor/backend.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

struct LoadOptions {
  int64_t context_tokens = 0;  // 0: what the model was trained for, at most kDefaultContextTokens
  int64_t max_sequences = 1;
  // Tokens of all sequences together that the KV cache holds: at least a context. 0: a context for each of
  // max_sequences, so that nobody waits for memory; fewer serve as many as long as their answers stay short.
  int64_t kv_tokens = 0;
  int64_t max_waiting = 0;          // EngineOptions::max_waiting
  models::KvTypes kv_types = {};    // how the KV cache holds keys and values
  models::OnLoadStep on_step = {};  // while prepare() works
};
constexpr int64_t kDefaultContextTokens = 8192;

// What running a model takes.
struct MemoryDemand {
  uint64_t weight_bytes = 0;  // mapped from the files, where the backend computes from them in place
  uint64_t kv_bytes = 0;    // of the KV cache and of recurrent states; pages count once a token reaches them
  uint64_t work_bytes = 0;  // activations and logits of the largest step
};

// Owns everything that a running model needs, in the order in which it depends on each other. Not
// thread-safe, except tokenizer() and the const descriptions.
class LoadedModel {
 public:
  // Everything but the memory that memory_demand() tells of: start() has yet to follow. The errors of load(),
  // but for kResourceExhausted.
  static Result<std::unique_ptr<LoadedModel>> prepare(std::unique_ptr<const models::Checkpoint> checkpoint,
                                                      std::unique_ptr<tensor::Backend> backend,
                                                      const LoadOptions& options);
  // Once, after prepare(): allocates, and makes the engine.
  Result<void> start();

  // Errors: those of open_checkpoint, load_tokenizer and load_model; kInvalidArgument for a context beyond
  // the model's, or a cache type that does not suit its heads; kResourceExhausted, with the numbers, where
  // memory does not suffice.
  static Result<std::unique_ptr<LoadedModel>> load(const std::filesystem::path& path,
                                                   std::unique_ptr<tensor::Backend> backend,
                                                   const LoadOptions& options);
  // The same for what is already open.
  static Result<std::unique_ptr<LoadedModel>> load(std::unique_ptr<const models::Checkpoint> checkpoint,
                                                   std::unique_ptr<tensor::Backend> backend,
                                                   const LoadOptions& options);
  static Result<std::unique_ptr<LoadedModel>> load(gguf::File file, std::unique_ptr<tensor::Backend> backend,
                                                   const LoadOptions& options);

  const models::Checkpoint& checkpoint() const noexcept { return *checkpoint_; }
  const tensor::Backend& backend() const noexcept { return *backend_; }
  const text::Tokenizer& tokenizer() const noexcept { return *tokenizer_; }
  const models::ModelInfo& info() const noexcept { return model_->info(); }
  int64_t trained_context_tokens() const noexcept { return trained_context_tokens_; }
  int64_t context_tokens() const noexcept { return context_tokens_; }
  // How a text's vector comes of its tokens': as the model says, else its last token's, which has seen all
  // others. kUnsupported for a kind that is not known.
  Result<models::Pooling> pooling() const;
  // An adapter for requests of this model; any number may be there at once, and each lives as long as who
  // holds it. Errors: those of models::read_lora_adapter() and models::LoadedAdapter::load().
  Result<std::shared_ptr<const models::LoadedAdapter>> load_adapter(const std::filesystem::path& path);
  // The same for one that models::check_lora_adapter() accepts of checkpoint().
  Result<std::shared_ptr<const models::LoadedAdapter>> load_adapter(const models::LoraAdapter& adapter);
  MemoryDemand memory_demand() const;
  Engine& engine() noexcept { return *engine_; }  // once started

 private:
  LoadedModel(std::unique_ptr<const models::Checkpoint> checkpoint, std::unique_ptr<tensor::Backend> backend)
      : checkpoint_(std::move(checkpoint)), backend_(std::move(backend)) {}

  models::KvDemand kv_demand() const;

  std::unique_ptr<const models::Checkpoint> checkpoint_;
  std::unique_ptr<tensor::Backend> backend_;
  std::unique_ptr<const text::Tokenizer> tokenizer_;
  std::unique_ptr<models::Model> model_;
  std::unique_ptr<Engine> engine_;
  int64_t trained_context_tokens_ = 0;
  int64_t context_tokens_ = 0;
  EngineOptions engine_options_;
  LocalRunnerOptions runner_options_;
};

}  // namespace hearth::engine
