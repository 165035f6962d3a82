#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <new>
#include <optional>

#include "cli/client/client_commands.h"
#include "cli/interrupt.h"
#include "cli/nearest_names.h"
#include "cli/output.h"
#include "cli/store_commands.h"

namespace hearth::cli {
namespace {

constexpr const char* kDescription = "Runs AI models on hardware that you own.";
constexpr const char* kCommandLineExamples = R"(Examples:
  hearth run "How do I pull a model?"
  hearth run model.gguf "Once upon a time"
  hearth inspect model.gguf
  hearth bench model.gguf

hearth help COMMAND tells more. Results go to stdout, everything else to stderr.
Exit codes: 0 done, 1 the work failed, 2 the command line is wrong, 130 interrupted.)";

struct CommonOptions {
  ColorMode color = ColorMode::kAuto;
  bool quiet = false;
};

const std::map<std::string, ColorMode> kColorModes{
    {"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}};

void add_common_options(CLI::App& command, CommonOptions& common) {
  command
      .add_option_function<std::string>(
          "--color", [&common](const std::string& when) { common.color = kColorModes.at(when); },
          "colour on stderr (default: auto)")
      ->check([](const std::string& when) {
        return kColorModes.contains(when) ? std::string()
                                          : fmt::format("expected auto, always or never, found '{}'", when);
      })
      ->type_name("auto|always|never")
      ->group("Common");
  command.add_flag("-q,--quiet", common.quiet, "no notes and no progress on stderr")->group("Common");
  command.set_help_flag("-h,--help", "print this help")->group("Common");
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

Error unknown_command(const CLI::App& app, const std::string& name) {
  return make_error(ErrorCode::kUsage, "no command is named '{}'{} (hearth help lists them)", name,
                    did_you_mean(name, command_names(app)));
}

void add_help_command(CLI::App& app, Action& action) {
  auto topic = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("help", "Show the commands, or what one of them does");
  command->add_option("COMMAND", *topic, "the command to explain")->type_name("");
  command->callback([&app, topic, &action] {
    action = [&app, topic](const Context&) -> Result<void> {
      // CLI11 prints the help of the chosen command, which here is `help` itself: clear() forgets the choice.
      app.clear();
      if (topic->empty()) return write_output(app.help());
      for (const CLI::App* known : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (known->check_name(*topic)) return write_output(known->help(app.get_name()));
      }
      return unknown_command(app, *topic);
    };
  });
}

// Errors of CLI11 in our own words: what was found, and what it may have meant.
std::string explain_unexpected_arguments(CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  std::vector<std::string> options;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
  }
  for (const std::string& argument : app.remaining(true)) {
    if (!argument.starts_with('-')) continue;
    const std::string name = argument.substr(0, argument.find('='));
    return fmt::format("unknown option {}{}", name, did_you_mean(name, options));
  }
  const std::vector<std::string> rest = app.remaining(true);
  return fmt::format("unexpected argument '{}'", rest.empty() ? "" : rest.front());
}

int fail_parse(CLI::App& app, const CLI::ParseError& parse_error) {
  if (parse_error.get_exit_code() == 0) return app.exit(parse_error);  // --help and --version
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "hearth" : "hearth " + chosen.front()->get_name();
  const bool unexpected = dynamic_cast<const CLI::ExtrasError*>(&parse_error) != nullptr;
  const std::string message = unexpected ? explain_unexpected_arguments(app) : parse_error.what();
  Console(ColorMode::kAuto, false)
      .error(fmt::format("{} ({} --help shows what is possible)", message, command));
  return error_traits(ErrorCode::kUsage).exit_code;
}

int fail(const Console& console, const Error& error) {
  if (error.code() != ErrorCode::kCancelled) console.error(error.message());
  return error_traits(error.code()).exit_code;
}

// The first argument that should be a command and is none: CLI11 would only call it unexpected.
std::optional<std::string> mistyped_command(const CLI::App& app, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--color") {
      ++i;
    } else if (!argument.starts_with('-')) {
      const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
      const bool known = std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
        return command->check_name(std::string(argument));  // or an alias
      });
      return known ? std::nullopt : std::make_optional(std::string(argument));
    }
  }
  return std::nullopt;
}

int parse_and_run(int argc, const char* const* argv, const BackendFactory& make_backend,
                  const GemmFactory& make_gemm) {
  CLI::App app(kDescription, "hearth");
  CommonOptions common;
  Action action;
  app.get_formatter()->column_width(34);
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.set_version_flag("--version", "hearth " HEARTH_VERSION, "print the version");
  app.require_subcommand(0, 1);
  app.footer(kCommandLineExamples);
  int exit_code = 0;
  for (const auto add :
       {add_run_command, add_serve_command, add_pull_command, add_push_command, add_create_command,
        add_list_command, add_show_command, add_ps_command, add_stop_command, add_cp_command, add_rm_command,
        add_history_command, add_rollback_command}) {
    add(app, action);
  }
  add_diff_command(app, action, exit_code);
  for (const auto add :
       {add_sign_command,     add_export_command,     add_import_command,         add_verify_command,
        add_gc_command,       add_key_command,        add_audit_command,          add_embed_command,
        add_inspect_command,  add_tokenize_command,   add_tokenizer_command,      add_render_command,
        add_bench_command,    add_perplexity_command, add_logits_command,         add_quantize_command,
        add_train_command,    add_distill_command,    add_finetune_command,       add_merge_command,
        add_hardware_command, add_completion_command, add_engine_process_command, add_fetcher_process_command,
        add_help_command}) {
    add(app, action);
  }
  add_common_options(app, common);
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    add_common_options(*command, common);
    // A command without a group is not shown.
    command->group(command->get_name().ends_with("-process") ? "" : "Commands");
  }

  if (const auto name = mistyped_command(app, argc, argv)) {
    return fail(Console(ColorMode::kAuto, false), unknown_command(app, *name));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return fail_parse(app, error);
  }
  const Console console(common.color, common.quiet);
  if (!action) {
    fmt::print(stderr, "{}", app.help());
    return error_traits(ErrorCode::kUsage).exit_code;
  }
  const Result<void> done = action(Context{console, make_backend, make_gemm});
  return done ? exit_code : fail(console, done.error());
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const BackendFactory& make_backend,
                     const GemmFactory& make_gemm) {
  constexpr int kExitFailed = 1;
  install_interrupt_handler();
  try {
    return parse_and_run(argc, argv, make_backend, make_gemm);
  } catch (const std::bad_alloc&) {
    std::fputs("error: out of memory\n", stderr);
  } catch (const std::exception& error) {
    Console(ColorMode::kNever, false).error(fmt::format("unexpected: {}", error.what()));
  }
  return kExitFailed;
}

}  // namespace hearth::cli
