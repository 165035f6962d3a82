// Takes from a process what it does not need to compute: files, network, other processes, new code.
//
// What is left: memory that is not executable, threads, clocks, random numbers, reading and writing what is
// open already (docs/decisions/0017-sealed-engine-processes.md).
#pragma once

#include <string>

#include "base/result.h"

namespace hearth {

// Seals the calling process for good. To be called by a process with one thread; threads that it starts later
// are sealed too. A denied call fails with EPERM.
//
// Returns what it is sealed by: "seccomp, Landlock 4", or "seccomp" where the kernel has no Landlock. Errors:
// kUnsupported where the kernel does not filter system calls, in which case the process is not sealed.
Result<std::string> seal_process();

}  // namespace hearth
