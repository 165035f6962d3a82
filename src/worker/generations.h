// The Generate calls of an engine process: their requests to the engine, and what becomes of its events.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "protocol/engine.pb.h"
#include "worker/prompt.h"
#include "worker/reply_sink.h"

namespace hearth::worker {

struct GenerationLimits {
  int64_t max_sequences = 1;  // that the engine advances at once
  int64_t max_waiting = 0;    // answers that may wait besides; 0: no limit
};

// Not thread-safe.
class Generations {
 public:
  // The engine must outlive this.
  Generations(engine::Engine& engine, const GenerationLimits& limits, ReplySink send);
  ~Generations();
  Generations(const Generations&) = delete;
  Generations& operator=(const Generations&) = delete;

  // kInvalidArgument where a call asks for too many answers; kUnavailable where too many wait already,
  // besides `n_preparing` that have not begun.
  Result<void> check_room(const protocol::Generate& call, size_t n_preparing) const;
  // Errors: those of check_room() and of the engine for the request.
  // `grammar`: of the answers; null where they are free.
  Result<void> begin(uint64_t call_id, const protocol::Generate& call, Prompt prompt,
                     std::shared_ptr<text::grammar::TokenGrammar> grammar = nullptr);
  // Ends all answers of the call that are not finished. False: there is no such call.
  bool cancel(uint64_t call_id);
  // The same replies for a call that never began.
  void cancel_prepared(uint64_t call_id, const protocol::Generate& call);

  using Clock = std::chrono::steady_clock;
  // The replies that come of a step of the engine, which began at `began`.
  void take(const engine::StepReport& report, Clock::time_point began);
  // The step failed, and with it all calls.
  void fail_all(const Error& error);

 private:
  struct Answer;
  struct GenerateCall;

  Result<void> submit(GenerateCall& call, uint32_t index);
  int64_t n_unfinished() const;
  void note_started(Clock::time_point step_began);
  void start(Answer& answer, Clock::time_point at, int64_t n_cached);
  void take(const engine::Event& event, Clock::time_point step_began);
  static std::vector<protocol::Delta> deltas_of(Answer& answer, text::ReasoningParser::Piece piece);
  void send_deltas(Answer& answer, const engine::Event& event);
  void send_delta(const Answer& answer, protocol::Delta delta);
  void finish(Answer& answer, protocol::Finished::Reason reason);
  void fail(const GenerateCall& call, const Error& error);

  engine::Engine& engine_;
  const GenerationLimits limits_;
  const ReplySink send_;
  std::map<uint64_t, std::unique_ptr<GenerateCall>> calls_;
  std::unordered_map<engine::RequestId, Answer*> answers_;  // that the engine works on
};

}  // namespace hearth::worker
