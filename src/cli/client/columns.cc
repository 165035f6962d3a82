#include "cli/client/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "cli/terminal.h"

namespace hearth::cli {
namespace {

// The number of exactly the characters from `at` on.
std::optional<int> digits(std::string_view text, size_t at, size_t n) {
  if (at + n > text.size()) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(at, n)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

// "Z", "+01:00" or "-07:30" as seconds east of Greenwich.
std::optional<std::chrono::seconds> zone_of(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::seconds(0);
  const auto hours = digits(text, 1, 2);
  const auto minutes = digits(text, 4, 2);
  if (text.size() != 6 || !hours || !minutes || text[3] != ':') return std::nullopt;
  if (text[0] != '+' && text[0] != '-') return std::nullopt;
  const auto offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return text[0] == '-' ? -offset : offset;
}

struct Unit {
  double seconds;
  std::string_view name;
};
constexpr double kMinute = 60;
constexpr double kHour = 60 * kMinute;
constexpr double kDay = 24 * kHour;
constexpr double kYear = 365.25 * kDay;
constexpr std::array kUnits{Unit{kYear, "year"}, Unit{kYear / 12, "month"}, Unit{7 * kDay, "week"},
                            Unit{kDay, "day"},   Unit{kHour, "hour"},       Unit{kMinute, "minute"},
                            Unit{1, "second"}};

std::string format_span(double seconds) {
  for (const Unit& unit : kUnits) {
    // Two of a unit, before it is used: "90 minutes" says more than "1 hour".
    if (seconds < 2 * unit.seconds && unit.seconds > 1) continue;
    const auto count = static_cast<int64_t>(std::floor(seconds / unit.seconds));
    if (count >= 1) return fmt::format("{} {}{}", count, unit.name, count == 1 ? "" : "s");
  }
  return "Less than a second";
}

size_t width_of(std::string_view text) {
  // Of characters, not of bytes: continuation bytes take no room.
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string format_columns(const std::vector<std::vector<std::string>>& rows) {
  constexpr size_t kGap = 4;
  std::vector<std::vector<std::string>> cells;
  cells.reserve(rows.size());
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    std::vector<std::string>& escaped = cells.emplace_back();
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], width_of(escaped.emplace_back(escape_line(row[i]))));
  }
  std::string text;
  for (const auto& row : cells) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + kGap, ' ');
    }
    text += '\n';
  }
  return text;
}

std::optional<WallClock::time_point> parse_timestamp(std::string_view text) {
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  constexpr size_t kEndOfSeconds = 19;
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
  size_t zone = kEndOfSeconds;
  if (zone < text.size() && text[zone] == '.') zone = text.find_first_not_of("0123456789", zone + 1);
  const auto offset = zone_of(text.substr(std::min(zone, text.size())));
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  // In 64 bits of nanoseconds there are no further years.
  if (*year < 1678 || *year > 2261)
    return *year < 1678 ? WallClock::time_point::min() : WallClock::time_point::max();
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) - *offset;
}

std::string relative_time(WallClock::time_point time, WallClock::time_point now) {
  constexpr double kLifetime = 100 * kYear;
  const auto seconds_of = [](WallClock::time_point t) {
    return std::chrono::duration<double>(t.time_since_epoch()).count();
  };
  const double seconds = seconds_of(time) - seconds_of(now);
  if (seconds > kLifetime) return "Forever";
  if (seconds < -kLifetime) return "Never";
  return format_span(std::abs(seconds)) + (seconds > 0 ? " from now" : " ago");
}

}  // namespace hearth::cli
