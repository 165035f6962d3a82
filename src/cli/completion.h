// What a shell must know to complete a command line: the tree of commands, as CLI11 has it, and the scripts
// made of it.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace hearth::cli {

// What an argument or an option's value may be.
struct CompletionValues {
  enum class Kind { kNothing, kWords, kFiles, kModels, kModelsAndFiles };
  Kind kind = Kind::kNothing;
  std::vector<std::string> words;
};

struct CompletionOption {
  std::vector<std::string> names;  // "-q", "--quiet"
  std::string description;
  bool takes_value = false;
  CompletionValues values;
};

struct CompletionCommand {
  std::vector<std::string> names;  // and aliases
  std::string description;
  std::vector<CompletionOption> options;
  std::vector<CompletionValues> positionals;  // in their order
  bool last_repeats = false;
  std::vector<CompletionCommand> commands;
};

// Of everything that help shows. An option's values are those of a type name such as "auto|always|never".
CompletionCommand completion_tree(const CLI::App& app);

std::string bash_completion(const CompletionCommand& root);
std::string zsh_completion(const CompletionCommand& root);
std::string fish_completion(const CompletionCommand& root);

}  // namespace hearth::cli
