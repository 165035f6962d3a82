#include "server/wire/stream_text.h"

#include "base/utf8.h"

namespace hearth::server::wire {

std::string ndjson_line(const Json& object) {
  return dump_json(object) + '\n';
}

std::string sse_event(const Json& object, std::string_view event) {
  std::string text = event.empty() ? "" : fmt::format("event: {}\n", event);
  return text + "data: " + dump_json(object) + "\n\n";
}

std::string sse_done() {
  return "data: [DONE]\n\n";
}

std::vector<std::string_view> text_parts(std::string_view text, size_t max_bytes) {
  std::vector<std::string_view> parts;
  while (text.size() > max_bytes) {
    const size_t whole = complete_utf8_prefix(text.substr(0, max_bytes));
    parts.push_back(text.substr(0, whole == 0 ? max_bytes : whole));
    text.remove_prefix(parts.back().size());
  }
  if (!text.empty() || parts.empty()) parts.push_back(text);
  return parts;
}

}  // namespace hearth::server::wire
