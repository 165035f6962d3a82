// hearth run: continue a prompt, or talk.
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/client/client_commands.h"
#include "cli/command.h"
#include "cli/constraint.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/repl.h"
#include "models/builtin_model.h"

namespace hearth::cli {
namespace {

struct RunOptions {
  std::string model;
  std::string adapter;
  std::vector<std::string> prompt;
  Parameters parameters;
  models::KvTypes kv_types;
  DialogueOptions dialogue;
  ConstraintOptions constraint;
  std::vector<std::string> switches;  // NAME=VALUE
  bool has_temperature = false;       // a person chose one
  bool verbose = false;
  bool json = false;
};

// Without a model the built-in one answers. What has a space in it is the name of no model, and so the
// beginning of the prompt.
void choose_model(RunOptions& options) {
  std::error_code error;
  const bool is_prompt = options.model.find_first_of(" \t\n") != std::string::npos &&
                         !std::filesystem::exists(options.model, error);
  if (is_prompt) options.prompt.insert(options.prompt.begin(), std::move(options.model));
  if (is_prompt || options.model.empty()) options.model = models::kBuiltinModelName;
}

// It is small: what it is surest of is what it says best.
void use_builtin_defaults(RunOptions& options, const Console& console) {
  if (!options.has_temperature) options.parameters.sampling.temperature = 0.0F;
  console.note(
      "This is Ember, the small model inside Hearth. For a larger one: hearth serve, then hearth run qwen3");
}

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

// As the last record of /api/generate has them.
nlohmann::ordered_json answer_record(const RunOptions& options, const Session& session,
                                     const Answer& answer) {
  const auto nanoseconds = [](double seconds) { return static_cast<int64_t>(seconds * 1e9); };
  const bool is_cut =
      answer.finish == engine::FinishReason::kLength || answer.finish == engine::FinishReason::kContext;
  nlohmann::ordered_json record{{"model", options.model}, {"response", session.answer_text()}};
  if (!session.answer_thinking().empty()) record["thinking"] = session.answer_thinking();
  record["done_reason"] = is_cut ? "length" : "stop";
  record["total_duration"] = nanoseconds(session.load_s() + answer.prompt_s + answer.decode_s);
  record["load_duration"] = nanoseconds(session.load_s());
  record["prompt_eval_count"] = answer.n_prompt_tokens;
  record["prompt_eval_duration"] = nanoseconds(answer.prompt_s);
  record["eval_count"] = answer.tokens.size();
  record["eval_duration"] = nanoseconds(answer.decode_s);
  return record;
}

Result<void> answer_once(const RunOptions& options, Session& session) {
  HEARTH_ASSIGN(const std::string prompt, read_prompt(options));
  HEARTH_TRY(session.load());
  if (options.json) session.keep_answers();
  HEARTH_ASSIGN(const Answer answer, session.answer(prompt));
  if (options.verbose) report_rates(answer, session.load_s());
  if (answer.finish == engine::FinishReason::kCancelled) return Error(ErrorCode::kCancelled, "interrupted");
  return options.json ? write_json(answer_record(options, session, answer)) : Result<void>();
}

// A value is JSON, or else a text.
Result<DialogueOptions> dialogue_options(const RunOptions& options) {
  DialogueOptions dialogue = options.dialogue;
  for (const std::string& option : options.switches) {
    const size_t equals = option.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return make_error(ErrorCode::kUsage, "--chat-option: expected NAME=VALUE, found '{}'", option);
    }
    const std::string text = option.substr(equals + 1);
    auto value = text::value_from_json(text);
    dialogue.switches.emplace_back(option.substr(0, equals), value ? *value : text::Value::string(text));
  }
  return dialogue;
}

// What only a model in this process can be told.
Result<void> run_on_server(const RunOptions& options, const Context& context) {
  const bool has_types =
      options.kv_types.k != models::KvTypes().k || options.kv_types.v != models::KvTypes().v;
  if (!options.dialogue.template_file.empty() || !options.switches.empty() || !options.adapter.empty() ||
      has_types) {
    return make_error(ErrorCode::kUsage,
                      "--adapter, --template, --chat-option and --cache-type-* are for model files; {} is no "
                      "file or folder here, and so a model of the server",
                      options.model);
  }
  RemoteRun remote{.model = options.model,
                   .prompt = std::nullopt,
                   .system = options.dialogue.system,
                   .parameters = options.parameters,
                   .raw = options.dialogue.raw,
                   .verbose = options.verbose,
                   .json = options.json};
  HEARTH_ASSIGN(remote.constraint, read_constraint(options.constraint));
  if (!options.prompt.empty() || !is_terminal(STDIN_FILENO)) {
    HEARTH_ASSIGN(remote.prompt, read_prompt(options));
  }
  return run_remote(remote, context);
}

Result<void> run(RunOptions options, const Context& context) {
  choose_model(options);
  if (options.json && options.prompt.empty() && is_terminal(STDIN_FILENO))
    return Error(ErrorCode::kUsage, "--json: expected a PROMPT; a session cannot be one JSON object");
  if (is_builtin_model(options.model)) {
    if (options.prompt.empty() && !is_terminal(STDIN_FILENO) && !has_piped_input())
      return Error(ErrorCode::kUsage,
                   "expected a PROMPT, found none (hearth run --help shows what is possible)");
    use_builtin_defaults(options, context.console);
  } else if (is_server_model(options.model)) {
    return run_on_server(options, context);
  }
  HEARTH_ASSIGN(DialogueOptions dialogue, dialogue_options(options));
  HEARTH_ASSIGN(std::optional<protocol::Constraint> constraint, read_constraint(options.constraint));
  Session session(context, options.model, options.parameters, options.kv_types, std::move(dialogue),
                  std::move(constraint), options.adapter);
  if (!options.prompt.empty() || !is_terminal(STDIN_FILENO)) return answer_once(options, session);
  HEARTH_TRY(session.load());
  return run_repl(session, options.verbose);
}

constexpr const char* kRunExamples = R"(Without a PROMPT, on a terminal, a session begins: type /? there.
What comes through a pipe is the prompt, or follows the PROMPT.

The prompt is put to the model in its chat template, or in its family's format where it brings none and its
vocabulary shows which that is. A model without either, and every model with --raw, goes on with the text as it is.

MODEL is the path of a file or folder, or ember, the small model that is a part of Hearth and answers where none is
named: it knows Hearth's commands, and little else. Any other name is a model of the server at HEARTH_HOST (127.0.0.1:11434 by
default), as hearth list shows them. One that the server does not have is pulled first: see hearth help pull.

Examples:
  hearth run "How do I pull a model?"
  hearth run model.gguf "Why is the sky blue?"
  hearth run qwen3 "Why is the sky blue?"
  hearth run model.gguf --system "Answer in one line." --temperature 0 "What is a GGUF file?"
  cat report.txt | hearth run model.gguf "Summarise:"
  hearth run model.gguf --chat-option enable_thinking=false "Think of a number"
  hearth run model.gguf --schema invoice.schema.json "What is in this invoice? ..."
  hearth run model.gguf --adapter tuned/ "Where is the spare key?"
  hearth run model.gguf --json "Why is the sky blue?" | jq -r .response
  hearth run model.gguf --raw --num-predict 100 "Once upon a time"
  hearth run model.gguf)";

}  // namespace

void add_run_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = parser.add_subcommand("run", "Answer a prompt, or begin a session");
  command->add_option("MODEL", options->model, "a model; without one, a small one answers that is built in")
      ->type_name("");
  add_texts_argument(*command, "PROMPT", options->prompt, "what to say to the model");
  command
      ->add_option("--adapter", options->adapter,
                   "what hearth finetune learnt, or another LoRA adapter of this model: a GGUF file, or a "
                   "folder as PEFT writes it")
      ->type_name("PATH");
  command->add_flag("--verbose", options->verbose, "show durations and rates afterwards");
  command->add_flag("--json", options->json,
                    "print one JSON object, with the answer as \"response\", when it is whole");
  command->add_option("--system", options->dialogue.system, "what the model is told before all else")
      ->type_name("TEXT")
      ->group("Chat");
  CLI::Option* file = command
                          ->add_option("--template", options->dialogue.template_file,
                                       "a chat template instead of the model's")
                          ->type_name("FILE")
                          ->group("Chat");
  command
      ->add_option("--chat-option", options->switches,
                   "what else the template is given, as enable_thinking=false; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE")
      ->group("Chat");
  command
      ->add_flag("--raw", options->dialogue.raw,
                 "no template: the model goes on with the text, <|names|> in it as control tokens")
      ->excludes(file)
      ->group("Chat");
  add_constraint_options(*command, options->constraint);
  add_cache_type_options(*command, options->kv_types);
  add_parameter_options(*command, options->parameters);
  command->footer(kRunExamples);
  command->callback([options, command, &action] {
    options->has_temperature = command->count("--temperature") > 0;
    action = [options](const Context& context) { return run(*options, context); };
  });
}

}  // namespace hearth::cli
