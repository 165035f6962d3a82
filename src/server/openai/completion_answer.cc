#include "server/openai/completion_answer.h"

#include "server/wire/stream_text.h"

namespace hearth::server::openai {

using wire::Json;

CompletionAnswer::CompletionAnswer(AnswerHead head, const CompletionRequest& request)
    : head_(std::move(head)),
      n_(request.n()),
      logprobs_(request.logprobs),
      include_usage_(request.streaming.include_usage),
      choices_(request.prompts.size() * request.n()) {
  if (!request.echo) return;
  for (size_t i = 0; i < choices_.size(); ++i) {
    echoes_.push_back(request.prompts[i / n_].text().text());
    choices_[i].text = echoes_.back();
  }
}

CompletionAnswer::Choice* CompletionAnswer::choice_of(size_t prompt, uint32_t answer) {
  return answer < n_ ? &choices_[index_of(prompt, answer)] : nullptr;
}

std::string CompletionAnswer::event(size_t index, std::string_view text, Json logprobs,
                                    Json finish_reason) const {
  Json object = head_.object("text_completion");
  object["choices"] = Json::array({Json{{"index", index},
                                        {"text", text},
                                        {"logprobs", std::move(logprobs)},
                                        {"finish_reason", std::move(finish_reason)}}});
  if (include_usage_) object["usage"] = nullptr;
  return wire::sse_event(object);
}

std::string CompletionAnswer::begin_events() {
  std::string events;
  for (size_t i = 0; i < echoes_.size(); ++i) events += event(i, echoes_[i], nullptr, nullptr);
  return events;
}

std::string CompletionAnswer::delta_event(size_t prompt, const protocol::Delta& delta) {
  Choice* const choice = choice_of(prompt, delta.answer());
  const bool has_logprobs = logprobs_ && !delta.logprobs().empty();
  if (choice == nullptr || (delta.text().empty() && !has_logprobs)) return {};
  Json logprobs;
  if (has_logprobs) {
    choice->next_logprobs.append(delta.logprobs());
    logprobs = choice->next_logprobs.take();
  }
  return event(index_of(prompt, delta.answer()), delta.text(), std::move(logprobs), nullptr);
}

void CompletionAnswer::append(size_t prompt, const protocol::Delta& delta) {
  Choice* const choice = choice_of(prompt, delta.answer());
  if (choice == nullptr) return;
  choice->text += delta.text();
  choice->next_logprobs.append(delta.logprobs());
}

std::string CompletionAnswer::finish_events(size_t prompt, const std::vector<protocol::Finished>& answers) {
  std::string events;
  for (const protocol::Finished& answer : answers) {
    usage_.add(answer);
    events += event(index_of(prompt, answer.answer()), "", nullptr, finish_reason(answer));
  }
  return events;
}

std::string CompletionAnswer::end_events() const {
  std::string events;
  if (include_usage_) {
    Json object = head_.object("text_completion");
    object["choices"] = Json::array();
    object["usage"] = usage_.completion();
    events = wire::sse_event(object);
  }
  return events + wire::sse_done();
}

void CompletionAnswer::finish(size_t prompt, const std::vector<protocol::Finished>& answers) {
  for (const protocol::Finished& answer : answers) {
    usage_.add(answer);
    Choice* const choice = choice_of(prompt, answer.answer());
    if (choice == nullptr) continue;
    choice->finish_reason = finish_reason(answer);
    choice->logprobs = choice->next_logprobs.take();
  }
}

Json CompletionAnswer::whole() const {
  Json choices = Json::array();
  for (size_t i = 0; i < choices_.size(); ++i) {
    choices.push_back({{"index", i},
                       {"text", choices_[i].text},
                       {"logprobs", logprobs_ ? choices_[i].logprobs : Json()},
                       {"finish_reason", choices_[i].finish_reason}});
  }
  Json object = head_.object("text_completion");
  object["choices"] = std::move(choices);
  object["usage"] = usage_.completion();
  return object;
}

}  // namespace hearth::server::openai
