// Durations as Go writes them, which keep_alive is given in.
#pragma once

#include <optional>
#include <string_view>

#include "server/models/model_service.h"
#include "server/wire/json_body.h"

namespace hearth::server::wire {

// "300ms", "1.5h", "-1m", "2h45m30s", "0"; units ns, us, ms, s, m, h. Nothing for what is none, or does not
// fit in 64 bits of nanoseconds.
std::optional<Seconds> parse_go_duration(std::string_view text);

// A number of seconds or a Go duration; a text without a unit counts as seconds. Negative: for ever. Notes
// what is neither. Nothing where it is absent.
std::optional<Seconds> read_keep_alive(const Field& field);

}  // namespace hearth::server::wire
