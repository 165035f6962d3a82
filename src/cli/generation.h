// One answer: a request driven to its end, with its rates, stopped by Ctrl-C.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/parameters.h"
#include "cli/terminal.h"
#include "engine/engine.h"

namespace hearth::cli {

struct Answer {
  std::vector<text::TokenId> tokens;
  engine::FinishReason finish = engine::FinishReason::kStop;  // kCancelled: Ctrl-C
  int64_t n_prompt_tokens = 0;
  int64_t n_cached_tokens = 0;  // of the prompt, not evaluated again
  double prompt_s = 0.0;        // until the first token: the evaluation of the prompt
  double decode_s = 0.0;        // from the first token to the last
};

// What an answer is held to, and given with.
struct AnswerRules {
  std::shared_ptr<text::grammar::TokenGrammar> grammar;  // null: it is free
  std::vector<text::TokenId> visible_control_tokens;     // as engine::Request has them
  std::shared_ptr<const models::LoadedAdapter> adapter;  // null: the model as it is
};

// Continues `prompt`; on_text gets the text as it comes, and its error ends the request. The progress of a
// long prompt is shown on stderr. Errors: those of submit() and step().
Result<Answer> generate(const Console& console, engine::Engine& engine, std::span<const text::TokenId> prompt,
                        const Parameters& parameters, const AnswerRules& rules,
                        const std::function<Result<void>(std::string_view text)>& on_text);

// The lines of --verbose.
void report_rates(const Answer& answer, double load_s);

}  // namespace hearth::cli
