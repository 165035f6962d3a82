#include "engine/engine.h"

#include <algorithm>

#include "engine/sequence.h"
#include "models/kv_groups.h"

namespace hearth::engine {

// The part of one sequence that a step evaluates.
struct Slice {
  Sequence* sequence;
  int64_t n_tokens;
  bool wants_logits;  // it reaches the sequence's last token
};

namespace {

Result<void> check_blocks(const Runner& runner, const EngineOptions& options) {
  const models::KvDemand demand{options.context_tokens, options.max_sequences, runner.max_step_tokens(),
                                runner.kv_block_tokens()};
  for (const models::KvGroup& group : runner.kv_groups()) {
    const int64_t needed = models::kv_blocks_needed(group.window, demand);
    if (needed <= group.n_blocks) continue;
    const std::string where =
        group.window == 0 ? "" : fmt::format(" in layers with a window of {} tokens", group.window);
    return make_error(ErrorCode::kResourceExhausted,
                      "{} sequences of {} tokens need {} KV blocks of {} tokens each{}, there are {}",
                      demand.n_sequences, demand.context_tokens, needed, demand.block_tokens, where,
                      group.n_blocks);
  }
  return {};
}

}  // namespace

Engine::Engine(std::unique_ptr<Runner> runner, const text::Tokenizer& tokenizer, const EngineOptions& options)
    : runner_(std::move(runner)),
      tokenizer_(tokenizer),
      options_(options),
      blocks_(runner_->kv_groups(), runner_->kv_block_tokens()) {}

Engine::~Engine() = default;

Result<std::unique_ptr<Engine>> Engine::create(std::unique_ptr<Runner> runner,
                                               const text::Tokenizer& tokenizer,
                                               const EngineOptions& options) {
  if (options.context_tokens < 2 || options.max_sequences < 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "expected a context of at least 2 tokens and at least 1 sequence, found {} and {}",
                      options.context_tokens, options.max_sequences);
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

Result<RequestId> Engine::submit(Request request) {
  HEARTH_TRY(sampling::validate(request.sampling));
  HEARTH_TRY(sampling::validate_tokens(request.sampling, runner_->vocabulary_size()));
  if (request.prompt.empty())
    return make_error(ErrorCode::kInvalidArgument, "prompt: expected at least one token");
  if (request.max_tokens < -2) {
    return make_error(ErrorCode::kInvalidArgument, "num_predict: expected -2 or more, found {}",
                      request.max_tokens);
  }
  for (const text::TokenId token : request.prompt) {
    if (token < 0 || token >= runner_->vocabulary_size()) {
      return make_error(ErrorCode::kInvalidArgument, "prompt: expected tokens from 0 to {}, found {}",
                        runner_->vocabulary_size() - 1, token);
    }
  }
  if (static_cast<int64_t>(request.prompt.size()) >= options_.context_tokens) {
    return make_error(
        ErrorCode::kResourceExhausted,
        "the prompt has {} tokens and the context holds {}: no room for an answer (a larger num_ctx gives "
        "more)",
        request.prompt.size(), options_.context_tokens);
  }
  const RequestId id = next_id_++;
  waiting_.push_back(std::make_unique<Sequence>(id, std::move(request), options_.context_tokens, tokenizer_, blocks_));
  return id;
}

void Engine::cancel(RequestId id) {
  const auto has_id = [&](const std::unique_ptr<Sequence>& sequence) { return sequence->id() == id; };
  std::erase_if(running_, has_id);
  std::erase_if(waiting_, has_id);
}

std::optional<RequestStatus> Engine::status(RequestId id) const {
  for (const auto& sequence : running_) {
    if (sequence->id() == id) return sequence->status();
  }
  for (const auto& sequence : waiting_) {
    if (sequence->id() == id) return sequence->status();
  }
  return std::nullopt;
}

std::vector<Engine::KvUsage> Engine::kv_usage() const {
  std::vector<KvUsage> usage;
  for (size_t group = 0; group < blocks_.n_groups(); ++group)
    usage.push_back({blocks_.n_blocks(group) - blocks_.n_free(group), blocks_.n_blocks(group)});
  return usage;
}

// In order of arrival. create() made sure that the blocks suffice for every running sequence.
void Engine::admit_waiting() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_sequences) {
    std::unique_ptr<Sequence> sequence = std::move(waiting_.front());
    waiting_.pop_front();
    if (runner_->n_state_slots() == 0) {
      sequence->start_from_cache();
    } else {
      // A recurrent state cannot be taken up at the end of a cached prefix.
      sequence->set_state_slot(free_state_slot());
    }
    sequence->admit();
    running_.push_back(std::move(sequence));
  }
}

// create() made sure that there are as many slots as sequences may run.
int64_t Engine::free_state_slot() const {
  int64_t slot = 0;
  const auto is_taken = [&](const std::unique_ptr<Sequence>& s) { return s->state_slot() == slot; };
  while (std::any_of(running_.begin(), running_.end(), is_taken)) ++slot;
  return slot;
}

// First a token for each sequence that decodes, so that streams flow; what is left of the step goes to
// prompts.
std::vector<Slice> Engine::plan_step() {
  std::vector<Slice> slices;
  int64_t room = runner_->max_step_tokens();
  for (const bool decoding : {true, false}) {
    for (const auto& sequence : running_) {
      if (sequence->is_decoding() != decoding || room == 0) continue;
      const int64_t n = std::min(sequence->n_pending(), room);
      HEARTH_CHECK(sequence->reserve(n));
      slices.push_back({sequence.get(), n, n == sequence->n_pending()});
      room -= n;
    }
  }
  return slices;
}

Result<StepReport> Engine::step() {
  admit_waiting();
  const std::vector<Slice> slices = plan_step();
  StepReport report;
  if (slices.empty()) return report;

  std::vector<StepSequence> step;
  step.reserve(slices.size());
  for (const Slice& slice : slices) {
    const Sequence& s = *slice.sequence;
    const auto tokens =
        s.tokens().subspan(static_cast<size_t>(s.n_evaluated()), static_cast<size_t>(slice.n_tokens));
    step.push_back({tokens, s.n_evaluated(), s.block_tables(), s.state_slot(), slice.wants_logits ? 1 : 0});
  }
  HEARTH_TRY(runner_->run(step, logits_));

  std::span<float> logits = logits_;
  const auto vocabulary = static_cast<size_t>(runner_->vocabulary_size());
  for (const Slice& slice : slices) {
    finish_slice(slice, logits.first(slice.wants_logits ? vocabulary : 0), report);
    if (slice.wants_logits) logits = logits.subspan(vocabulary);
  }
  remove_finished();
  return report;
}

void Engine::finish_slice(const Slice& slice, std::span<float> logits, StepReport& report) {
  Sequence& sequence = *slice.sequence;
  (sequence.is_decoding() ? report.n_decode_tokens : report.n_prompt_tokens) += slice.n_tokens;
  sequence.advance(slice.n_tokens);
  if (slice.wants_logits) report.events.push_back(sequence.take_next(logits));
}

void Engine::remove_finished() {
  std::erase_if(running_, [](const std::unique_ptr<Sequence>& sequence) { return sequence->is_finished(); });
}

Result<void> Engine::evaluate(std::span<const text::TokenId> tokens,
                              const std::function<bool(int64_t, std::span<const float>)>& on_logits) {
  if (has_work()) return make_error(ErrorCode::kUnavailable, "the engine is answering requests");
  if (static_cast<int64_t>(tokens.size()) > options_.context_tokens) {
    return make_error(ErrorCode::kResourceExhausted, "{} tokens do not fit the context of {}", tokens.size(),
                      options_.context_tokens);
  }
  for (const text::TokenId token : tokens) {
    if (token < 0 || token >= runner_->vocabulary_size()) {
      return make_error(ErrorCode::kInvalidArgument, "expected tokens from 0 to {}, found {}",
                        runner_->vocabulary_size() - 1, token);
    }
  }
  const int64_t n = static_cast<int64_t>(tokens.size());
  if (n == 0) return {};

  // A sequence of its own: it only lends blocks, and gives them back whatever happens.
  Request request;
  request.prompt.assign(tokens.begin(), tokens.end());
  Sequence sequence(next_id_++, std::move(request), options_.context_tokens, tokenizer_, blocks_);
  const int64_t chunk = std::min(runner_->max_step_tokens(), runner_->max_step_logits());
  const auto vocabulary = static_cast<size_t>(runner_->vocabulary_size());
  for (int64_t start = 0; start < n; start += chunk) {
    const int64_t count = std::min(chunk, n - start);
    HEARTH_CHECK(sequence.reserve(count));
    const StepSequence step{tokens.subspan(static_cast<size_t>(start), static_cast<size_t>(count)), start,
                            sequence.block_tables(), sequence.state_slot(), count};
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
