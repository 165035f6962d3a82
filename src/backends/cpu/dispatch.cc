#include "backends/cpu/dispatch.h"

namespace hearth::cpu {

extern const Kernels kScalarKernels;
#if defined(__x86_64__)
extern const Kernels kAvx512Kernels;
#endif

const Kernels* kernels_for(Isa isa) noexcept {
  switch (isa) {
    case Isa::kRef:
      return nullptr;
    case Isa::kScalar:
      return &kScalarKernels;
#if defined(__x86_64__)
    case Isa::kAvx2:
      return nullptr;
    case Isa::kAvx512:
      return &kAvx512Kernels;
    case Isa::kAmx:
      return nullptr;
#else
    case Isa::kAvx2:
    case Isa::kAvx512:
    case Isa::kAmx:
      return nullptr;
#endif
  }
  return nullptr;
}

}  // namespace hearth::cpu
