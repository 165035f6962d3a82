#include "server/openai/chat_answer.h"

#include <algorithm>

#include "server/wire/stream_text.h"

namespace hearth::server::openai {
namespace {

using wire::Json;

Json content_logprobs(Json content) {
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

Json calls_of(const inference::ToolCalls& calls) {
  Json list = Json::array();
  for (const inference::ToolCall& call : calls.all()) {
    list.push_back({{"id", call.id},
                    {"type", "function"},
                    {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return list;
}

Usage usage_of(const std::vector<protocol::Finished>& answers) {
  Usage usage;
  for (const protocol::Finished& answer : answers) usage.add(answer);
  return usage;
}

}  // namespace

ChatAnswer::ChatAnswer(AnswerHead head, size_t n_choices, bool logprobs)
    : head_(std::move(head)), choices_(n_choices), logprobs_(logprobs) {}

void ChatAnswer::append(const protocol::Delta& delta) {
  if (delta.answer() >= choices_.size()) return;
  Choice& choice = choices_[delta.answer()];
  if (delta.kind() == protocol::Delta::THINKING) {
    choice.reasoning += delta.text();
    return;
  }
  if (delta.kind() == protocol::Delta::TOOL_CALL) {
    choice.calls.append(delta.tool_call());
    return;
  }
  choice.content += delta.text();
  append_logprobs(choice.logprobs, delta.logprobs());
}

Json ChatAnswer::finish(const std::vector<protocol::Finished>& answers) const {
  Json choices = Json::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    const auto finished = std::find_if(answers.begin(), answers.end(),
                                       [i](const auto& answer) { return answer.answer() == i; });
    const Choice& choice = choices_[i];
    const bool has_calls = !choice.calls.empty();
    Json message = {{"role", "assistant"}, {"content", choice.content}, {"refusal", nullptr}};
    if (has_calls && choice.content.empty()) message["content"] = nullptr;
    if (!choice.reasoning.empty()) message["reasoning"] = choice.reasoning;
    if (has_calls) message["tool_calls"] = calls_of(choice.calls);
    choices.push_back(
        {{"index", i},
         {"message", std::move(message)},
         {"logprobs", logprobs_ ? content_logprobs(choice.logprobs) : Json()},
         {"finish_reason", finished == answers.end() ? "stop" : finish_reason(*finished, has_calls)}});
  }
  Json object = head_.object("chat.completion");
  object["choices"] = std::move(choices);
  object["usage"] = usage_of(answers).completion();
  return object;
}

std::string ChatChunks::chunk(Json choice) const {
  Json object = head_.object("chat.completion.chunk");
  object["choices"] = Json::array({std::move(choice)});
  if (include_usage_) object["usage"] = nullptr;
  return wire::sse_event(object);
}

std::string ChatChunks::chunk(uint32_t index, Json delta, Json logprobs) const {
  return chunk({{"index", index},
                {"delta", std::move(delta)},
                {"logprobs", std::move(logprobs)},
                {"finish_reason", nullptr}});
}

std::string ChatChunks::begin() const {
  std::string events;
  for (uint32_t i = 0; i < calls_.size(); ++i) events += chunk(i, {{"role", "assistant"}, {"content", ""}});
  return events;
}

// Which tool it is, and then the arguments as they come.
std::string ChatChunks::call_chunks(uint32_t index, const protocol::ToolCallPart& part) {
  inference::ToolCalls& calls = calls_[index];
  std::string events;
  const bool begins = calls.append(part);
  const size_t call_index = calls.size() - 1;
  if (begins) {
    Json call = {{"index", call_index},
                 {"id", calls.back().id},
                 {"type", "function"},
                 {"function", {{"name", calls.back().name}, {"arguments", ""}}}};
    events += chunk(index, {{"tool_calls", Json::array({std::move(call)})}});
  }
  if (!part.arguments().empty()) {
    Json call = {{"index", call_index}, {"function", {{"arguments", part.arguments()}}}};
    events += chunk(index, {{"tool_calls", Json::array({std::move(call)})}});
  }
  return events;
}

std::string ChatChunks::delta(const protocol::Delta& delta) {
  if (delta.answer() >= calls_.size()) return {};
  if (delta.kind() == protocol::Delta::TOOL_CALL) return call_chunks(delta.answer(), delta.tool_call());
  const bool is_thought = delta.kind() == protocol::Delta::THINKING;
  const bool has_logprobs = logprobs_ && !is_thought && !delta.logprobs().empty();
  if (delta.text().empty() && !has_logprobs) return {};
  Json logprobs;
  if (has_logprobs) {
    Json content = Json::array();
    append_logprobs(content, delta.logprobs());
    logprobs = content_logprobs(std::move(content));
  }
  return chunk(delta.answer(), {{is_thought ? "reasoning" : "content", delta.text()}}, std::move(logprobs));
}

std::string ChatChunks::finish(const std::vector<protocol::Finished>& answers) const {
  std::string events;
  for (const protocol::Finished& answer : answers) {
    const bool has_calls = answer.answer() < calls_.size() && !calls_[answer.answer()].empty();
    events += chunk({{"index", answer.answer()},
                     {"delta", Json::object()},
                     {"logprobs", nullptr},
                     {"finish_reason", finish_reason(answer, has_calls)}});
  }
  if (include_usage_) {
    Json object = head_.object("chat.completion.chunk");
    object["choices"] = Json::array();
    object["usage"] = usage_of(answers).completion();
    events += wire::sse_event(object);
  }
  return events + wire::sse_done();
}

}  // namespace hearth::server::openai
