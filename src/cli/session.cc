#include "cli/session.h"

#include <unistd.h>

#include "cli/output.h"

namespace hearth::cli {

Result<void> Session::load() {
  engine::LoadOptions options;
  options.context_tokens = parameters_.num_ctx;
  options.kv_types = kv_types_;
  HEARTH_ASSIGN(loaded_, load_runnable_model(context_, model_path_, parameters_.num_thread, options));
  return {};
}

Result<Answer> Session::answer(std::string_view prompt) {
  text::EncodeOptions encode;
  encode.add_special = tokens_.empty();
  std::vector<text::TokenId> tokens = tokens_;
  const std::vector<text::TokenId> added = model().tokenizer().encode(prompt, encode);
  tokens.insert(tokens.end(), added.begin(), added.end());

  const bool to_terminal = is_terminal(STDOUT_FILENO);
  char last = '\n';
  HEARTH_ASSIGN(Answer answer,
                generate(context_.console, model().engine(), tokens, parameters_, [&](std::string_view text) {
                  last = text.back();
                  return write_output(to_terminal ? escape_control(text) : std::string(text));
                }));
  if (last != '\n') HEARTH_TRY(write_output("\n"));
  tokens.insert(tokens.end(), answer.tokens.begin(), answer.tokens.end());
  tokens_ = std::move(tokens);
  if (answer.finish == engine::FinishReason::kContext) {
    context_.console.note(
        fmt::format("the context of {} tokens is full: the answer ends here (num_ctx sets it)",
                    model().engine().context_tokens()));
  }
  return answer;
}

}  // namespace hearth::cli
