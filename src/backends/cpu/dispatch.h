#pragma once

#include "backends/cpu/kernels.h"
#include "base/cpu.h"

namespace hearth::cpu {

struct KernelSet {
  const Kernels* kernels;    // null where this build has no such set (kRef is none)
  const TileKernels* tiles;  // null for sets that have none
  const Bf16Kernels* bf16;   // the same
};

// Whether the machine can run them is check_isa's to say.
KernelSet kernels_for(Isa isa) noexcept;

}  // namespace hearth::cpu
