// Calls of tools: in the messages that a request brings along, and in the answer as it comes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::inference {

// The arguments of a call in a message: an object, or the text of one, which is how OpenAI's API has them. An
// empty text stands for no arguments. Others are noted.
wire::Json read_arguments(const wire::Field& arguments);

struct ToolCall {
  std::string id;         // by which its result will name it
  std::string name;       // of the tool
  std::string arguments;  // JSON text, as far as it has come
  bool is_whole = false;  // it has all of its arguments
};

// The object that a call's arguments are the text of; an empty one where they are none.
wire::Json arguments_object(std::string_view arguments);

// The calls of one answer, put together of their parts.
class ToolCalls {
 public:
  // `id_prefix`: what ids begin with ("call_"); `id_length`: of what follows.
  explicit ToolCalls(std::string_view id_prefix, size_t id_length = kIdLength)
      : id_prefix_(id_prefix), id_length_(id_length) {}

  // Whether it begins a call: the call is the last one then, and so it is until the next.
  bool append(const protocol::ToolCallPart& part);

  bool empty() const noexcept { return calls_.empty(); }
  size_t size() const noexcept { return calls_.size(); }
  const ToolCall& back() const { return calls_.back(); }
  const std::vector<ToolCall>& all() const noexcept { return calls_; }

 private:
  static constexpr size_t kIdLength = 24;

  std::string id_prefix_;
  size_t id_length_;
  std::vector<ToolCall> calls_;
  uint32_t last_index_ = 0;
};

}  // namespace hearth::server::inference
