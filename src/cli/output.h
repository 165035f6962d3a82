// Results on stdout.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::cli {

// Writes all of `text` at once, so that a reader of a pipe sees it now. kIo where that fails; kCancelled at
// Ctrl-C.
Result<void> write_output(std::string_view text);
// The one object of --json, indented, with a newline. Bytes that are no UTF-8 become U+FFFD.
Result<void> write_json(const nlohmann::ordered_json& object);

// Everything that stdin has. kCancelled at Ctrl-C.
Result<std::string> read_standard_input();
// A whole file. kNotFound, kIo.
Result<std::string> read_text_file(const std::string& path);

}  // namespace hearth::cli
