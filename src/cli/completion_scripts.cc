#include <fmt/ranges.h>

#include <algorithm>

#include "cli/completion.h"

namespace hearth::cli {
namespace {

using Kind = CompletionValues::Kind;

// In single quotes, for bash and zsh.
std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// The first line, shortened: what a list of candidates has room for.
std::string brief(std::string text) {
  constexpr size_t kLongest = 70;
  text = text.substr(0, text.find('\n'));
  if (text.size() > kLongest) text = text.substr(0, text.rfind(' ', kLongest)) + "...";
  return text;
}

// --- bash

// "-": nothing; "f": files; "m": models; "mf": both; "=a b c": these words.
std::string bash_kind(const CompletionValues& values) {
  switch (values.kind) {
    case Kind::kNothing:
      return "-";
    case Kind::kWords:
      return fmt::format("={}", fmt::join(values.words, " "));
    case Kind::kFiles:
      return "f";
    case Kind::kModels:
      return "m";
    case Kind::kModelsAndFiles:
      return "mf";
  }
  return "-";
}

std::vector<std::string> paths_of(const std::vector<std::string>& above, const CompletionCommand& command) {
  std::vector<std::string> paths;
  for (const std::string& path : above) {
    for (const std::string& name : command.names)
      paths.push_back(path.empty() ? name : fmt::format("{} {}", path, name));
  }
  return paths;
}

// "'hearth list'|'hearth ls'"
std::string pattern_of(const std::vector<std::string>& paths, const std::string& suffix = "") {
  std::vector<std::string> patterns;
  patterns.reserve(paths.size());
  for (const std::string& path : paths) patterns.push_back(shell_quoted(path + suffix));
  return fmt::format("{}", fmt::join(patterns, "|"));
}

void add_bash_cases(const CompletionCommand& command, const std::vector<std::string>& above,
                    std::string& describe, std::string& kinds) {
  const std::vector<std::string> paths = paths_of(above, command);
  std::vector<std::string> commands;
  std::vector<std::string> flags;
  std::vector<std::string> valued;
  std::vector<std::string> positionals;
  for (const CompletionCommand& sub : command.commands)
    commands.insert(commands.end(), sub.names.begin(), sub.names.end());
  for (const CompletionOption& option : command.options) {
    auto& names = option.takes_value ? valued : flags;
    names.insert(names.end(), option.names.begin(), option.names.end());
    if (option.values.kind == Kind::kNothing) continue;
    for (const std::string& name : option.names)
      kinds += fmt::format("    {}) kind={} ;;\n", pattern_of(paths, " " + name),
                           shell_quoted(bash_kind(option.values)));
  }
  for (const CompletionValues& values : command.positionals) positionals.push_back(bash_kind(values));
  describe += fmt::format(
      "    {})\n      commands={}\n      flags={}\n      valued={}\n      positionals={} repeats={} ;;\n",
      pattern_of(paths), shell_quoted(fmt::format("{}", fmt::join(commands, " "))),
      shell_quoted(fmt::format("{}", fmt::join(flags, " "))),
      shell_quoted(fmt::format("{}", fmt::join(valued, " "))),
      shell_quoted(fmt::format("{}", fmt::join(positionals, "|"))), command.last_repeats ? 1 : 0);
  for (const CompletionCommand& sub : command.commands) add_bash_cases(sub, paths, describe, kinds);
}

constexpr const char* kBashMain = R"bash(
_hearth() {
  local commands flags valued positionals repeats kind
  local i word value_of='' path=hearth n_positionals=0
  local -a words=()
  # Bash parts words at ':' and '=', which names and options have in them.
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if ((i > 1)) && [[ $word == [:=]* || ${COMP_WORDS[i - 1]} == *[:=] ]] &&
      [[ -n $word || ${COMP_LINE:0:COMP_POINT} != *[[:space:]] ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  _hearth_describe "$path"
  for ((i = 1; i < ${#words[@]} - 1; ++i)); do
    word=${words[i]}
    if [[ -n $value_of ]]; then
      value_of=''
    elif [[ $word == -* ]]; then
      if [[ " $valued " == *" $word "* ]]; then value_of=$word; fi
    elif [[ " $commands " == *" $word "* ]]; then
      path+=" $word"
      n_positionals=0
      _hearth_describe "$path"
    else
      n_positionals=$((n_positionals + 1))
    fi
  done

  local cur=${words[-1]} prefix=''
  kind='-'
  if [[ -n $value_of ]]; then
    _hearth_kind "$path $value_of"
  elif [[ $cur == --*=* ]]; then
    prefix=${cur%%=*}=
    cur=${cur#*=}
    _hearth_kind "$path ${prefix%=}"
  elif [[ $cur == -* ]]; then
    kind="=$flags $valued"
  elif [[ -n $commands ]]; then
    kind="=$commands"
  else
    local -a kinds=()
    IFS='|' read -ra kinds <<< "$positionals"
    if ((n_positionals < ${#kinds[@]})); then
      kind=${kinds[n_positionals]}
    elif ((repeats && ${#kinds[@]} > 0)); then
      kind=${kinds[-1]}
    fi
  fi

  local candidates=''
  case $kind in
    =*) candidates=${kind#=} ;;
    m*) candidates=$("${COMP_WORDS[0]}" completion models 2> /dev/null) ;;
  esac
  COMPREPLY=()
  local -a files=()
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")
  if [[ $kind == *f && $kind != =* ]]; then
    mapfile -t files < <(compgen -f -- "$cur")
    COMPREPLY+=("${files[@]}")
    compopt -o filenames 2> /dev/null
  fi

  # What stands before the last ':' or '=' is there already.
  local whole=$prefix$cur breaks='' strip=''
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=':'
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+='='
  [[ -n $breaks && $whole == *[$breaks]* ]] && strip=${whole%"${whole##*[$breaks]}"}
  for i in "${!COMPREPLY[@]}"; do
    word=$prefix${COMPREPLY[i]}
    COMPREPLY[i]=${word#"$strip"}
  done
}
complete -F _hearth hearth
)bash";

// --- zsh

std::string zsh_action(const CompletionValues& values) {
  switch (values.kind) {
    case Kind::kNothing:
      return " ";
    case Kind::kWords:
      return fmt::format("({})", fmt::join(values.words, " "));
    case Kind::kFiles:
      return "_files";
    case Kind::kModels:
      return "_hearth_models";
    case Kind::kModelsAndFiles:
      return "_hearth_models_and_files";
  }
  return " ";
}

std::string zsh_text(std::string text) {
  text = brief(std::move(text));
  for (const char* special : {"\\", "[", "]", ":"})
    text = replaced(std::move(text), special, std::string("\\") + special);
  return text;
}

std::string function_name(std::string path) {
  std::ranges::replace(path, ' ', '_');
  std::ranges::replace(path, '-', '_');
  return "_" + path;
}

std::string zsh_options(const CompletionCommand& command) {
  std::string specs;
  for (const CompletionOption& option : command.options) {
    for (const std::string& name : option.names) {
      std::string spec = "*" + name;
      if (option.takes_value && name.starts_with("--")) spec += "=";
      spec += fmt::format("[{}]", zsh_text(option.description));
      if (option.takes_value) spec += ":value:" + zsh_action(option.values);
      specs += fmt::format(" \\\n    {}", shell_quoted(spec));
    }
  }
  return specs;
}

void add_zsh_function(const CompletionCommand& command, const std::string& path, std::string& out) {
  out += fmt::format("{}() {{\n", function_name(path));
  if (command.commands.empty()) {
    out += "  _arguments -s -S" + zsh_options(command);
    for (size_t i = 0; i < command.positionals.size(); ++i) {
      const bool repeats = command.last_repeats && i + 1 == command.positionals.size();
      out += fmt::format(" \\\n    {}",
                         shell_quoted(fmt::format("{}:argument:{}", repeats ? "*" : std::to_string(i + 1),
                                                  zsh_action(command.positionals[i]))));
    }
    out += "\n}\n\n";
    return;
  }
  out += "  local curcontext=$curcontext state line\n  typeset -A opt_args\n  _arguments -C" +
         zsh_options(command) +
         " \\\n    '1: :->command' \\\n    '*:: :->argument'\n  case $state in\n    command)\n"
         "      local -a commands=(\n";
  for (const CompletionCommand& sub : command.commands) {
    for (const std::string& name : sub.names)
      out += fmt::format("        {}\n",
                         shell_quoted(name + ":" + replaced(brief(sub.description), ":", "\\:")));
  }
  out += "      )\n      _describe command commands ;;\n    argument)\n      case $line[1] in\n";
  for (const CompletionCommand& sub : command.commands) {
    out += fmt::format("        {}) {} ;;\n", fmt::join(sub.names, "|"),
                       function_name(path + " " + sub.names.front()));
  }
  out += "      esac ;;\n  esac\n}\n\n";
  for (const CompletionCommand& sub : command.commands)
    add_zsh_function(sub, path + " " + sub.names.front(), out);
}

constexpr const char* kZshModels = R"zsh(_hearth_models() {
  local -a names
  names=(${(f)"$(hearth completion models 2> /dev/null)"})
  compadd -a names
}

_hearth_models_and_files() {
  _alternative 'models:model:_hearth_models' 'files:file:_files'
}

)zsh";

// --- fish

std::string fish_quoted(std::string text) {
  return "'" + replaced(replaced(std::move(text), "\\", "\\\\"), "'", "\\'") + "'";
}

constexpr const char* kFishModels = "(hearth completion models 2>/dev/null)";

void add_fish_values(const CompletionValues& values, std::string& line) {
  switch (values.kind) {
    case Kind::kNothing:
      return;
    case Kind::kWords:
      line += fmt::format(" -a {}", fish_quoted(fmt::format("{}", fmt::join(values.words, " "))));
      return;
    case Kind::kFiles:
      line += " -F";
      return;
    case Kind::kModels:
      line += fmt::format(" -a {}", fish_quoted(kFishModels));
      return;
    case Kind::kModelsAndFiles:
      line += fmt::format(" -F -a {}", fish_quoted(kFishModels));
      return;
  }
}

// `condition`: that the command line has come to this command.
void add_fish_lines(const CompletionCommand& command, const std::string& condition, std::string& out) {
  const std::string when = condition.empty() ? "" : " -n " + fish_quoted(condition);
  for (const CompletionOption& option : command.options) {
    std::string line = "complete -c hearth" + when;
    for (const std::string& name : option.names)
      line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (option.takes_value) line += option.values.kind == Kind::kFiles ? " -r" : " -x";
    add_fish_values(option.values, line);
    out += fmt::format("{} -d {}\n", line, fish_quoted(brief(option.description)));
  }
  for (const CompletionValues& values : command.positionals) {
    if (values.kind == Kind::kNothing) continue;
    std::string line = "complete -c hearth" + when;
    add_fish_values(values, line);
    out += line + "\n";
  }
  if (command.commands.empty()) return;
  std::vector<std::string> names;
  for (const CompletionCommand& sub : command.commands)
    names.insert(names.end(), sub.names.begin(), sub.names.end());
  const std::string none_yet = fmt::format("not __fish_seen_subcommand_from {}", fmt::join(names, " "));
  const std::string here = condition.empty() ? "__fish_use_subcommand" : condition + "; and " + none_yet;
  for (const CompletionCommand& sub : command.commands) {
    for (const std::string& name : sub.names) {
      out += fmt::format("complete -c hearth -n {} -a {} -d {}\n", fish_quoted(here), name,
                         fish_quoted(brief(sub.description)));
    }
    const std::string seen = fmt::format("__fish_seen_subcommand_from {}", fmt::join(sub.names, " "));
    add_fish_lines(sub, condition.empty() ? seen : fmt::format("{}; and {}", condition, seen), out);
  }
}

}  // namespace

std::string bash_completion(const CompletionCommand& root) {
  std::string describe;
  std::string kinds;
  add_bash_cases(root, {""}, describe, kinds);
  return "# What completes hearth in bash 4.4 or later. Made by: hearth completion bash\n\n"
         "_hearth_describe() {\n  case $1 in\n" +
         describe + "  esac\n}\n\n_hearth_kind() {\n  kind='-'\n  case $1 in\n" + kinds + "  esac\n}\n" +
         kBashMain;
}

std::string zsh_completion(const CompletionCommand& root) {
  std::string out = "#compdef hearth\n# What completes hearth in zsh. Made by: hearth completion zsh\n\n";
  out += kZshModels;
  add_zsh_function(root, root.names.front(), out);
  // Sourced, it registers itself; found in fpath, it is the body of _hearth.
  return out +
         "if [[ $funcstack[1] == _hearth ]]; then\n  _hearth \"$@\"\nelse\n  compdef _hearth hearth\nfi\n";
}

std::string fish_completion(const CompletionCommand& root) {
  std::string out =
      "# What completes hearth in fish. Made by: hearth completion fish\n\ncomplete -c hearth -e\ncomplete "
      "-c hearth -f\n";
  add_fish_lines(root, "", out);
  return out;
}

}  // namespace hearth::cli
