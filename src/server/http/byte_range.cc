#include "server/http/byte_range.h"

#include <charconv>

namespace hearth::server::http {
namespace {

bool take_number(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

std::optional<RequestedRange> parse_range(std::string_view header) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  header.remove_prefix(kUnit.size());
  RequestedRange range;
  if (!take_number(header, range.first) || !header.starts_with('-')) return std::nullopt;
  header.remove_prefix(1);
  if (!header.empty() && !take_number(header, range.last)) return std::nullopt;
  if (!header.empty() || range.last > RequestedRange::kNoEnd || range.last < range.first) return std::nullopt;
  return range;
}

}  // namespace hearth::server::http
