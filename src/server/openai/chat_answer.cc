#include "server/openai/chat_answer.h"

#include <algorithm>

#include "server/wire/stream_text.h"

namespace hearth::server::openai {
namespace {

using wire::Json;

Json content_logprobs(Json content) {
  return {{"content", std::move(content)}, {"refusal", nullptr}};
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
  choice.content += delta.text();
  append_logprobs(choice.logprobs, delta.logprobs());
}

Json ChatAnswer::finish(const std::vector<protocol::Finished>& answers) const {
  Json choices = Json::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    const auto finished = std::find_if(answers.begin(), answers.end(),
                                       [i](const auto& answer) { return answer.answer() == i; });
    Json message = {{"role", "assistant"}, {"content", choices_[i].content}, {"refusal", nullptr}};
    if (!choices_[i].reasoning.empty()) message["reasoning"] = choices_[i].reasoning;
    choices.push_back({{"index", i},
                       {"message", std::move(message)},
                       {"logprobs", logprobs_ ? content_logprobs(choices_[i].logprobs) : Json()},
                       {"finish_reason", finished == answers.end() ? "stop" : finish_reason(*finished)}});
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

std::string ChatChunks::begin() const {
  std::string events;
  for (size_t i = 0; i < n_choices_; ++i) {
    events += chunk({{"index", i},
                     {"delta", {{"role", "assistant"}, {"content", ""}}},
                     {"logprobs", nullptr},
                     {"finish_reason", nullptr}});
  }
  return events;
}

std::string ChatChunks::delta(const protocol::Delta& delta) const {
  const bool is_thought = delta.kind() == protocol::Delta::THINKING;
  const bool has_logprobs = logprobs_ && !is_thought && !delta.logprobs().empty();
  if (delta.answer() >= n_choices_ || (delta.text().empty() && !has_logprobs)) return {};
  Json logprobs;
  if (has_logprobs) {
    Json content = Json::array();
    append_logprobs(content, delta.logprobs());
    logprobs = content_logprobs(std::move(content));
  }
  return chunk({{"index", delta.answer()},
                {"delta", {{is_thought ? "reasoning" : "content", delta.text()}}},
                {"logprobs", std::move(logprobs)},
                {"finish_reason", nullptr}});
}

std::string ChatChunks::finish(const std::vector<protocol::Finished>& answers) const {
  std::string events;
  for (const protocol::Finished& answer : answers) {
    events += chunk({{"index", answer.answer()},
                     {"delta", Json::object()},
                     {"logprobs", nullptr},
                     {"finish_reason", finish_reason(answer)}});
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
