// What the kernel says about this process.
#pragma once

#include <cstdint>

namespace hearth::metrics {

struct ProcessStats {
  double cpu_seconds = 0.0;         // of all threads, in user and kernel mode
  double start_time_seconds = 0.0;  // since 1970
  uint64_t resident_bytes = 0;
  uint64_t virtual_bytes = 0;
  uint64_t n_open_files = 0;
  uint64_t max_open_files = 0;
  uint64_t n_threads = 0;
};

// What /proc does not tell stays 0.
ProcessStats read_process_stats();

}  // namespace hearth::metrics
