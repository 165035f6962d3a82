// One Generate of an engine, from the call to its end.
#pragma once

#include "server/wire/generation_pump.h"

namespace hearth::server::inference {

// Like wire::pump_generation; an answer that the engine broke off for reasons of its own is an error as well.
Task<wire::GenerationEnd> run_generation(EngineLease& lease, protocol::Generate generate,
                                         http::Responder& responder, wire::PumpSinks sinks);

}  // namespace hearth::server::inference
