// Messages of an API as the conversation that an engine's chat template renders.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "server/wire/json_body.h"

namespace hearth::server::inference {

// What is said within one message, in parts.
void append_part(std::string& text, std::string_view part);

// A message's `content`: a text, or a list of parts of which each has one of `text_types` as its type and a
// `text`. Other parts (images, files, sounds) are noted as not supported, with the part's path.
std::string read_text_content(const wire::Field& content, std::initializer_list<std::string_view> text_types);

class Conversation {
 public:
  // Of which roles messages that follow one another become one message. Templates refuse a second system
  // message, and many of them two turns of the same speaker.
  enum class Merging { kSystem, kAllRoles };

  explicit Conversation(Merging merging = Merging::kSystem) : merging_(merging) {}

  // `reasoning` is what the assistant thought before it spoke; the template decides what becomes of it.
  void add(std::string_view role, std::string_view content, std::string_view reasoning = {});
  // A call of a tool with its `arguments`, an object: a part of what the assistant said last.
  void add_tool_call(const std::string& id, const std::string& name, wire::Json arguments);
  // What the call gave. Results are never merged. `name` of the tool: empty, where it is the call's.
  void add_tool_result(const std::string& call_id, std::string_view content, std::string name = {});
  // That the model is told of, in the form of tools.h.
  void set_tools(wire::Json tools) { tools_ = std::move(tools); }

  bool empty() const noexcept { return messages_.empty(); }
  // Protocol's conversation_json.
  std::string json() const;

 private:
  wire::Json messages_ = wire::Json::array();
  wire::Json tools_ = wire::Json::array();
  std::map<std::string, std::string> called_;  // the name of the tool, by the id of its call
  Merging merging_;
};

}  // namespace hearth::server::inference
