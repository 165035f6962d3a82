// What chat completions, completions and responses are asked for in the same words.
#pragma once

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::openai {

inline constexpr int64_t kMaxAnswers = 128;
inline constexpr int64_t kMaxTopLogprobs = 20;

// The options of the sampling, with OpenAI's defaults: temperature and top_p 1, and biases from -100 to 100.
void read_sampling(const wire::Field& root, protocol::Generate& generate);

// Also stop and n.
void read_generation_options(const wire::Field& root, protocol::Generate& generate);

// A limit of tokens: 1 or more, or -1 for none.
void read_max_tokens(const wire::Field& field, protocol::Generate& generate);

struct StreamOptions {
  bool stream = false;
  bool include_usage = false;
};
StreamOptions read_stream_options(const wire::Field& root);

// Fields that are understood and change nothing, so that it would be wrong to pass over a wrong type.
void read_ignored(const wire::Field& root);

// Refuses what is asked for and cannot be done: tools that are no empty list, tool_choice that is not "none"
// or "auto", and whatever of `unsupported` is there at all.
void refuse_tools(const wire::Field& root);
void refuse(const wire::Field& root, std::initializer_list<std::string_view> unsupported);

// An output format ({"type": "text"}, ...), of which only text is there yet.
void refuse_formats(const wire::Field& format);

}  // namespace hearth::server::openai
