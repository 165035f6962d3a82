// The commands that work on the store's folder itself, beside those of cli/command.h.
#pragma once

#include "cli/command.h"

namespace hearth::cli {

void add_history_command(CLI::App& parser, Action& action);
void add_rollback_command(CLI::App& parser, Action& action);

}  // namespace hearth::cli
