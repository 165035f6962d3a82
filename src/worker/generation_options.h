// What a Generate call asks, in the engine's terms.
#pragma once

#include "base/result.h"
#include "engine/request.h"
#include "protocol/engine.pb.h"

namespace hearth::worker {

// What is absent has its default. kInvalidArgument for an unknown stage; ranges are the engine's to check.
Result<sampling::SamplingOptions> sampling_options_of(const protocol::Sampling& sampling);

// A call's request, but for its prompt and what its thinking needs. kInvalidArgument for what is out of
// range; the rest is the engine's to check.
Result<engine::Request> request_of(const protocol::Generate& call);

}  // namespace hearth::worker
