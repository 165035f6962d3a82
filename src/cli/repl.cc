#include "cli/repl.h"

#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <optional>

#include "cli/interrupt.h"
#include "cli/line_editor.h"
#include "cli/nearest_names.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

constexpr std::string_view kFence = R"(""")";

constexpr std::string_view kHelp = R"(Commands:
  /set parameter NAME VALUE   change a parameter (/show parameters lists them)
  /set system TEXT            tell the model something before all else
  /set verbose, /set quiet    show the rates after each answer, or not
  /show                       the model, its context and how much of it is used
  /show parameters            the parameters and their values
  /show system                what it was told
  /clear                      forget what was said so far
  /bye                        end the session (so does Ctrl-D)
  /?                          this help

Begin a text of several lines with """ and end it with """.
Ctrl-C stops an answer. Up and down go through what you typed before, Ctrl-R searches it.)";

// The first word and the rest, without the spaces between and around them.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
  static constexpr std::string_view kSpaces = " \t";
  const auto trim = [](std::string_view s) {
    const size_t first = s.find_first_not_of(kSpaces);
    if (first == std::string_view::npos) return std::string_view();
    return s.substr(first, s.find_last_not_of(kSpaces) - first + 1);
  };
  text = trim(text);
  const size_t end = std::min(text.find_first_of(kSpaces), text.size());
  return {text.substr(0, end), trim(text.substr(end))};
}

// "\n" and its kin, so that a stop string can hold them; quotes around it are dropped.
std::string unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    ++i;
    out += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
  }
  return out;
}

class Repl {
 public:
  Repl(Session& session, bool verbose) : session_(session), verbose_(verbose), editor_(history_path()) {}

  Result<void> run() {
    session_.context().console.note(
        session_.dialogue().format_name()
            ? "Type a message, /? for help, /bye to leave."
            : "No chat template: the model goes on with your text. /? for help, /bye to leave.");
    while (const std::optional<std::string> text = read_text()) {
      if (text->empty()) continue;
      editor_.remember(*text);
      if (*text == "/bye" || *text == "/exit") return {};
      const Result<void> done = text->front() == '/' && !multiline_ ? command(*text) : answer(*text);
      // Nothing more can be shown once stdout is gone.
      if (!done && done.error().code() == ErrorCode::kIo) return done.error();
      if (!done) session_.context().console.error(done.error().message());
    }
    return {};
  }

 private:
  // A line, or the lines between two fences; nothing at the end of the input.
  std::optional<std::string> read_text() {
    multiline_ = false;
    const LineEditor::Line line = editor_.read(">>> ");
    if (line.outcome == LineEditor::Outcome::kEnd) return std::nullopt;
    if (line.outcome == LineEditor::Outcome::kInterrupted) {
      session_.context().console.note("Use Ctrl-D or /bye to leave.");
      return "";
    }
    if (!line.text.starts_with(kFence)) return line.text;
    return read_until_fence(line.text.substr(kFence.size()));
  }

  std::optional<std::string> read_until_fence(std::string text) {
    multiline_ = true;
    while (!text.ends_with(kFence)) {
      const LineEditor::Line line = editor_.read("... ");
      if (line.outcome == LineEditor::Outcome::kEnd) return std::nullopt;
      if (line.outcome == LineEditor::Outcome::kInterrupted) return "";
      text += '\n' + line.text;
    }
    text.resize(text.size() - kFence.size());
    return text;
  }

  Result<void> answer(std::string_view prompt) {
    clear_interrupt();
    Result<Answer> answer = session_.answer(prompt);
    clear_interrupt();
    if (!answer) return answer.error();
    if (verbose_) report_rates(*answer, session_.load_s());
    return {};
  }

  Result<void> command(std::string_view line) {
    const auto [name, rest] = split_word(line);
    if (name == "/set") return set(rest);
    if (name == "/show") return show(rest);
    if (name == "/clear") {
      session_.clear();
      session_.context().console.note("Forgot what was said so far.");
      return {};
    }
    if (name == "/?" || name == "/help") {
      fmt::print(stderr, "{}\n", kHelp);
      return {};
    }
    const std::array<std::string, 6> known{"/set", "/show", "/clear", "/bye", "/?", "/help"};
    return make_error(ErrorCode::kUsage, "no command is named '{}'{} (/? lists them)", name,
                      did_you_mean(name, known));
  }

  Result<void> set(std::string_view arguments) {
    const auto [what, rest] = split_word(arguments);
    if (what == "parameter") {
      const auto [name, value] = split_word(rest);
      return set_parameter_and_reload(name, value);
    }
    if (what == "system") return session_.set_system(unquote(rest));
    if (what == "verbose" || what == "quiet") {
      verbose_ = what == "verbose";
      return {};
    }
    return make_error(
        ErrorCode::kUsage,
        "expected /set parameter NAME VALUE, /set system TEXT, /set verbose or /set quiet, found "
        "'/set {}'",
        arguments);
  }

  Result<void> set_parameter_and_reload(std::string_view name, std::string_view value) {
    const Parameters before = session_.parameters();
    HEARTH_TRY(cli::set_parameter(session_.parameters(), name,
                                  name == "stop" ? unquote(value) : std::string(value)));
    const Parameters& after = session_.parameters();
    if (after.num_ctx == before.num_ctx && after.num_thread == before.num_thread) return {};
    Result<void> loaded = session_.load();
    if (!loaded) session_.parameters() = before;
    return loaded;
  }

  Result<void> show(std::string_view what) {
    if (what == "parameters") {
      show_parameters();
    } else if (what == "system") {
      fmt::print(stderr, "{}\n", session_.system().empty() ? "(nothing)" : escape_line(session_.system()));
    } else if (what.empty() || what == "info") {
      show_model();
    } else {
      return make_error(ErrorCode::kUsage,
                        "expected /show, /show parameters or /show system, found '/show {}'", what);
    }
    return {};
  }

  void show_parameters() {
    const Parameters& parameters = session_.parameters();
    for (const ParameterSpec& spec : parameter_specs()) {
      fmt::print(stderr, "  {:<22} {:<10} {}{}{}\n", spec.name, spec.get(parameters), spec.range,
                 spec.special.empty() ? "" : "; ", spec.special);
    }
    for (const std::string& stop : parameters.stop)
      fmt::print(stderr, "  {:<22} \"{}\"\n", "stop", escape_line(stop));
  }

  void show_model() {
    engine::LoadedModel& model = session_.model();
    const models::ModelInfo& info = model.info();
    fmt::print(stderr, "  {:<14} {}\n", "file", escape_line(model.checkpoint().name()));
    if (!info.name.empty()) fmt::print(stderr, "  {:<14} {}\n", "name", escape_line(info.name));
    fmt::print(stderr, "  {:<14} {}\n", "architecture", escape_line(info.architecture));
    fmt::print(stderr, "  {:<14} {}\n", "parameters", format_count(info.n_parameters));
    fmt::print(stderr, "  {:<14} {}\n", "weights", format_bytes(info.weight_bytes));
    fmt::print(stderr, "  {:<14} {} of {} tokens used\n", "context", session_.n_tokens(),
               model.engine().context_tokens());
    fmt::print(stderr, "  {:<14} {}\n", "chat template",
               escape_line(session_.dialogue().format_name().value_or("none: your text is continued")));
    fmt::print(stderr, "  {:<14} {}\n", "backend", model.backend().description());
  }

  Session& session_;
  bool verbose_;
  bool multiline_ = false;
  LineEditor editor_;
};

}  // namespace

Result<void> run_repl(Session& session, bool verbose) {
  return Repl(session, verbose).run();
}

}  // namespace hearth::cli
