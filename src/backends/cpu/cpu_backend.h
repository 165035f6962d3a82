// The processor as a backend: one implementation of tensor::Backend per kernel set.
#pragma once

#include <memory>

#include "base/cpu.h"
#include "base/result.h"
#include "tensor/backend.h"

namespace hearth::cpu {

struct CpuOptions {
  Isa isa = Isa::kScalar;
  int n_threads = 1;  // with the caller's own; kRef computes on the caller's alone
};

// kUnsupported where this machine or this build lacks the kernel set, kInvalidArgument for n_threads < 1.
Result<std::unique_ptr<tensor::Backend>> make_cpu_backend(const CpuOptions& options);

}  // namespace hearth::cpu
