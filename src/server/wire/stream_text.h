// Lines and events of the two ways in which answers are streamed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/wire/json_text.h"

namespace hearth::server::wire {

inline constexpr std::string_view kNdjson = "application/x-ndjson";
inline constexpr std::string_view kEventStream = "text/event-stream";
// Ollama's Go client gives up at a longer line.
inline constexpr size_t kMaxLineBytes = 8'000'000;
// Of text in one line, which JSON may write with six bytes for one.
inline constexpr size_t kMaxTextBytes = 1U << 20U;

// The object and a newline.
std::string ndjson_line(const Json& object);
// "data: {...}\n\n", with "event: name\n" before it where there is one.
std::string sse_event(const Json& object, std::string_view event = {});
// "data: [DONE]\n\n".
std::string sse_done();

// A text in parts of at most `max_bytes` (at least 4), none of which ends within a character. One, where it
// is short or empty.
std::vector<std::string_view> text_parts(std::string_view text, size_t max_bytes = kMaxTextBytes);

}  // namespace hearth::server::wire
