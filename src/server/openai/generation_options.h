// What chat completions, completions and responses are asked for in the same words.
#pragma once

#include <optional>

#include "protocol/engine.pb.h"
#include "server/inference/tools.h"
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

// Refuses what is asked for and cannot be done: whatever of `unsupported` is there at all.
void refuse(const wire::Field& root, std::initializer_list<std::string_view> unsupported);

// An output format: {"type": "text"}, "json_object" or "json_schema", whose name, schema, ... stand in
// `schema`.
void read_format(const wire::Field& format, const wire::Field& schema, protocol::Generate& generate);

// tool_choice and parallel_tool_calls. Nothing: no tool may be called, and the model need not know of any.
// `named`: the member of a tool_choice of type "function" that has the tool's name.
std::optional<protocol::ToolUse> read_tool_choice(const wire::Field& root, const inference::Tools& tools,
                                                  std::string_view named);

}  // namespace hearth::server::openai
