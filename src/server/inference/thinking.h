// How hard a model should think, in the words of the APIs.
#pragma once

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::inference {

// "none", "minimal", "low", "medium", "high", "xhigh" and "max". Chat templates know low, medium and high:
// what is beyond becomes the nearest. Nothing where the field is absent.
std::optional<protocol::Think> read_effort(const wire::Field& effort);

// 400 where thinking is asked of a model that cannot. `field`: what asked for it.
wire::ApiResult<void> check_thinking(const std::string& model, const protocol::Opened& description,
                                     const protocol::Generate& generate, std::string_view field);

}  // namespace hearth::server::inference
