#include "server/anthropic/message_answer.h"

#include "server/inference/random_id.h"

namespace hearth::server::anthropic {
namespace {

using wire::Json;

// Thoughts come with a signature, by which Anthropic's servers know their own. Nothing is signed here, and
// none is looked at.
constexpr std::string_view kSignature = "unsigned";

Json usage_of(int64_t n_prompt, int64_t n_cached, int64_t n_generated) {
  return {{"input_tokens", n_prompt - n_cached},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", n_cached},
          {"output_tokens", n_generated}};
}

std::string_view stop_reason(const protocol::Finished& finished, bool has_calls) {
  switch (finished.reason()) {
    case protocol::Finished::LENGTH:
      return "max_tokens";
    case protocol::Finished::CONTEXT:
      return "model_context_window_exceeded";
    default:
      if (!finished.stop().empty()) return "stop_sequence";
      return has_calls ? "tool_use" : "end_turn";
  }
}

}  // namespace

MessageAnswer::MessageAnswer(std::string model)
    : message_({{"id", inference::random_id("msg_")},
                {"type", "message"},
                {"role", "assistant"},
                {"model", std::move(model)},
                {"content", Json::array()},
                {"stop_reason", nullptr},
                {"stop_sequence", nullptr},
                {"usage", usage_of(0, 0, 0)}}) {}

void MessageAnswer::begin(const protocol::Accepted& accepted, MessageEvents& events) {
  message_["usage"] = usage_of(accepted.n_prompt_tokens(), accepted.n_cached_tokens(), 0);
  events.push_back({{"type", "message_start"}, {"message", message_}});
  events.push_back({{"type", "ping"}});
}

void MessageAnswer::open(protocol::Delta::Kind kind, Json block, MessageEvents& events) {
  if (is_open_) close(events);
  is_open_ = true;
  kind_ = kind;
  blocks().push_back(block);
  events.push_back(
      {{"type", "content_block_start"}, {"index", index()}, {"content_block", std::move(block)}});
}

void MessageAnswer::append_call(const protocol::ToolCallPart& part, MessageEvents& events) {
  if (calls_.append(part)) {
    open(protocol::Delta::TOOL_CALL,
         {{"type", "tool_use"},
          {"id", calls_.back().id},
          {"name", calls_.back().name},
          {"input", Json::object()}},
         events);
  }
  if (!is_open_ || !is_calling()) return;
  if (!part.arguments().empty()) {
    events.push_back({{"type", "content_block_delta"},
                      {"index", index()},
                      {"delta", {{"type", "input_json_delta"}, {"partial_json", part.arguments()}}}});
  }
  if (part.is_whole()) close(events);
}

void MessageAnswer::append(const protocol::Delta& delta, MessageEvents& events) {
  if (delta.kind() == protocol::Delta::TOOL_CALL) return append_call(delta.tool_call(), events);
  if (delta.text().empty()) return;
  if (!is_open_ || kind_ != delta.kind()) {
    Json block = {{"type", "text"}, {"text", ""}};
    if (delta.kind() == protocol::Delta::THINKING)
      block = {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
    open(delta.kind(), std::move(block), events);
  }
  const char* const key = is_thinking() ? "thinking" : "text";
  blocks().back()[key].get_ref<std::string&>() += delta.text();
  events.push_back(
      {{"type", "content_block_delta"},
       {"index", index()},
       {"delta", {{"type", is_thinking() ? "thinking_delta" : "text_delta"}, {key, delta.text()}}}});
}

void MessageAnswer::close(MessageEvents& events) {
  is_open_ = false;
  if (is_thinking()) {
    blocks().back()["signature"] = kSignature;
    events.push_back({{"type", "content_block_delta"},
                      {"index", index()},
                      {"delta", {{"type", "signature_delta"}, {"signature", kSignature}}}});
  }
  events.push_back({{"type", "content_block_stop"}, {"index", index()}});
  if (is_calling() && calls_.back().is_whole)
    blocks().back()["input"] = inference::arguments_object(calls_.back().arguments);
}

// Not before the end: the events count all blocks.
void MessageAnswer::drop_broken_calls() {
  Json kept = Json::array();
  size_t n_calls = 0;
  for (Json& block : blocks()) {
    const bool is_broken = block["type"] == "tool_use" && !calls_.all()[n_calls++].is_whole;
    if (!is_broken) kept.push_back(std::move(block));
  }
  blocks() = std::move(kept);
}

void MessageAnswer::finish(const protocol::Finished& finished, MessageEvents& events) {
  if (is_open_) close(events);
  drop_broken_calls();
  message_["stop_reason"] = stop_reason(finished, !calls_.empty());
  if (finished.reason() == protocol::Finished::STOP && !finished.stop().empty()) {
    message_["stop_sequence"] = finished.stop();
  }
  message_["usage"] =
      usage_of(finished.n_prompt_tokens(), finished.n_cached_tokens(), finished.n_generated_tokens());
  if (finished.has_n_thinking_tokens()) {
    message_["usage"]["output_tokens_details"] = {{"thinking_tokens", finished.n_thinking_tokens()}};
  }
  events.push_back(
      {{"type", "message_delta"},
       {"delta", {{"stop_reason", message_["stop_reason"]}, {"stop_sequence", message_["stop_sequence"]}}},
       {"usage", message_["usage"]}});
  events.push_back({{"type", "message_stop"}});
}

}  // namespace hearth::server::anthropic
