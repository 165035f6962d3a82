// The objects that answers are made of.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/engine.pb.h"
#include "server/inference/tool_calls.h"
#include "server/models/model_service.h"
#include "server/ollama/generation_request.h"
#include "server/wire/json_text.h"

namespace hearth::server::ollama {

// When a request began, and how long its model took to load.
struct Timing {
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  Seconds load{0};

  int64_t total_ns() const;
  int64_t load_ns() const;
};

// A part of an answer, or all of it.
struct AnswerText {
  std::string content;
  std::string thinking;
  wire::Json tool_calls = wire::Json::array();
  wire::Json logprobs = wire::Json::array();

  bool empty() const { return content.empty() && thinking.empty() && tool_calls.empty() && logprobs.empty(); }
  // `calls`: of the answer, with what came of the last one.
  void append(const protocol::Delta& delta, inference::ToolCalls& calls);
};

// For the calls of an answer, with ids as Ollama has them.
inference::ToolCalls new_tool_calls();
// {"id", "function": {"index", "name", "arguments"}} of the last call, which is whole.
wire::Json call_record(const inference::ToolCalls& calls);

// The object of a part: `message` for /api/chat, `response` for /api/generate; not done.
wire::Json part_record(const GenerationRequest& request, const AnswerText& text);
// The last object: done, why, and the figures. `text` is what did not come in parts.
wire::Json final_record(const GenerationRequest& request, const AnswerText& text,
                        const protocol::Finished& finished, const Timing& timing);
// That a model was loaded or unloaded.
wire::Json load_record(const GenerationRequest& request, std::string_view done_reason);

// [{"token", "logprob", "bytes", "top_logprobs"}, ...] of a delta's tokens.
wire::Json logprobs_of(const protocol::Delta& delta);

// "details" of a model, as /api/tags, /api/ps and /api/show have them.
wire::Json details_of(const protocol::Opened& description);
// The same, as far as the store's config tells it.
wire::Json details_of(const store::ModelConfig& config);
wire::Json capabilities_of(const protocol::Opened& description);
// "8.0B", "7B", "134.52M".
std::string parameter_size(int64_t n_parameters);

}  // namespace hearth::server::ollama
