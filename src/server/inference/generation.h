// Calls of an engine, from the call to its end. Errors name the model and never its path, which is nobody's
// business.
#pragma once

#include "server/wire/generation_pump.h"

namespace hearth::server::inference {

// Like wire::pump_generation; an answer that the engine broke off for reasons of its own is an error as well.
Task<wire::GenerationEnd> run_generation(EngineLease& lease, protocol::Generate generate,
                                         http::Responder& responder, wire::PumpSinks sinks);

// The one reply of an Embed, Tokenize, Detokenize or Render; as wire::only_reply.
Task<wire::ApiResult<protocol::Reply>> ask_engine(EngineLease& lease, protocol::Call message,
                                                  http::Responder& responder);

}  // namespace hearth::server::inference
