// What this processor can execute, from CPUID (x86-64) or the kernel's list of features (64-bit ARM); never
// from the model number, which hypervisors get wrong.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {

struct CpuFeatures {
  bool avx2 = false;    // AVX2, FMA, F16C and BMI2, with the OS saving YMM state
  bool avx512 = false;  // AVX-512 F, BW, DQ, VL, with the OS saving ZMM state
  bool avx512_vnni = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool avx512_vbmi = false;
  bool avx_vnni = false;
  bool amx = false;          // AMX tile, int8 and bf16, with the kernel's permission for tile state granted
  bool dot_product = false;  // on ARM: dot products of bytes in vectors (SDOT, an option since Armv8.2)
};

// Detected once. Thread-safe. The first call asks the kernel for AMX tile state (arch_prctl).
const CpuFeatures& cpu_features();

// The kernel sets that Hearth has, of each architecture slowest first. kRef is the oracle: plain loops in
// double precision.
enum class Isa { kRef, kScalar, kAvx2, kAvx512, kAmx, kNeon };
inline constexpr Isa kAllIsas[] = {Isa::kRef, Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAmx, Isa::kNeon};

std::string_view isa_name(Isa isa) noexcept;
// "ref", "scalar", "avx2", "avx512", "amx" or "neon"; anything else is kInvalidArgument and names the
// choices.
Result<Isa> parse_isa(std::string_view name);
// kUnsupported, naming what is missing, if this machine cannot run it.
Result<void> check_isa(Isa isa);
// HEARTH_ISA where it is set (an unknown or unavailable one is an error), else the best that this machine
// runs.
Result<Isa> choose_isa();

// The processor's own name of itself ("Intel(R) Xeon(R) Processor"), empty where unknown.
std::string cpu_brand();

// Processors that this process may run on (its affinity mask), counting one per physical core.
int physical_core_count();

}  // namespace hearth
