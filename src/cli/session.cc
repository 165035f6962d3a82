#include "cli/session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "cli/output.h"

namespace hearth::cli {

Result<void> Session::load() {
  engine::LoadOptions options;
  options.context_tokens = parameters_.num_ctx;
  options.kv_types = kv_types_;
  HEARTH_ASSIGN(RunnableModel loaded,
                load_runnable_model(context_, model_path_, parameters_.num_thread, options));
  HEARTH_ASSIGN(OpenedDialogue opened,
                open_dialogue(dialogue_options_, loaded.model->checkpoint(), loaded.model->tokenizer()));
  if (dialogue_ == nullptr && !opened.note.empty()) context_.console.note(opened.note);
  dialogue_ = std::move(opened.dialogue);
  std::shared_ptr<const models::LoadedAdapter> adapter;
  if (!adapter_path_.empty()) {
    HEARTH_ASSIGN(adapter, loaded.model->load_adapter(adapter_path_));
  }
  constraints_.reset();
  adapter_ = std::move(adapter);
  loaded_ = std::move(loaded);
  constraints_.emplace(loaded_.model->tokenizer(), loaded_.model->info().vocabulary_size);
  return {};
}

Result<AnswerRules> Session::rules_for(const worker::Prompt& prompt) {
  AnswerRules rules;
  rules.adapter = adapter_;
  if (!constraint_) return rules;
  protocol::Generate call;
  *call.mutable_constraint() = *constraint_;
  rules.grammar = constraints_->find(call, prompt);
  if (!rules.grammar) {
    constraints_->compile({.call = call, .prompt = prompt});
    std::vector<worker::Constraints::Compiled> compiled;
    while (compiled.empty()) compiled = constraints_->take(std::chrono::seconds(1));
    HEARTH_ASSIGN(rules.grammar, compiled.front().grammar);
  }
  rules.visible_control_tokens = prompt.visible_control_tokens;
  return rules;
}

Result<void> Session::set_system(std::string text) {
  if (!dialogue_->format_name()) {
    return make_error(ErrorCode::kUsage,
                      "a system text needs a chat template, and this model goes on with the text as it is "
                      "(hearth run --template FILE gives one)");
  }
  history_.system = std::move(text);
  return {};
}

Result<Answer> Session::answer(std::string_view prompt) {
  HEARTH_ASSIGN(const worker::Prompt next, dialogue_->prompt_for(history_, prompt));
  HEARTH_ASSIGN(const AnswerRules rules, rules_for(next));
  const bool to_terminal = is_terminal(STDOUT_FILENO);
  // Templates leave it to the model to begin with a space or a line of its own.
  const bool trims = dialogue_->format_name().has_value();
  std::string& written = answer_text_;
  written.clear();
  answer_thinking_.clear();
  const auto show = [&](std::string_view text) -> Result<void> {
    if (trims && written.empty())
      text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    if (text.empty()) return {};
    written += text;
    if (keeps_answers_) return {};
    return write_output(to_terminal ? escape_control(text) : std::string(text));
  };
  std::optional<text::ReasoningParser> reasoning;
  if ((rules.grammar || keeps_answers_) && next.reasoning)
    reasoning.emplace(*next.reasoning, next.begins_thinking);
  const auto show_pieces = [&](const std::vector<text::ReasoningParser::Piece>& pieces) -> Result<void> {
    for (const text::ReasoningParser::Piece& piece : pieces) {
      if (piece.kind == text::ReasoningParser::Kind::kContent) {
        HEARTH_TRY(show(piece.text));
      } else if (keeps_answers_) {
        answer_thinking_ += piece.text;
      } else if (!context_.console.quiet()) {
        fmt::print(stderr, "{}", escape_control(piece.text));
      }
    }
    return {};
  };
  const auto take = [&](std::string_view text) {
    return reasoning ? show_pieces(reasoning->push(text)) : show(text);
  };
  HEARTH_ASSIGN(Answer answer,
                generate(context_.console, model().engine(), next.tokens, parameters_, rules, take));
  if (reasoning) HEARTH_TRY(show_pieces(reasoning->finish()));
  if (!keeps_answers_ && !written.empty() && written.back() != '\n') HEARTH_TRY(write_output("\n"));
  history_.accept(prompt, next.tokens, written, answer.tokens);
  if (answer.finish == engine::FinishReason::kContext) {
    context_.console.note(
        fmt::format("the context of {} tokens is full: the answer ends here (num_ctx sets it)",
                    model().engine().context_tokens()));
  }
  return answer;
}

}  // namespace hearth::cli
