// Range headers of strangers.
#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "server/http/byte_range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto range = hearth::server::http::parse_range({reinterpret_cast<const char*>(data), size});
  if (!range) return 0;
  HEARTH_CHECK(range->first <= range->last && range->last <= hearth::server::http::RequestedRange::kNoEnd);
  const auto again = hearth::server::http::parse_range(fmt::format("bytes={}-{}", range->first, range->last));
  HEARTH_CHECK(again == range);
  return 0;
}
