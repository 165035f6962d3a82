#include "server/inference/tool_calls.h"

#include <algorithm>

#include "server/inference/random_id.h"

namespace hearth::server::inference {

using wire::Field;
using wire::Json;

Json read_arguments(const Field& arguments) {
  if (!arguments.present()) return Json::object();
  if (arguments.json().is_object()) return arguments.json();
  if (arguments.json().is_string()) {
    const auto& text = arguments.json().get_ref<const std::string&>();
    if (text.empty()) return Json::object();
    auto parsed = wire::parse_json(text);
    if (parsed && parsed->is_object()) return std::move(*parsed);
  }
  arguments.expected("a JSON object, or the text of one");
  return Json::object();
}

Json arguments_object(std::string_view arguments) {
  auto parsed = wire::parse_json(arguments);
  return parsed && parsed->is_object() ? std::move(*parsed) : Json::object();
}

bool ToolCalls::append(const protocol::ToolCallPart& part) {
  const bool begins = calls_.empty() || part.index() != last_index_;
  if (begins) {
    std::string id = random_id(id_prefix_);
    id.resize(std::min(id.size(), id_prefix_.size() + id_length_));
    calls_.push_back({.id = std::move(id), .name = part.name(), .arguments = {}});
    last_index_ = part.index();
  }
  calls_.back().arguments += part.arguments();
  calls_.back().is_whole = part.is_whole();
  return begins;
}

}  // namespace hearth::server::inference
