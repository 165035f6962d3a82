// How much memory there is for models.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace hearth::server {

// Bytes that programs can still have without swapping: what the machine has available, or what the control
// groups of this process leave, if that is less. File pages in the cache count as available.
uint64_t available_memory_bytes();

// Memory of a process that is no file's: what it holds for itself. 0 where it cannot be read.
uint64_t private_memory_bytes(pid_t pid);

}  // namespace hearth::server
