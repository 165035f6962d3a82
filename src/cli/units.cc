#include "cli/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>

namespace hearth::cli {
namespace {

template <size_t N>
std::string scaled(uint64_t number, const std::array<std::string_view, N>& units, int digits) {
  auto value = static_cast<double>(number);
  size_t unit = 0;
  // 999.95 would print as 1000.0: it belongs to the next unit.
  const double limit = 1000.0 - 0.5 * std::pow(10.0, -digits);
  for (; value >= limit && unit + 1 < N; ++unit) value /= 1000.0;
  if (unit == 0) return fmt::format("{}{}", number, units[0]);
  return fmt::format("{:.{}f}{}", value, digits, units[unit]);
}

}  // namespace

std::string format_bytes(uint64_t bytes) {
  return scaled(bytes, std::array<std::string_view, 6>{" B", " kB", " MB", " GB", " TB", " PB"}, 1);
}

std::string format_binary_bytes(uint64_t bytes) {
  constexpr uint64_t kMebibyte = 1024 * 1024;
  if (bytes >= kMebibyte && bytes % kMebibyte == 0) return fmt::format("{} MiB", bytes / kMebibyte);
  return fmt::format("{} KiB", bytes / 1024);
}

std::string format_count(uint64_t count) {
  return scaled(count, std::array<std::string_view, 5>{"", " K", " M", " B", " T"}, 2);
}

std::string format_seconds(double seconds) {
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000.0);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string format_rate(double per_second) {
  return fmt::format("{:.{}f} tokens/s", per_second, per_second < 100.0 ? 2 : 0);
}

std::string group_digits(uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

}  // namespace hearth::cli
