// A model and what it and the person have said so far.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/dialogue.h"
#include "cli/generation.h"
#include "cli/model_loading.h"
#include "cli/parameters.h"
#include "worker/constraints.h"

namespace hearth::cli {

class Session {
 public:
  Session(const Context& context, std::string model_path, Parameters parameters,
          const models::KvTypes& kv_types, DialogueOptions dialogue_options,
          std::optional<protocol::Constraint> constraint = {}, std::string adapter_path = "")
      : context_(context),
        model_path_(std::move(model_path)),
        parameters_(std::move(parameters)),
        kv_types_(kv_types),
        dialogue_options_(std::move(dialogue_options)),
        constraint_(std::move(constraint)),
        adapter_path_(std::move(adapter_path)) {
    history_.system = dialogue_options_.system;
  }

  // Loads the model, or loads it again after num_ctx or num_thread changed; what was said stays.
  Result<void> load();

  // Says `prompt`, and writes the model's answer to stdout as it comes, unless answers are kept. Where
  // answers are constrained, what the model thinks before goes to stderr. An answer cut short by Ctrl-C
  // counts as said; after an error all is as it was before.
  Result<Answer> answer(std::string_view prompt);
  // From now on answers are not written; what the model thinks is kept apart wherever that can be told.
  void keep_answers() { keeps_answers_ = true; }
  // Of the last answer: what was said, and of kept ones what was thought.
  const std::string& answer_text() const noexcept { return answer_text_; }
  const std::string& answer_thinking() const noexcept { return answer_thinking_; }
  // Forgets what was said.
  void clear() { history_.clear(); }

  const Context& context() const noexcept { return context_; }
  Parameters& parameters() noexcept { return parameters_; }
  engine::LoadedModel& model() noexcept { return *loaded_.model; }
  double load_s() const noexcept { return loaded_.load_s; }
  const Dialogue& dialogue() const noexcept { return *dialogue_; }
  // kUsage where the model is given no chat format, and has no place for it.
  Result<void> set_system(std::string text);
  const std::string& system() const noexcept { return history_.system; }
  // Of the context, taken up by the last answer and what came before it.
  size_t n_tokens() const noexcept { return history_.tokens.size(); }

 private:
  Result<AnswerRules> rules_for(const worker::Prompt& prompt);

  const Context& context_;
  std::string model_path_;
  Parameters parameters_;
  models::KvTypes kv_types_;
  DialogueOptions dialogue_options_;
  std::optional<protocol::Constraint> constraint_;  // on every answer
  std::string adapter_path_;                        // empty: none
  RunnableModel loaded_;
  std::shared_ptr<const models::LoadedAdapter> adapter_;  // on the loaded model
  std::optional<worker::Constraints> constraints_;        // of the loaded model
  std::unique_ptr<Dialogue> dialogue_;
  History history_;
  bool keeps_answers_ = false;
  std::string answer_text_;
  std::string answer_thinking_;
};

}  // namespace hearth::cli
