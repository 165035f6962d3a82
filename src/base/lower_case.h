// Of names whose case means nothing: ASCII's letters, as HTTP (RFC 9110) and its relatives have it; all other
// bytes stay.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hearth {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

}  // namespace hearth
