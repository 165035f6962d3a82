// JSON of strangers to values: bounded in depth and number, so that neither stack nor memory depends on it.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "server/wire/api_error.h"

namespace hearth::server::wire {

// Objects keep the order of their keys, which templates show to models.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  size_t depth = 128;         // containers within one another
  size_t values = 1U << 21U;  // in all: some 16 to 100 bytes each
};

// One JSON text. A key that stands twice keeps its first place and its last value. Strings are valid UTF-8.
// The error (400) says where; it quotes nothing.
ApiResult<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// A value as messages show it: "x" in quotes and cut where it is long, 12, true, null, a list, an object.
std::string describe(const Json& value);

// On one line. Bytes that are no UTF-8 become U+FFFD.
std::string dump_json(const Json& value);

}  // namespace hearth::server::wire
