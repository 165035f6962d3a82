#include "engine/engine.h"

#include <algorithm>

#include "models/kv_groups.h"

namespace hearth::engine {

namespace {

Result<void> check_blocks(const Runner& runner, const EngineOptions& options) {
  const models::KvDemand demand{options.context_tokens, /*n_sequences=*/1, runner.max_step_tokens(),
                                runner.kv_block_tokens()};
  for (const models::KvGroup& group : runner.kv_groups()) {
    const int64_t needed = models::kv_blocks_needed(group.window, demand);
    if (needed <= group.n_blocks) continue;
    const std::string where =
        group.window == 0 ? "" : fmt::format(" in layers with a window of {} tokens", group.window);
    return make_error(ErrorCode::kResourceExhausted,
                      "a sequence of {} tokens needs {} KV blocks of {} tokens each{}, there are {}",
                      demand.context_tokens, needed, demand.block_tokens, where, group.n_blocks);
  }
  return {};
}

SchedulerOptions scheduler_options(const Runner& runner, const EngineOptions& options) {
  return {.max_sequences = options.max_sequences,
          .max_waiting = options.max_waiting,
          .max_step_tokens = runner.max_step_tokens(),
          .prompt_tokens_beside_answers = options.prompt_tokens_beside_answers,
          .has_states = runner.n_state_slots() != 0};
}

}  // namespace

Engine::Engine(std::unique_ptr<Runner> runner, const text::Tokenizer& tokenizer, const EngineOptions& options)
    : runner_(std::move(runner)),
      tokenizer_(tokenizer),
      options_(options),
      blocks_(runner_->kv_groups(), runner_->kv_block_tokens()),
      scheduler_(scheduler_options(*runner_, options), blocks_) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::create(std::unique_ptr<Runner> runner,
                                               const text::Tokenizer& tokenizer,
                                               const EngineOptions& options) {
  if (options.context_tokens < 2 || options.max_sequences < 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "expected a context of at least 2 tokens and at least 1 sequence, found {} and {}",
                      options.context_tokens, options.max_sequences);
  }
  if (options.max_waiting < 0 || options.prompt_tokens_beside_answers < 1) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "expected a limit of 0 or more waiting requests and of at least 1 prompt token, found {} and {}",
        options.max_waiting, options.prompt_tokens_beside_answers);
  }
  HEARTH_TRY(check_blocks(*runner, options));
  if (options.max_sequences > std::min(runner->max_step_tokens(), runner->max_step_logits())) {
    return make_error(ErrorCode::kInvalidArgument, "{} sequences at once: a step holds at most {}",
                      options.max_sequences, std::min(runner->max_step_tokens(), runner->max_step_logits()));
  }
  if (runner->n_state_slots() != 0 && runner->n_state_slots() < options.max_sequences) {
    return make_error(ErrorCode::kResourceExhausted, "{} sequences need a state each, there is room for {}",
                      options.max_sequences, runner->n_state_slots());
  }
  return std::unique_ptr<Engine>(new Engine(std::move(runner), tokenizer, options));
}

Result<void> Engine::check_tokens(std::span<const text::TokenId> tokens) const {
  for (const text::TokenId token : tokens) {
    if (token >= 0 && token < runner_->vocabulary_size()) continue;
    return make_error(ErrorCode::kInvalidArgument, "expected tokens from 0 to {}, found {}",
                      runner_->vocabulary_size() - 1, token);
  }
  return {};
}

int64_t Engine::context_of(const Request& request) const noexcept {
  if (request.context_tokens == 0) return options_.context_tokens;
  return std::min(request.context_tokens, options_.context_tokens);
}

Result<void> Engine::check_request(const Request& request) const {
  HEARTH_TRY(sampling::validate(request.sampling));
  HEARTH_TRY(sampling::validate_tokens(request.sampling, runner_->vocabulary_size()));
  HEARTH_TRY(check_tokens(request.visible_control_tokens));
  if (request.grammar != nullptr &&
      static_cast<int64_t>(request.grammar->vocabulary_size()) != runner_->vocabulary_size()) {
    return make_error(ErrorCode::kInvalidArgument, "expected a grammar over {} tokens, found one over {}",
                      runner_->vocabulary_size(), request.grammar->vocabulary_size());
  }
  if (request.max_tokens < -2) {
    return make_error(ErrorCode::kInvalidArgument, "num_predict: expected -2 or more, found {}",
                      request.max_tokens);
  }
  if (request.context_tokens < 0) {
    return make_error(ErrorCode::kInvalidArgument, "num_ctx: expected 0 or more, found {}",
                      request.context_tokens);
  }
  if (request.top_logprobs < 0 || request.top_logprobs > kMaxTopLogprobs) {
    return make_error(ErrorCode::kInvalidArgument, "top_logprobs: expected 0 to {}, found {}",
                      kMaxTopLogprobs, request.top_logprobs);
  }
  if (request.top_logprobs > 0 && !request.logprobs) {
    return make_error(ErrorCode::kInvalidArgument, "top_logprobs: expected logprobs to be asked for too");
  }
  if (request.prompt.empty())
    return make_error(ErrorCode::kInvalidArgument, "prompt: expected at least one token");
  HEARTH_TRY(check_tokens(request.prompt));
  if (request.pooling) return check_vector(request);
  const int64_t context_tokens = context_of(request);
  if (static_cast<int64_t>(request.prompt.size()) < context_tokens) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "the prompt is too long: its {} tokens exceed the context of {} tokens, in which the "
                    "answer must have room too; shorten the prompt, or give it a larger context (num_ctx)",
                    request.prompt.size(), context_tokens);
}

Result<void> Engine::check_vector(const Request& request) const {
  if (runner_->hidden_width() == 0)
    return make_error(ErrorCode::kUnsupported, "vectors of texts: what computes this model gives none");
  if (static_cast<int64_t>(request.prompt.size()) <= options_.context_tokens) return {};
  return make_error(
      ErrorCode::kResourceExhausted,
      "{} tokens, and the context has {}: expected a shorter text, or a larger context (num_ctx)",
      request.prompt.size(), options_.context_tokens);
}

Result<RequestId> Engine::submit(Request request) {
  HEARTH_TRY(check_request(request));
  HEARTH_TRY(scheduler_.check_queue());
  const RequestId id = next_id_++;
  const int64_t context_tokens = context_of(request);
  scheduler_.add(std::make_unique<Sequence>(id, std::move(request), context_tokens, tokenizer_, blocks_,
                                            runner_->hidden_width()));
  return id;
}

void Engine::cancel(RequestId id) {
  scheduler_.remove(id);
}

std::optional<RequestStatus> Engine::status(RequestId id) const {
  const Sequence* sequence = scheduler_.find(id);
  if (sequence == nullptr) return std::nullopt;
  return sequence->status();
}

std::vector<Engine::KvUsage> Engine::kv_usage() const {
  std::vector<KvUsage> usage;
  for (size_t group = 0; group < blocks_.n_groups(); ++group)
    usage.push_back({blocks_.n_blocks(group) - blocks_.n_free(group), blocks_.n_blocks(group)});
  return usage;
}

Result<StepReport> Engine::step() {
  const int64_t n_preemptions = scheduler_.n_preemptions();
  const std::vector<Slice> slices = scheduler_.plan();
  StepReport report;
  report.n_preemptions = scheduler_.n_preemptions() - n_preemptions;
  if (slices.empty()) return report;
  HEARTH_TRY(run(slices));

  std::span<float> logits = logits_;
  const auto vocabulary = static_cast<size_t>(runner_->vocabulary_size());
  for (size_t i = 0; i < slices.size(); ++i) {
    const auto& [sequence, n_tokens, wants_logits] = slices[i];
    (sequence->is_decoding() ? report.n_decode_tokens : report.n_prompt_tokens) += n_tokens;
    sequence->advance(n_tokens);
    if (sequence->is_embedded()) {
      if (auto event = sequence->take_hidden(hidden_[i])) report.events.push_back(std::move(*event));
      continue;
    }
    if (!wants_logits) continue;
    sequence->take_next(logits.first(vocabulary), report.events);
    logits = logits.subspan(vocabulary);
  }
  scheduler_.remove_finished();
  return report;
}

Result<void> Engine::run(std::span<const Slice> slices) {
  std::vector<StepSequence> step;
  step.reserve(slices.size());
  hidden_.assign(slices.size(), {});
  for (size_t i = 0; i < slices.size(); ++i) {
    const Slice& slice = slices[i];
    const Sequence& s = *slice.sequence;
    const auto tokens =
        s.tokens().subspan(static_cast<size_t>(s.n_evaluated()), static_cast<size_t>(slice.n_tokens));
    step.push_back({tokens, s.n_evaluated(), s.block_tables(), s.state_slot(),
                    slice.wants_logits && !s.is_embedded() ? 1 : 0, s.n_hidden(slice.n_tokens), &hidden_[i],
                    s.adapter(), s.phase()});
  }
  return runner_->run(step, logits_);
}

Result<void> Engine::evaluate(std::span<const text::TokenId> tokens,
                              const std::function<bool(int64_t, std::span<const float>)>& on_logits,
                              const std::shared_ptr<const models::LoadedAdapter>& adapter) {
  if (has_work()) return make_error(ErrorCode::kUnavailable, "the engine is answering requests");
  if (static_cast<int64_t>(tokens.size()) > options_.context_tokens) {
    return make_error(ErrorCode::kResourceExhausted, "{} tokens do not fit the context of {}", tokens.size(),
                      options_.context_tokens);
  }
  HEARTH_TRY(check_tokens(tokens));
  const int64_t n = static_cast<int64_t>(tokens.size());
  if (n == 0) return {};

  // A sequence of its own: it only lends blocks, and gives them back whatever happens.
  Request request;
  request.prompt.assign(tokens.begin(), tokens.end());
  request.adapter = adapter;
  Sequence sequence(next_id_++, std::move(request), options_.context_tokens, tokenizer_, blocks_);
  const int64_t chunk = std::min(runner_->max_step_tokens(), runner_->max_step_logits());
  const auto vocabulary = static_cast<size_t>(runner_->vocabulary_size());
  for (int64_t start = 0; start < n; start += chunk) {
    const int64_t count = std::min(chunk, n - start);
    HEARTH_CHECK(sequence.reserve(count));
    const StepSequence step{tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(count)),
                            start,
                            sequence.block_tables(),
                            sequence.state_slot(),
                            count,
                            /*n_hidden=*/0,
                            /*hidden=*/nullptr,
                            sequence.adapter(),
                            tensor::Phase::kPrefill};
    HEARTH_TRY(runner_->run({&step, 1}, logits_));
    sequence.advance(count);
    for (int64_t i = 0; i < count; ++i) {
      const auto row =
          std::span<const float>(logits_).subspan(static_cast<size_t>(i) * vocabulary, vocabulary);
      if (!on_logits(start + i, row)) return make_error(ErrorCode::kCancelled, "evaluation was stopped");
    }
  }
  return {};
}

}  // namespace hearth::engine
