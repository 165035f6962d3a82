// Takes from a process what it does not need to compute: files, network, other processes, new code.
//
// What is left: memory that is not executable, threads, clocks, random numbers, reading and writing what is
// open already (docs/decisions/0017-sealed-engine-processes.md).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth {

// Seals the calling process for good. To be called by a process with one thread; threads that it starts later
// are sealed too. A denied call fails with EPERM.
//
// Returns what it is sealed by: "seccomp, Landlock 4", or "seccomp" where the kernel has no Landlock. Errors:
// kUnsupported where the kernel does not filter system calls, in which case the process is not sealed.
Result<std::string> seal_process();

// What a process that downloads keeps besides.
struct DownloadReach {
  std::vector<std::filesystem::path> writable;  // folders: files in and below them; or files
  std::vector<std::filesystem::path> readable;  // files and folders; those that are not there are left out
};

// Like seal_process(), but the process may connect to other machines (TCP and UDP over IPv4 and IPv6; it can
// accept nobody), and open the files of `reach`. Files need Landlock 2 (Linux 5.19): where the kernel has
// less, the result says "seccomp" alone, and the process can open what its person can. kIo where a folder of
// `writable` cannot be opened.
Result<std::string> seal_downloader(const DownloadReach& reach);

}  // namespace hearth
