// What the preloaded library is told, and tells: shared memory behind a descriptor.
#pragma once

#include <cstdint>

namespace store_faults {

inline constexpr int kPlanDescriptor = 9;

enum class Fault : int32_t {
  kNone,         // only counts
  kNoSpace,      // ENOSPC, once
  kDiskFull,     // ENOSPC, from then on, of whatever needs space
  kInputOutput,  // EIO, once
  kShortWrite,   // half of what was to be written
  kKill          // SIGKILL before the call
};

struct Plan {
  char folder[512];  // calls for what lies in it count
  Fault fault;
  int32_t at;                // the number of the call that it happens to, from 0
  volatile int32_t n_calls;  // so far
  volatile int32_t has_happened;
  volatile int64_t n_received;  // bytes from connections
};

}  // namespace store_faults
