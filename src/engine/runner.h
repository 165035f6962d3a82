// Executes one step: the seam below which a step may run in this process, in a sealed child process, or over
// the machines of a cluster. The engine never knows which.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "models/adapter/loaded_adapter.h"
#include "models/kv_cache.h"
#include "tensor/backend.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

// The part of a step that belongs to one sequence.
struct StepSequence {
  std::span<const text::TokenId> tokens;  // to be evaluated, at positions start_position ...
  int64_t start_position = 0;
  // For each of kv_groups() the KV blocks of the sequence, enough for all its tokens; tensor::kNoBlock for
  // those that no token of the step sees.
  std::span<const std::vector<int32_t>> block_tables;
  int64_t state_slot = 0;  // below n_state_slots(), the same for all steps of the sequence
  int64_t n_logits = 0;    // how many of the last tokens want their logits
  // How many of the last tokens want their final state (Model::forward's hidden), which becomes
  // [n_hidden, hidden_width()] of `hidden`.
  int64_t n_hidden = 0;
  std::vector<float>* hidden = nullptr;
  const models::LoadedAdapter* adapter = nullptr;  // of all its tokens
  tensor::Phase phase = tensor::Phase::kPrefill;   // the same
};

// Not thread-safe.
class Runner {
 public:
  virtual ~Runner() = default;

  // What a step may hold at most.
  virtual int64_t max_step_tokens() const noexcept = 0;
  virtual int64_t max_step_logits() const noexcept = 0;
  virtual std::span<const models::KvGroup> kv_groups() const noexcept = 0;  // at least one
  virtual int64_t kv_block_tokens() const noexcept = 0;
  virtual int64_t vocabulary_size() const noexcept = 0;
  // Sequences whose recurrent state there is room for; 0 where the model has none. If it has, a sequence must
  // be evaluated from its first token on.
  virtual int64_t n_state_slots() const noexcept { return 0; }

  // Of a token's final state; 0: this runner gives none.
  virtual int64_t hidden_width() const noexcept { return 0; }

  // `logits` becomes [sum of n_logits, vocabulary], sequence by sequence in the order of their tokens.
  virtual Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) = 0;
};

}  // namespace hearth::engine
