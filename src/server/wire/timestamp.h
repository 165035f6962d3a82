// Times as the APIs write them.
#pragma once

#include <string>

#include "server/models/model_service.h"

namespace hearth::server::wire {

// "2026-11-21T14:05:06.123456789Z".
std::string utc_timestamp(WallTime time);
// Seconds since 1970.
int64_t unix_seconds(WallTime time);

}  // namespace hearth::server::wire
