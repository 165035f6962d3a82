// The interactive session of `hearth run`: lines in, answers out, commands that begin with '/'.
#pragma once

#include "base/result.h"
#include "cli/session.h"

namespace hearth::cli {

// Until /bye or the end of the input. Ctrl-C stops an answer, not the session. Errors of an answer or a
// command are shown and the session goes on; an error comes back only where it cannot.
Result<void> run_repl(Session& session, bool verbose);

}  // namespace hearth::cli
