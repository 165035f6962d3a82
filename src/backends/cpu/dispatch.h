#pragma once

#include <array>

#include "backends/cpu/kernels.h"
#include "base/cpu.h"

namespace hearth::cpu {

struct KernelSet {
  const Kernels* kernels;  // null where this build has no such set (kRef is none)
  // For more and more activation rows, in this order; null where there are none, or no more.
  std::array<const TileKernels*, 2> tiles;
  const Bf16Kernels* bf16;  // null for sets that have none
};

// Whether the machine can run them is check_isa's to say.
KernelSet kernels_for(Isa isa) noexcept;

}  // namespace hearth::cpu
