// The Range header of a request.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hearth::server::http {

// Bytes first .. last of something, both included. Without an end, `last` is the largest that fits.
struct RequestedRange {
  static constexpr uint64_t kNoEnd = UINT64_MAX - 1;  // so that last + 1 is a number
  uint64_t first = 0;
  uint64_t last = kNoEnd;
  friend bool operator==(const RequestedRange&, const RequestedRange&) = default;
};

// "bytes=FIRST-LAST" and "bytes=FIRST-" (RFC 9110, section 14.1.2). Nothing for all else, also for what is
// valid and not served here: several ranges, and the last so many bytes.
std::optional<RequestedRange> parse_range(std::string_view header);

}  // namespace hearth::server::http
