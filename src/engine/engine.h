// The engine: many requests, one step at a time.
//
// Each step takes the next token of every running request and slices of prompts, so a long prompt does not
// stall the others; scheduler.h decides about both. Prompts whose beginning was evaluated before start from
// the cached blocks. Where the KV cache is full, a request may have to give its blocks back, and goes on
// later with the same tokens: callers see nothing of it but the time.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/kv_blocks.h"
#include "engine/request.h"
#include "engine/runner.h"
#include "engine/scheduler.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

struct EngineOptions {
  int64_t context_tokens = 0;  // the longest sequence, prompt and answer
  int64_t max_sequences = 1;   // requests that run at once; more wait for their turn
  int64_t max_waiting = 0;     // requests that may wait; more are refused. 0: no limit
  // Of prompts, at most so many tokens in a step that also has answers' tokens: what bounds the time between
  // two tokens of an answer. A hundred rows keep the arithmetic units as busy as a full step nearly does.
  int64_t prompt_tokens_beside_answers = 128;
};

// What a step did, for rates and progress.
struct StepReport {
  std::vector<Event> events;
  int64_t n_prompt_tokens = 0;  // evaluated of prompts, or again after a preemption
  int64_t n_decode_tokens = 0;  // generated in this step: one for each request that decodes
  int64_t n_preemptions = 0;    // requests that had to give their blocks back
};

// Not thread-safe: one thread submits, steps and cancels.
class Engine {
 public:
  // The runner's KV blocks must hold a sequence of context_tokens, or of it what windows reach, and its state
  // slots max_sequences (kResourceExhausted otherwise). With blocks for max_sequences of them no request ever
  // waits for blocks. `tokenizer` must outlive the engine.
  static Result<std::unique_ptr<Engine>> create(std::unique_ptr<Runner> runner,
                                                const text::Tokenizer& tokenizer,
                                                const EngineOptions& options);
  ~Engine();

  int64_t context_tokens() const noexcept { return options_.context_tokens; }

  // Queues a request. kInvalidArgument for an empty prompt, a token outside the vocabulary or a wrong option;
  // kResourceExhausted, with the numbers, for a prompt that leaves no room for an answer in the context;
  // kUnavailable, with the numbers, where too many requests wait; kUnsupported for a vector where the runner
  // gives none.
  Result<RequestId> submit(Request request);
  // Ends a request at once: its blocks are free when this returns, and no further event comes. Unknown ids
  // are ignored.
  void cancel(RequestId id);
  std::optional<RequestStatus> status(RequestId id) const;

  // Blocks of the KV cache that requests hold, for each group of its layers, and how many there are.
  struct KvUsage {
    int64_t n_held = 0;
    int64_t n_blocks = 0;
  };
  std::vector<KvUsage> kv_usage() const;

  int64_t n_running() const noexcept { return scheduler_.n_running(); }
  int64_t n_waiting() const noexcept { return scheduler_.n_waiting(); }
  bool has_work() const noexcept { return scheduler_.has_work(); }
  // One step. Without work it does nothing. An error of the runner fails the step; every request stays as it
  // was.
  Result<StepReport> step();

  // The logits after each of `tokens`, from an empty context, in order: on_logits(position, logits
  // [vocabulary]). No other request may run meanwhile (kUnavailable). Stops early, with kCancelled, if
  // on_logits returns false.
  Result<void> evaluate(std::span<const text::TokenId> tokens,
                        const std::function<bool(int64_t position, std::span<const float> logits)>& on_logits,
                        const std::shared_ptr<const models::LoadedAdapter>& adapter = nullptr);

 private:
  Engine(std::unique_ptr<Runner> runner, const text::Tokenizer& tokenizer, const EngineOptions& options);

  Result<void> check_request(const Request& request) const;
  Result<void> check_tokens(std::span<const text::TokenId> tokens) const;
  int64_t context_of(const Request& request) const noexcept;
  Result<void> check_vector(const Request& request) const;
  Result<void> run(std::span<const Slice> slices);

  std::unique_ptr<Runner> runner_;
  const text::Tokenizer& tokenizer_;
  const EngineOptions options_;
  KvBlocks blocks_;
  RequestId next_id_ = 1;
  Scheduler scheduler_;
  std::vector<float> logits_;               // kept between steps
  std::vector<std::vector<float>> hidden_;  // of each slice
};

}  // namespace hearth::engine
