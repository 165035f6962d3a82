#include "text/tokenizer/space_marker.h"

#include <algorithm>

namespace hearth::text {

std::string spaces_for_markers(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t marker = std::min(text.find(kMarkedSpace, at), text.size());
    out.append(text.substr(at, marker - at));
    if (marker < text.size()) out.push_back(' ');
    at = marker + kMarkedSpace.size();
  }
  return out;
}

}  // namespace hearth::text
