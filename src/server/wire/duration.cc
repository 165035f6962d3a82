#include "server/wire/duration.h"

#include <array>
#include <charconv>
#include <cmath>

namespace hearth::server::wire {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
// Those that are the beginning of another come after it.
constexpr std::array kUnits{Unit{"ns", 1e-9}, Unit{"us", 1e-6}, Unit{"\u00b5s", 1e-6}, Unit{"\u03bcs", 1e-6},
                            Unit{"ms", 1e-3}, Unit{"s", 1},     Unit{"m", 60},         Unit{"h", 3600}};
constexpr double kMaxSeconds = 9223372036.0;  // of 64 bits of nanoseconds

// Digits with at most one point, taken off the front.
std::optional<double> take_number(std::string_view& text) {
  const size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + end, number, std::chars_format::fixed);
  if (error != std::errc() || stop != text.data() + end) return std::nullopt;
  text.remove_prefix(end);
  return number;
}

std::optional<double> take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.seconds;
  }
  return std::nullopt;
}

std::optional<Seconds> within_range(double seconds) {
  if (!(std::abs(seconds) <= kMaxSeconds)) return std::nullopt;
  return Seconds(seconds);
}

}  // namespace

std::optional<Seconds> parse_go_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Seconds(0);
  if (text.empty()) return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const auto unit = number ? take_unit(text) : std::nullopt;
    if (!unit) return std::nullopt;
    seconds += *number * *unit;
  }
  return within_range(negative ? -seconds : seconds);
}

std::optional<Seconds> read_keep_alive(const Field& field) {
  constexpr std::string_view kExpected = R"(a number of seconds or a duration such as "5m" or "1h30m")";
  if (!field.present()) return std::nullopt;
  std::optional<Seconds> duration;
  if (field.json().is_number()) {
    const double seconds = field.json().get<double>();
    duration = seconds < 0 ? Seconds(-1) : within_range(seconds);
  } else if (field.json().is_string()) {
    const auto text = field.json().get<std::string>();
    duration = parse_go_duration(text);
    if (!duration) duration = parse_go_duration(text + "s");
  }
  if (!duration) field.expected(kExpected);
  return duration;
}

}  // namespace hearth::server::wire
