// The JSON files beside the weights: index and configurations.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace hearth::safetensors {

// kMalformed, with the byte, where `text` is not one JSON value in UTF-8, or an object has a key twice;
// kResourceExhausted where it is nested deeper than kMaxJsonDepth.
Result<nlohmann::json> parse_json(std::string_view text);

}  // namespace hearth::safetensors
