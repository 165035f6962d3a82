#include "server/openai/response_output.h"

#include "server/inference/random_id.h"
#include "server/openai/tokens.h"

namespace hearth::server::openai {
namespace {

using wire::Json;

Json empty_item(bool is_thinking) {
  if (is_thinking) {
    return {{"id", inference::random_id("rs_")},
            {"type", "reasoning"},
            {"summary", Json::array()},
            {"content", Json::array()},
            {"status", "in_progress"}};
  }
  return {{"id", inference::random_id("msg_")},
          {"type", "message"},
          {"status", "in_progress"},
          {"role", "assistant"},
          {"content", Json::array()}};
}

Json empty_part(bool is_thinking) {
  if (is_thinking) return {{"type", "reasoning_text"}, {"text", ""}};
  return {{"type", "output_text"}, {"text", ""}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
}

}  // namespace

Json ResponseOutput::last_item_event(std::string_view type) const {
  return {{"type", type}, {"item_id", items_.back()["id"]}, {"output_index", items_.size() - 1}};
}

Json ResponseOutput::part_event(std::string_view type) const {
  Json event = last_item_event(type);
  event["content_index"] = 0;
  return event;
}

Json ResponseOutput::item_event(std::string_view type) const {
  return {{"type", type}, {"output_index", items_.size() - 1}, {"item", items_.back()}};
}

void ResponseOutput::open(protocol::Delta::Kind kind, ResponseEvents& events) {
  is_open_ = true;
  kind_ = kind;
  items_.push_back(empty_item(is_thinking()));
  events.push_back(item_event("response.output_item.added"));
  items_.back()["content"].push_back(empty_part(is_thinking()));
  Json event = part_event("response.content_part.added");
  event["part"] = part();
  events.push_back(std::move(event));
}

void ResponseOutput::append_call(const protocol::ToolCallPart& part, ResponseEvents& events) {
  if (calls_.append(part)) {
    if (is_open_) close("completed", events);
    is_open_ = true;
    kind_ = protocol::Delta::TOOL_CALL;
    items_.push_back({{"id", inference::random_id("fc_")},
                      {"type", "function_call"},
                      {"status", "in_progress"},
                      {"call_id", calls_.back().id},
                      {"name", calls_.back().name},
                      {"arguments", ""}});
    events.push_back(item_event("response.output_item.added"));
  }
  if (!is_open_ || kind_ != protocol::Delta::TOOL_CALL) return;
  if (!part.arguments().empty()) {
    items_.back()["arguments"].get_ref<std::string&>() += part.arguments();
    Json event = last_item_event("response.function_call_arguments.delta");
    event["delta"] = part.arguments();
    events.push_back(std::move(event));
  }
  if (part.is_whole()) close("completed", events);
}

void ResponseOutput::append(const protocol::Delta& delta, ResponseEvents& events) {
  if (delta.kind() == protocol::Delta::TOOL_CALL) return append_call(delta.tool_call(), events);
  const bool has_logprobs =
      logprobs_ && delta.kind() == protocol::Delta::CONTENT && !delta.logprobs().empty();
  if (delta.text().empty() && !has_logprobs) return;
  if (is_open_ && kind_ != delta.kind()) close("completed", events);
  if (!is_open_) open(delta.kind(), events);
  part()["text"].get_ref<std::string&>() += delta.text();
  Json event = part_event(is_thinking() ? "response.reasoning_text.delta" : "response.output_text.delta");
  event["delta"] = delta.text();
  if (!is_thinking()) {
    event["logprobs"] = Json::array();
    if (has_logprobs) {
      append_logprobs(event["logprobs"], delta.logprobs());
      append_logprobs(part()["logprobs"], delta.logprobs());
    }
  }
  events.push_back(std::move(event));
}

void ResponseOutput::close_call(std::string_view status, ResponseEvents& events) {
  Json done = last_item_event("response.function_call_arguments.done");
  done["name"] = items_.back()["name"];
  done["arguments"] = items_.back()["arguments"];
  events.push_back(std::move(done));
  items_.back()["status"] = calls_.back().is_whole ? status : "incomplete";
  events.push_back(item_event("response.output_item.done"));
}

void ResponseOutput::close(std::string_view status, ResponseEvents& events) {
  is_open_ = false;
  if (kind_ == protocol::Delta::TOOL_CALL) return close_call(status, events);
  Json text_done = part_event(is_thinking() ? "response.reasoning_text.done" : "response.output_text.done");
  text_done["text"] = part()["text"];
  if (!is_thinking()) text_done["logprobs"] = part()["logprobs"];
  events.push_back(std::move(text_done));
  Json part_done = part_event("response.content_part.done");
  part_done["part"] = part();
  events.push_back(std::move(part_done));
  items_.back()["status"] = status;
  events.push_back(item_event("response.output_item.done"));
}

void ResponseOutput::finish(std::string_view status, ResponseEvents& events) {
  // An answer of nothing is a message as well: clients look for one.
  if (items_.empty() || (is_thinking() && status == "completed")) {
    if (is_open_) close(status, events);
    open(protocol::Delta::CONTENT, events);
  }
  if (is_open_) close(status, events);
}

}  // namespace hearth::server::openai
