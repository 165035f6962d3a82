// What this machine is made of, as hwloc and the kernel tell it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::cli {

struct Cache {
  std::string name;  // "L2", "L1i"
  uint64_t size_bytes = 0;
  int count = 0;  // how many of that size there are
};

struct Machine {
  std::string cpu;         // the processor's own name, may be empty
  int physical_cores = 0;  // those that this process may use, as all that follows
  int logical_cores = 0;
  int numa_nodes = 0;
  std::vector<Cache> caches;     // nearest to the cores first
  uint64_t memory_bytes = 0;     // of the machine
  uint64_t available_bytes = 0;  // without swapping; the control group's limit, if that is less
  std::vector<std::string> gpus;
  std::string os;      // "Debian GNU/Linux 12 (bookworm)"
  std::string kernel;  // "Linux 6.1.0 x86_64"

  uint64_t all_caches_bytes() const;
};

// kIo where hwloc finds nothing.
Result<Machine> inspect_machine();

// The read bandwidth of n_threads threads, with a buffer that the caches cannot hold but the memory easily
// can.
Result<double> measure_machine_bandwidth(const Machine& machine, int n_threads);

}  // namespace hearth::cli
