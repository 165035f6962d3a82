#include "text/grammar/control_text.h"

namespace hearth::text::grammar {

std::string control_token_bytes(std::string_view name) {
  std::string bytes = "\xFF";
  bytes += name;
  bytes += '\xFE';
  return bytes;
}

std::string mark_bytes(std::string_view mark, std::span<const std::string> control_names) {
  std::string bytes;
  while (!mark.empty()) {
    std::string_view longest;
    for (const std::string_view name : control_names) {
      if (name.size() > longest.size() && mark.starts_with(name)) longest = name;
    }
    if (longest.empty()) {
      bytes += mark.front();
      mark.remove_prefix(1);
    } else {
      bytes += control_token_bytes(longest);
      mark.remove_prefix(longest.size());
    }
  }
  return bytes;
}

}  // namespace hearth::text::grammar
