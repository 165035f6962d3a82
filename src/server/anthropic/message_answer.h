// A message as it grows, and the events of a stream that tell how.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/inference/tool_calls.h"
#include "server/wire/json_text.h"

namespace hearth::server::anthropic {

using MessageEvents = std::vector<wire::Json>;  // each with its type

// One block after the other: what is thought, what is said, what is called. Whoever reads the events to the
// end has the same message, but for a call that a limit broke off: it has no input, and so is no part of the
// message.
class MessageAnswer {
 public:
  explicit MessageAnswer(std::string model);

  // message_start, with how many tokens the prompt has, and a ping.
  void begin(const protocol::Accepted& accepted, MessageEvents& events);
  void append(const protocol::Delta& delta, MessageEvents& events);
  void finish(const protocol::Finished& finished, MessageEvents& events);

  // The message, whole after finish().
  const wire::Json& message() const noexcept { return message_; }

 private:
  void append_call(const protocol::ToolCallPart& part, MessageEvents& events);
  void open(protocol::Delta::Kind kind, wire::Json block, MessageEvents& events);
  void close(MessageEvents& events);
  void drop_broken_calls();
  bool is_thinking() const noexcept { return kind_ == protocol::Delta::THINKING; }
  bool is_calling() const noexcept { return kind_ == protocol::Delta::TOOL_CALL; }
  wire::Json& blocks() { return message_["content"]; }
  size_t index() const { return message_["content"].size() - 1; }

  wire::Json message_;
  inference::ToolCalls calls_{"toolu_"};
  bool is_open_ = false;
  protocol::Delta::Kind kind_ = protocol::Delta::CONTENT;  // of the open block
};

}  // namespace hearth::server::anthropic
