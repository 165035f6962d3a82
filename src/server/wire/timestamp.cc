#include "server/wire/timestamp.h"

#include <fmt/format.h>

namespace hearth::server::wire {

std::string utc_timestamp(WallTime time) {
  // The calendar of chrono needs no locale, no time zone and no static buffer.
  using std::chrono::floor;
  const auto since_epoch = time.time_since_epoch();
  const auto days = floor<std::chrono::days>(since_epoch);
  const std::chrono::year_month_day date{std::chrono::sys_days(days)};
  const auto seconds = floor<std::chrono::seconds>(since_epoch - days);
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - days - seconds).count();
  const auto of_day = seconds.count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), of_day / 3600,
                     of_day / 60 % 60, of_day % 60, nanoseconds);
}

int64_t unix_seconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace hearth::server::wire
