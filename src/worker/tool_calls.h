// Calls of tools in an answer: from the text that the model writes to the parts that the protocol has.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/engine.pb.h"
#include "text/tokenizer/tokenizer.h"
#include "text/tools/tool_calls.h"

namespace hearth::worker {

// Which calls an answer may have, and how they are written.
struct CallRules {
  std::shared_ptr<const text::ToolFormat> format;
  std::vector<text::Tool> tools;  // of the conversation
  text::ToolUse use;
};

// Whether a model with this chat template can be given tools: the template puts them before it, and how it
// writes calls is known.
bool takes_tools(std::string_view template_source);

// Of a call with tool_use, for a model with this chat template. kUnsupported where the template says nothing
// of tools, or where it writes calls in a way that is not known here; kInvalidArgument for what is wrong with
// the tools.
Result<CallRules> call_rules_of(const protocol::Generate& call, std::string_view template_source);

// Adds to `visible`, the control tokens that leave their names in the answer, those that the format's marks
// consist of.
void add_visible_marks(const text::ToolFormat& format, const text::Tokenizer& tokenizer,
                       std::vector<text::TokenId>& visible);

// Divides what one answer says, as it streams, into deltas of kind CONTENT and TOOL_CALL; their `answer` and
// logprobs are left to the caller. Not thread-safe.
class CallDeltas {
 public:
  // Rules must outlive this.
  explicit CallDeltas(const CallRules& rules) : parser_(rules.format->parser(rules.tools)) {}

  std::vector<protocol::Delta> push(std::string_view content);
  std::vector<protocol::Delta> finish();

 private:
  std::vector<protocol::Delta> deltas_of(std::vector<text::AnswerPart> parts);

  std::unique_ptr<text::ToolCallParser> parser_;
  uint32_t n_calls_ = 0;  // that have begun
};

}  // namespace hearth::worker
