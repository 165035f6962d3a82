// Starts a program with exactly the descriptors and the environment that it is given.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"

namespace hearth::server {

struct SpawnedProcess {
  pid_t pid = -1;         // to be waited for by the caller
  UniqueDescriptor ends;  // readable once the process has ended (a pidfd)
};

// descriptors[i] becomes 3 + i in the program; stdin is /dev/null, stdout is stderr, which is kept, and
// everything else is closed. It gets a process group of its own, so that Ctrl-C at a terminal is not for it.
// kIo.
Result<SpawnedProcess> spawn(const std::string& executable, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment,
                             const std::vector<int>& descriptors);

// What an engine process needs of this process's environment: "NAME=value".
std::vector<std::string> engine_environment();
// What a fetcher process needs of it: proxies, besides what programs in general do.
std::vector<std::string> fetcher_environment();

}  // namespace hearth::server
