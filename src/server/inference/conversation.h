// Messages of an API as the conversation that an engine's chat template renders.
#pragma once

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

  bool empty() const noexcept { return messages_.empty(); }
  // Protocol's conversation_json.
  std::string json() const;

 private:
  wire::Json messages_ = wire::Json::array();
  Merging merging_;
};

}  // namespace hearth::server::inference
