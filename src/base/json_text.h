// JSON from outside: what files that stand beside weights, and manifests, are written in.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace hearth {

constexpr size_t kMaxJsonDepth = 64;

// kMalformed, with the byte, where `text` is not one JSON value in UTF-8, or an object has a key twice;
// kResourceExhausted where it is nested deeper than kMaxJsonDepth.
Result<nlohmann::json> parse_json(std::string_view text);

}  // namespace hearth
