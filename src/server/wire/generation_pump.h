// Runs one generation of an engine to its end.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "server/async/task.h"
#include "server/http/responder.h"
#include "server/models/model_service.h"
#include "server/wire/api_error.h"

namespace hearth::server::wire {

// How a generation ended. `error` is empty where every answer was finished, or the client went away.
struct GenerationEnd {
  std::vector<protocol::Finished> answers;  // in the order in which they ended
  protocol::Accepted accepted;              // how long the prompt was; zeros where it was not taken
  std::optional<ApiError> error;
  bool client_gone = false;

  // The sum over all answers.
  int64_t n_generated_tokens() const;
};

// False: the client has gone, and nothing more need come.
using DeltaSink = std::function<Task<bool>(const protocol::Delta& delta)>;
using AcceptedSink = std::function<Task<bool>(const protocol::Accepted& accepted)>;

struct PumpSinks {
  DeltaSink on_delta;
  AcceptedSink on_accepted;  // may be empty
};

// Gives `call`, which was made for a Generate of `n_answers` answers, to the sinks as it comes. Cancels it as
// soon as the client of `responder` goes away or a sink says so, and still returns only at its end. Takes the
// responder's on_disconnect meanwhile. A call that ends without all its answers is an error.
Task<GenerationEnd> pump_generation(EngineCall& call, http::Responder& responder, PumpSinks sinks,
                                    size_t n_answers = 1);

// The last reply of a call that has only one: of Embed, Tokenize, Render, ... Cancels it when the client goes
// away. ApiError for a failure; 499 where the client has gone.
Task<ApiResult<protocol::Reply>> only_reply(EngineCall& call, http::Responder& responder);

}  // namespace hearth::server::wire
