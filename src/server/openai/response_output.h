// The output of a response as it grows, and the events of a stream that tell how.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/inference/tool_calls.h"
#include "server/wire/json_text.h"

namespace hearth::server::openai {

// Each with its type, and without its sequence_number, which only a stream has.
using ResponseEvents = std::vector<wire::Json>;

// One item after the other: what is thought, what is said, what is called. Whoever reads the events to the
// end has the same items.
class ResponseOutput {
 public:
  explicit ResponseOutput(bool logprobs) : logprobs_(logprobs) {}

  void append(const protocol::Delta& delta, ResponseEvents& events);
  // Nothing comes after this. `status`: of the last item, "completed" or "incomplete".
  void finish(std::string_view status, ResponseEvents& events);

  const wire::Json& items() const noexcept { return items_; }

 private:
  void append_call(const protocol::ToolCallPart& part, ResponseEvents& events);
  void open(protocol::Delta::Kind kind, ResponseEvents& events);
  void close(std::string_view status, ResponseEvents& events);
  void close_call(std::string_view status, ResponseEvents& events);
  bool is_thinking() const noexcept { return kind_ == protocol::Delta::THINKING; }
  wire::Json& part() { return items_.back()["content"][0]; }
  // {type, item_id, output_index}, and content_index
  wire::Json last_item_event(std::string_view type) const;
  wire::Json part_event(std::string_view type) const;
  wire::Json item_event(std::string_view type) const;

  bool logprobs_;
  wire::Json items_ = wire::Json::array();
  inference::ToolCalls calls_{"call_"};
  bool is_open_ = false;
  protocol::Delta::Kind kind_ = protocol::Delta::CONTENT;  // of the open item
};

}  // namespace hearth::server::openai
