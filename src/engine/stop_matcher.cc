#include "engine/stop_matcher.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace hearth::engine {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, std::string());
}

StopMatcher::Output StopMatcher::push(const std::string& text) {
  held_ += text;
  size_t first = std::string::npos;
  const std::string* found = nullptr;
  for (const std::string& stop : stops_) {
    const size_t at = held_.find(stop);
    if (at == std::string::npos || at > first) continue;
    if (at == first && stop.size() <= found->size()) continue;
    first = at;
    found = &stop;
  }
  if (found != nullptr) {
    Output output{held_.substr(0, first), true, *found};
    held_.clear();
    return output;
  }
  // The longest end of the text that begins a stop string stays.
  size_t keep = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) keep = n;
    }
  }
  Output output{held_.substr(0, held_.size() - keep), false, {}};
  held_.erase(0, held_.size() - keep);
  return output;
}

std::string StopMatcher::finish() {
  return std::exchange(held_, {});
}

}  // namespace hearth::engine
