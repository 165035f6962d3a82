// hearth run: continue a prompt, or talk.
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/repl.h"

namespace hearth::cli {
namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> prompt;
  Parameters parameters;
  models::KvTypes kv_types;
  bool verbose = false;
};

// A pipe or a file, and not, say, the /dev/null of a service: reading what nobody writes to would wait for
// ever.
bool has_piped_input() {
  struct stat status {};
  if (fstat(STDIN_FILENO, &status) != 0) return false;
  return S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode);
}

Result<std::string> read_prompt(const RunOptions& options) {
  std::string prompt = fmt::format("{}", fmt::join(options.prompt, " "));
  if (!has_piped_input()) return prompt;
  HEARTH_ASSIGN(std::string input, read_standard_input());
  if (!input.empty() && input.back() == '\n') input.pop_back();  // as in the shell's $(...)
  if (!prompt.empty() && !input.empty()) prompt += '\n';
  return prompt + input;
}

void note_missing_template(Session& session) {
  if (session.model().file().find("tokenizer.chat_template") == nullptr) return;
  session.context().console.note(
      "The model has a chat template, which is not applied yet: it gets the text as it is.");
}

Result<void> answer_once(const RunOptions& options, Session& session) {
  HEARTH_ASSIGN(const std::string prompt, read_prompt(options));
  HEARTH_TRY(session.load());
  note_missing_template(session);
  HEARTH_ASSIGN(const Answer answer, session.answer(prompt));
  if (options.verbose) report_rates(answer, session.load_s());
  if (answer.finish == engine::FinishReason::kCancelled) return Error(ErrorCode::kCancelled, "interrupted");
  return {};
}

Result<void> run(const RunOptions& options, const Context& context) {
  Session session(context, options.model, options.parameters, options.kv_types);
  if (!options.prompt.empty() || !is_terminal(STDIN_FILENO)) return answer_once(options, session);
  HEARTH_TRY(session.load());
  note_missing_template(session);
  return run_repl(session, options.verbose);
}

constexpr const char* kExamples = R"(Without a PROMPT, on a terminal, a session begins: type /? there.
What comes through a pipe is the prompt, or follows the PROMPT.

Examples:
  hearth run model.gguf "Once upon a time"
  hearth run model.gguf --temperature 0 --num-predict 100 "The capital of France is"
  cat report.txt | hearth run model.gguf "Summarise:"
  hearth run model.gguf)";

}  // namespace

void add_run_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = parser.add_subcommand("run", "Continue a prompt, or begin a session");
  add_model_argument(*command, options->model);
  command->add_option("PROMPT", options->prompt, "the text to continue")->type_name("");
  command->add_flag("--verbose", options->verbose, "show durations and rates afterwards");
  add_cache_type_options(*command, options->kv_types);
  add_parameter_options(*command, options->parameters);
  command->footer(kExamples);
  command->callback(
      [options, &action] { action = [options](const Context& context) { return run(*options, context); }; });
}

}  // namespace hearth::cli
