// Commands that talk to a server: ps, stop, list, show, cp, rm, pull and push; and what `hearth run NAME`
// does with a name.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/parameters.h"
#include "protocol/engine.pb.h"

namespace hearth::cli {

void add_ps_command(CLI::App& parser, Action& action);
void add_stop_command(CLI::App& parser, Action& action);
void add_list_command(CLI::App& parser, Action& action);
void add_show_command(CLI::App& parser, Action& action);
void add_cp_command(CLI::App& parser, Action& action);
void add_rm_command(CLI::App& parser, Action& action);
void add_pull_command(CLI::App& parser, Action& action);
void add_push_command(CLI::App& parser, Action& action);

struct RemoteRun {
  std::string model;
  std::optional<std::string> prompt;  // nothing: a session begins
  std::string system;
  Parameters parameters;  // those that differ from the defaults are sent
  bool raw = false;       // no template; for a prompt only
  bool verbose = false;
  bool json = false;                                    // the answer is one JSON object; for a prompt only
  std::optional<protocol::Constraint> constraint = {};  // on the answers
};

// Whether MODEL of `hearth run` names a model of the server: there is no such file or folder, and it does not
// look like the path of one (a beginning with '.', '/' or '~', an ending in .gguf or .safetensors).
bool is_server_model(const std::string& model);

// What `hearth pull` does. The errors of HttpClient, and the server's.
Result<void> pull_model(const std::string& model, const Context& context);

// Answers the prompt, or talks, by /api/chat. What the model thinks goes to stderr. A model that the server
// does not have is pulled first.
Result<void> run_remote(const RemoteRun& run, const Context& context);

}  // namespace hearth::cli
