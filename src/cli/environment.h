#pragma once

#include <cstdlib>
#include <string>

namespace hearth::cli {

// The value of a variable of this process' environment; empty also where it is not set.
inline std::string environment_value(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return value == nullptr ? "" : value;
}

}  // namespace hearth::cli
