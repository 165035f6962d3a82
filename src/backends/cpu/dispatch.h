#pragma once

#include "backends/cpu/kernels.h"
#include "base/cpu.h"

namespace hearth::cpu {

// The kernels of a set, or null where this build has none (kRef is no such set). Whether the machine can run
// them is check_isa's to say.
const Kernels* kernels_for(Isa isa) noexcept;

}  // namespace hearth::cpu
