// Ctrl-C: once asks the work to stop, twice ends the program.
#pragma once

namespace hearth::cli {

// From now on SIGINT sets a flag that the work looks at; a second one, before clear_interrupt(), ends the
// process with exit code 130. System calls that wait return EINTR.
void install_interrupt_handler();

bool interrupted() noexcept;
void clear_interrupt() noexcept;

}  // namespace hearth::cli
