// The command line of `hearth`, from argv to an exit code.
#pragma once

#include "cli/command.h"

namespace hearth::cli {

// Runs the command that the arguments name. Results go to stdout, everything else to stderr. Returns 0: done,
// 1: the work failed, 2: the command line is wrong, 130: interrupted. Installs the handler of Ctrl-C; nothing
// is thrown.
int run_command_line(int argc, const char* const* argv, const BackendFactory& make_backend,
                     const GemmFactory& make_gemm);

}  // namespace hearth::cli
