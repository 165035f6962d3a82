#include "worker/generations.h"

#include <algorithm>

#include "worker/generation_options.h"

namespace hearth::worker {
namespace {

constexpr uint32_t kMaxAnswers = 128;

int64_t nanoseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

protocol::Finished::Reason reason_of(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::kStop:
      return protocol::Finished::STOP;
    case engine::FinishReason::kLength:
      return protocol::Finished::LENGTH;
    case engine::FinishReason::kContext:
      return protocol::Finished::CONTEXT;
    case engine::FinishReason::kCancelled:
    case engine::FinishReason::kEmbedded:  // of no answer
    case engine::FinishReason::kFailed:    // fail() tells of it
      break;
  }
  return protocol::Finished::CANCELLED;
}

uint32_t n_answers_of(const protocol::Generate& call) {
  return std::max(call.n(), uint32_t{1});
}

protocol::TokenLogprob logprob_of(const engine::TokenLogprob& token) {
  protocol::TokenLogprob logprob;
  logprob.set_token(token.token);
  logprob.set_piece(token.bytes);
  logprob.set_logprob(token.logprob);
  return logprob;
}

protocol::Delta::Kind kind_of(text::ReasoningParser::Kind kind) {
  return kind == text::ReasoningParser::Kind::kThinking ? protocol::Delta::THINKING
                                                        : protocol::Delta::CONTENT;
}

}  // namespace

struct Generations::Answer {
  GenerateCall* call = nullptr;
  uint32_t index = 0;
  engine::RequestId request = 0;  // 0: not submitted yet
  bool is_finished = false;
  int64_t n_cached = 0;
  std::vector<text::TokenId> tokens;
  std::optional<text::ReasoningParser> reasoning;
  std::optional<CallDeltas> calls;                                           // where tools may be called
  text::ReasoningParser::Kind kind = text::ReasoningParser::Kind::kContent;  // of the last text
  int64_t n_thinking = 0;                                                    // tokens
  std::string stop;                                                          // that came
  // When the engine began with the prompt, and when the first token came.
  std::optional<Clock::time_point> started_at;
  std::optional<Clock::time_point> decoding_since;
};

struct Generations::GenerateCall {
  uint64_t id = 0;
  engine::Request request;  // of every answer, but for the seed
  bool is_accepted = false;
  uint32_t n_finished = 0;
  std::optional<CallRules> calls;
  std::vector<Answer> answers;  // as many from the start: others point to them
};

Generations::Generations(engine::Engine& engine, const GenerationLimits& limits, ReplySink send)
    : engine_(engine), limits_(limits), send_(std::move(send)) {}

Generations::~Generations() = default;

int64_t Generations::n_unfinished() const {
  int64_t n = 0;
  for (const auto& [id, call] : calls_) n += static_cast<int64_t>(call->answers.size() - call->n_finished);
  return n;
}

Result<void> Generations::check_room(const protocol::Generate& asked, size_t n_preparing) const {
  const uint32_t n_answers = n_answers_of(asked);
  if (n_answers > kMaxAnswers) {
    return make_error(ErrorCode::kInvalidArgument, "n: expected at most {} answers, found {}", kMaxAnswers,
                      n_answers);
  }
  const int64_t n_ahead = n_unfinished() + static_cast<int64_t>(n_preparing);
  if (limits_.max_waiting > 0 && n_ahead + n_answers > limits_.max_sequences + limits_.max_waiting) {
    return make_error(
        ErrorCode::kUnavailable,
        "the model is busy: it has {} requests, of which it advances {} at once; try again later", n_ahead,
        limits_.max_sequences);
  }
  return {};
}

Result<void> Generations::begin(uint64_t call_id, const protocol::Generate& asked, Prompt prompt,
                                std::shared_ptr<text::grammar::TokenGrammar> grammar) {
  HEARTH_TRY(check_room(asked, 0));
  const uint32_t n_answers = n_answers_of(asked);
  auto call = std::make_unique<GenerateCall>();
  call->id = call_id;
  HEARTH_ASSIGN(call->request, request_of(asked));
  call->request.prompt = std::move(prompt.tokens);
  call->request.visible_control_tokens = std::move(prompt.visible_control_tokens);
  call->request.grammar = std::move(grammar);
  call->request.adapter = std::move(prompt.adapter);
  call->calls = std::move(prompt.calls);
  call->answers.resize(n_answers);
  for (uint32_t i = 0; i < n_answers; ++i) {
    call->answers[i].call = call.get();
    call->answers[i].index = i;
    if (call->calls) call->answers[i].calls.emplace(*call->calls);
    if (!prompt.reasoning) continue;
    call->answers[i].reasoning.emplace(*prompt.reasoning, prompt.begins_thinking);
    if (prompt.begins_thinking) call->answers[i].kind = text::ReasoningParser::Kind::kThinking;
  }
  // The others follow once the prompt has been evaluated: then they find it in the cache.
  HEARTH_TRY(submit(*call, 0));
  calls_.emplace(call_id, std::move(call));
  return {};
}

Result<void> Generations::submit(GenerateCall& call, uint32_t index) {
  engine::Request request = call.request;
  if (request.sampling.seed >= 0) {
    // Wraps like an unsigned number, and stays one that is no "random".
    request.sampling.seed =
        static_cast<int64_t>((static_cast<uint64_t>(request.sampling.seed) + index) & INT64_MAX);
  }
  HEARTH_ASSIGN(const engine::RequestId id, engine_.submit(std::move(request)));
  call.answers[index].request = id;
  answers_.emplace(id, &call.answers[index]);
  return {};
}

bool Generations::cancel(uint64_t call_id) {
  const auto found = calls_.find(call_id);
  if (found == calls_.end()) return false;
  // finish() of the last one destroys the call.
  const size_t n = found->second->answers.size();
  for (size_t i = 0; i < n; ++i) {
    const auto call = calls_.find(call_id);
    if (call == calls_.end()) break;
    Answer& answer = call->second->answers[i];
    if (answer.is_finished) continue;
    engine_.cancel(answer.request);
    finish(answer, protocol::Finished::CANCELLED);
  }
  return true;
}

void Generations::cancel_prepared(uint64_t call_id, const protocol::Generate& call) {
  protocol::Reply reply;
  reply.set_id(call_id);
  reply.mutable_finished()->set_reason(protocol::Finished::CANCELLED);
  for (uint32_t i = 0; i < n_answers_of(call); ++i) {
    reply.mutable_finished()->set_answer(i);
    send_(reply);
  }
}

void Generations::take(const engine::StepReport& report, Clock::time_point began) {
  note_started(began);
  for (const engine::Event& event : report.events) take(event, began);
}

// Which requests the step began with. Of those that it also ended, take() hears.
void Generations::note_started(Clock::time_point step_began) {
  for (const auto& [id, answer] : answers_) {
    if (answer->started_at) continue;
    const auto status = engine_.status(id);
    if (!status || status->n_evaluated_tokens == 0) continue;  // it has ended, or waits
    start(*answer, step_began, status->n_cached_tokens);
  }
}

void Generations::start(Answer& answer, Clock::time_point at, int64_t n_cached) {
  answer.started_at = at;
  answer.n_cached = n_cached;
  if (std::exchange(answer.call->is_accepted, true)) return;
  protocol::Reply reply;
  reply.set_id(answer.call->id);
  reply.mutable_accepted()->set_n_prompt_tokens(static_cast<int64_t>(answer.call->request.prompt.size()));
  reply.mutable_accepted()->set_n_cached_tokens(n_cached);
  send_(reply);
}

void Generations::take(const engine::Event& event, Clock::time_point step_began) {
  const auto found = answers_.find(event.request);
  if (found == answers_.end()) return;
  Answer& answer = *found->second;
  if (!answer.started_at) start(answer, step_began, event.status.n_cached_tokens);
  if (event.failure) return fail(*answer.call, *event.failure);
  if (!answer.decoding_since) answer.decoding_since = Clock::now();
  if (event.token) answer.tokens.push_back(*event.token);
  answer.stop = event.stop;
  send_deltas(answer, event);
  GenerateCall& call = *answer.call;
  for (Answer& other : call.answers) {
    // What the engine took for the first answer it takes for the others.
    if (other.request == 0) HEARTH_CHECK(submit(call, other.index).has_value());
  }
  if (event.finish) finish(answer, reason_of(*event.finish));
}

// What comes of a piece of an answer: content may have calls of tools in it.
std::vector<protocol::Delta> Generations::deltas_of(Answer& answer, text::ReasoningParser::Piece piece) {
  if (answer.calls && piece.kind == text::ReasoningParser::Kind::kContent)
    return answer.calls->push(piece.text);
  std::vector<protocol::Delta> deltas(1);
  deltas.front().set_kind(kind_of(piece.kind));
  deltas.front().set_text(std::move(piece.text));
  return deltas;
}

// A token's probability goes with the first text after it, or by itself where there is none yet: a token may
// be a part of a character, of a mark, or of what may become a stop string.
void Generations::send_deltas(Answer& answer, const engine::Event& event) {
  using Piece = text::ReasoningParser::Piece;
  std::vector<Piece> pieces;
  if (answer.reasoning) {
    pieces = answer.reasoning->push(event.text);
    if (event.finish) {
      for (Piece& piece : answer.reasoning->finish()) pieces.push_back(std::move(piece));
    }
  } else if (!event.text.empty()) {
    pieces.push_back({text::ReasoningParser::Kind::kContent, event.text});
  }
  // A token without a text of its own, such as a part of a mark, is of the kind of what came before.
  if (!pieces.empty()) answer.kind = pieces.back().kind;
  if (event.token && answer.kind == text::ReasoningParser::Kind::kThinking) ++answer.n_thinking;
  std::vector<protocol::Delta> deltas;
  for (Piece& piece : pieces) {
    for (protocol::Delta& delta : deltas_of(answer, std::move(piece))) deltas.push_back(std::move(delta));
  }
  if (answer.calls && event.finish) {
    for (protocol::Delta& delta : answer.calls->finish()) deltas.push_back(std::move(delta));
  }
  if (deltas.empty() && event.logprobs) deltas.emplace_back().set_kind(kind_of(answer.kind));
  if (event.logprobs) {
    protocol::TokenLogprob& chosen = *deltas.front().add_logprobs();
    chosen = logprob_of(event.logprobs->chosen);
    for (const engine::TokenLogprob& token : event.logprobs->top) *chosen.add_top() = logprob_of(token);
  }
  for (protocol::Delta& delta : deltas) send_delta(answer, std::move(delta));
}

void Generations::send_delta(const Answer& answer, protocol::Delta delta) {
  protocol::Reply reply;
  reply.set_id(answer.call->id);
  delta.set_answer(answer.index);
  *reply.mutable_delta() = std::move(delta);
  send_(reply);
}

void Generations::finish(Answer& answer, protocol::Finished::Reason reason) {
  GenerateCall& call = *answer.call;
  const Clock::time_point now = Clock::now();
  protocol::Reply reply;
  reply.set_id(call.id);
  protocol::Finished& finished = *reply.mutable_finished();
  finished.set_answer(answer.index);
  finished.set_reason(reason);
  finished.set_n_prompt_tokens(static_cast<int64_t>(call.request.prompt.size()));
  finished.set_n_cached_tokens(answer.n_cached);
  finished.set_n_generated_tokens(static_cast<int64_t>(answer.tokens.size()));
  if (answer.reasoning) finished.set_n_thinking_tokens(answer.n_thinking);
  if (answer.started_at)
    finished.set_prompt_ns(nanoseconds(answer.decoding_since.value_or(now) - *answer.started_at));
  if (answer.decoding_since) finished.set_decode_ns(nanoseconds(now - *answer.decoding_since));
  if (reason == protocol::Finished::STOP) finished.set_stop(answer.stop);
  for (const auto* tokens : {&call.request.prompt, &answer.tokens})
    finished.mutable_token_ids()->Add(tokens->begin(), tokens->end());
  send_(reply);

  answer.is_finished = true;
  answers_.erase(answer.request);
  if (++call.n_finished == call.answers.size()) calls_.erase(call.id);
}

// All answers of a call share what went wrong.
void Generations::fail(const GenerateCall& call, const Error& error) {
  for (const Answer& answer : call.answers) {
    if (answer.is_finished || answer.request == 0) continue;
    engine_.cancel(answer.request);
    answers_.erase(answer.request);
  }
  send_failure(send_, call.id, error);
  calls_.erase(call.id);
}

void Generations::fail_all(const Error& error) {
  for (const auto& [id, answer] : answers_) engine_.cancel(id);
  answers_.clear();
  for (const auto& [id, call] : std::exchange(calls_, {})) send_failure(send_, id, error);
}

}  // namespace hearth::worker
