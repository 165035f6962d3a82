// The commands that work on the store's folder itself, beside those of cli/command.h, and what shells are
// told.
#pragma once

#include "cli/command.h"

namespace hearth::cli {

void add_history_command(CLI::App& parser, Action& action);
void add_rollback_command(CLI::App& parser, Action& action);
// `exit_code`: what the process ends with where the action succeeds, as diff(1) has it. It outlives the
// action.
void add_diff_command(CLI::App& parser, Action& action, int& exit_code);
void add_sign_command(CLI::App& parser, Action& action);
void add_export_command(CLI::App& parser, Action& action);
void add_import_command(CLI::App& parser, Action& action);
void add_completion_command(CLI::App& parser, Action& action);

}  // namespace hearth::cli
