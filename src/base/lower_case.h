// Names of HTTP's, whose case means nothing (RFC 9110): ASCII.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hearth::store::registry {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace hearth::store::registry
