// hearth completion: scripts that let a shell complete hearth's command lines.
#include "cli/completion.h"

#include <algorithm>
#include <array>

#include "cli/models_folder.h"
#include "cli/output.h"
#include "cli/store_commands.h"
#include "server/models/catalog.h"

namespace hearth::cli {
namespace {

using Kind = CompletionValues::Kind;

constexpr std::array<std::string_view, 3> kShells{"bash", "zsh", "fish"};
// Where MODEL is a file or a folder. `run` takes names of the server's models as well.
constexpr std::array<std::string_view, 5> kCommandsOfFiles{"embed", "tokenize", "logits", "perplexity",
                                                           "bench"};

CompletionValues words(std::span<const std::string_view> values) {
  return {Kind::kWords, {values.begin(), values.end()}};
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
  std::vector<const CLI::App*> shown;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    // An option group is a nameless one.
    if (!command->get_name().empty() && !command->get_group().empty()) shown.push_back(command);
  }
  return shown;
}

CompletionValues values_of_option(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  if (type.find('|') != std::string::npos) return {Kind::kWords, split(type, '|')};
  if (type.starts_with("FILE") || type == "FOLDER" || type == "PATH") return {Kind::kFiles, {}};
  return {};
}

CompletionValues values_of_positional(const CLI::App& root, const CLI::App& command,
                                      const CLI::Option& positional) {
  const std::string name = positional.get_name(true);
  const std::string& of = command.get_name();
  if (name == "SHELL") return words(kShells);
  if (name == "COMMAND") {
    CompletionValues values{Kind::kWords, {}};
    for (const CLI::App* one : shown_commands(root)) values.words.push_back(one->get_name());
    return values;
  }
  if (name == "FILE" || name == "TEMPLATE_OR_MODEL") return {Kind::kFiles, {}};
  if (name == "MODEL" && of == "run") return {Kind::kModelsAndFiles, {}};
  if (name == "MODEL" && std::ranges::find(kCommandsOfFiles, of) != kCommandsOfFiles.end())
    return {Kind::kFiles, {}};
  const bool is_key = command.get_parent() != nullptr && command.get_parent()->get_name() == "key";
  if (name == "MODEL" || name == "OTHER" || name == "SOURCE" || (name == "NAME" && !is_key))
    return {Kind::kModels, {}};
  return {};
}

CompletionOption option_of(const CLI::Option& option) {
  CompletionOption made;
  for (const std::string& name : option.get_snames()) made.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) made.names.push_back("--" + name);
  made.description = option.get_description();
  made.takes_value = option.get_items_expected_max() > 0;
  made.values = values_of_option(option);
  return made;
}

void add_options(const CLI::App& root, const CLI::App& command, const CLI::App& holder,
                 CompletionCommand& made) {
  for (const CLI::Option* option : holder.get_options()) {
    if (option->get_group().empty()) continue;
    if (option->get_positional()) {
      made.positionals.push_back(values_of_positional(root, command, *option));
      made.last_repeats = option->get_items_expected_max() > 1;
    } else {
      made.options.push_back(option_of(*option));
    }
  }
}

CompletionCommand command_of(const CLI::App& root, const CLI::App& app) {
  CompletionCommand made;
  made.names.push_back(app.get_name());
  for (const std::string& alias : app.get_aliases()) made.names.push_back(alias);
  made.description = app.get_description();
  add_options(root, app, app, made);
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (group->get_name().empty()) add_options(root, app, *group, made);
  }
  for (const CLI::App* command : shown_commands(app)) made.commands.push_back(command_of(root, *command));
  return made;
}

// Quickly, and without a word where there are none: the names that a server of this folder has.
Result<void> write_model_names() {
  const auto folder = models_folder("");
  if (!folder) return {};
  std::string names;
  for (const server::CatalogEntry& entry : server::Catalog(*folder).entries()) {
    constexpr std::string_view kLatest = ":latest";
    std::string_view name = entry.name;
    if (name.ends_with(kLatest)) name.remove_suffix(kLatest.size());
    names += escape_line(name) + "\n";
  }
  return write_output(names);
}

constexpr const char* kCompletionExamples =
    R"(The script completes commands, options, their values where they are few, files, and the names of the models in this
machine's folder of models.

Examples:
  hearth completion bash > ~/.local/share/bash-completion/completions/hearth
  hearth completion zsh > "${fpath[1]}/_hearth"
  hearth completion fish > ~/.config/fish/completions/hearth.fish
  source <(hearth completion bash))";

}  // namespace

CompletionCommand completion_tree(const CLI::App& app) {
  return command_of(app, app);
}

void add_completion_command(CLI::App& parser, Action& action) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      parser.add_subcommand("completion", "Print a script that completes command lines in a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check([](const std::string& name) {
        // "models" is what the scripts ask for.
        const bool is_known = std::ranges::find(kShells, name) != kShells.end() || name == "models";
        return is_known ? std::string() : fmt::format("expected bash, zsh or fish, found '{}'", name);
      })
      ->type_name("");
  command->footer(kCompletionExamples);
  command->callback([shell, &parser, &action] {
    action = [shell, &parser](const Context&) -> Result<void> {
      if (*shell == "models") return write_model_names();
      const CompletionCommand root = completion_tree(parser);
      if (*shell == "bash") return write_output(bash_completion(root));
      return write_output(*shell == "zsh" ? zsh_completion(root) : fish_completion(root));
    };
  });
}

}  // namespace hearth::cli
