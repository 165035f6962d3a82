// Tables of the client commands, as Ollama's users know them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::cli {

// Rows under a head, each column as wide as its widest text and four spaces from the next. What would steer a
// terminal is escaped.
std::string format_columns(const std::vector<std::vector<std::string>>& rows);

using WallClock = std::chrono::system_clock;
// RFC 3339, to the second: "2026-11-21T14:05:06.123Z", "...+01:00". Nothing for what is none.
std::optional<WallClock::time_point> parse_timestamp(std::string_view text);
// "3 minutes ago", "4 minutes from now", "Less than a second ago", "Forever" for what is a lifetime away.
std::string relative_time(WallClock::time_point time, WallClock::time_point now);

}  // namespace hearth::cli
