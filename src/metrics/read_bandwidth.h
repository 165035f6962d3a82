// How fast this machine reads memory: the roof of decoding, which reads every weight once per step.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace hearth::metrics {

struct ReadBandwidthOptions {
  int n_threads = 1;
  uint64_t buffer_bytes = 0;  // much more than the caches hold; shared out among the threads
  int n_repeats = 5;          // the median is taken
};

// Bytes per second that n_threads threads together read of memory that each of them has written first (so
// that it lies near them). kResourceExhausted where the buffer cannot be had. Takes some 0.1 s per GB and
// repeat.
Result<double> measure_read_bandwidth(const ReadBandwidthOptions& options);

}  // namespace hearth::metrics
