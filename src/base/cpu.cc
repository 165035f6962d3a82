#include "base/cpu.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace hearth {
namespace {

#if defined(__x86_64__)

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

constexpr bool bit(uint32_t word, int index) {
  return ((word >> index) & 1U) != 0;
}

uint64_t xgetbv0() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Linux grants the 8 KiB of tile state only to processes that ask for it (arch/x86/include/uapi/asm/prctl.h).
bool request_amx_permission() {
  constexpr int kArchReqXcompPerm = 0x1023;
  constexpr int kXfeatureXtileData = 18;
  return syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureXtileData) == 0;
}

// Bit positions: Intel SDM volume 2A, CPUID; XCR0: volume 1, section 13.3.
CpuFeatures detect() {
  CpuFeatures f;
  const CpuidRegisters l1 = cpuid(1, 0);
  const bool osxsave = bit(l1.ecx, 27);
  if (!osxsave) return f;
  const uint64_t xcr0 = xgetbv0();
  constexpr uint64_t kYmmState = 0x6;
  constexpr uint64_t kZmmState = 0xe6;
  constexpr uint64_t kTileState = 0x60000;
  const bool os_ymm = (xcr0 & kYmmState) == kYmmState;
  const bool os_zmm = (xcr0 & kZmmState) == kZmmState;
  const bool os_tile = (xcr0 & kTileState) == kTileState;
  const CpuidRegisters l7 = cpuid(7, 0);
  const CpuidRegisters l71 = cpuid(7, 1);

  const bool fma = bit(l1.ecx, 12);
  const bool f16c = bit(l1.ecx, 29);
  f.avx2 = os_ymm && bit(l7.ebx, 5) && bit(l7.ebx, 8) && fma && f16c;
  f.avx512 = f.avx2 && os_zmm && bit(l7.ebx, 16) && bit(l7.ebx, 17) && bit(l7.ebx, 30) && bit(l7.ebx, 31);
  f.avx512_vnni = f.avx512 && bit(l7.ecx, 11);
  f.avx512_vbmi = f.avx512 && bit(l7.ecx, 1);
  f.avx512_bf16 = f.avx512 && bit(l71.eax, 5);
  f.avx512_fp16 = f.avx512 && bit(l7.edx, 23);
  f.avx_vnni = f.avx2 && bit(l71.eax, 4);
  const bool amx_bits = bit(l7.edx, 22) && bit(l7.edx, 24) && bit(l7.edx, 25);
  f.amx = f.avx512_vnni && f.avx512_bf16 && os_tile && amx_bits && request_amx_permission();
  return f;
}

#elif defined(__aarch64__)

CpuFeatures detect() {
  CpuFeatures f;
  f.dot_product = (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
  return f;
}

#else

CpuFeatures detect() {
  return {};
}

#endif

constexpr std::array<std::pair<Isa, std::string_view>, std::size(kAllIsas)> kIsaNames{
    {{Isa::kRef, "ref"},
     {Isa::kScalar, "scalar"},
     {Isa::kAvx2, "avx2"},
     {Isa::kAvx512, "avx512"},
     {Isa::kAmx, "amx"},
     {Isa::kNeon, "neon"}}};

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string_view isa_name(Isa isa) noexcept {
  for (const auto& [value, name] : kIsaNames) {
    if (value == isa) return name;
  }
  return "unknown";
}

Result<Isa> parse_isa(std::string_view name) {
  for (const auto& [value, known] : kIsaNames) {
    if (known == name) return value;
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "unknown instruction set '{}': expected ref, scalar, avx2, avx512, amx or neon", name);
}

Result<void> check_isa(Isa isa) {
  const CpuFeatures& f = cpu_features();
  const auto missing = [&](const char* what) {
    return make_error(ErrorCode::kUnsupported, "this machine cannot run the {} kernels: it lacks {}",
                      isa_name(isa), what);
  };
  switch (isa) {
    case Isa::kRef:
    case Isa::kScalar:
      break;
    case Isa::kAvx2:
      if (!f.avx2) return missing("AVX2, FMA, F16C or BMI2");
      break;
    case Isa::kAvx512:
      if (!f.avx512) return missing("AVX-512 F, BW, DQ or VL");
      if (!f.avx512_vnni) return missing("AVX-512 VNNI");
      break;
    case Isa::kAmx:
      if (!f.amx) return missing("AMX (tile, int8, bf16), or the operating system does not allow it");
      break;
    case Isa::kNeon:
      if (!f.dot_product) return missing("ARM's vectors with dot products (asimddp)");
      break;
  }
  return {};
}

Result<Isa> choose_isa() {
  const char* forced = std::getenv("HEARTH_ISA");
  if (forced != nullptr && *forced != '\0') {
    auto isa = parse_isa(forced);
    if (!isa) return isa.error().in("HEARTH_ISA");
    if (auto available = check_isa(*isa); !available) return available.error().in("HEARTH_ISA");
    return isa;
  }
  for (const Isa isa : {Isa::kAmx, Isa::kAvx512, Isa::kAvx2, Isa::kNeon}) {
    if (check_isa(isa)) return isa;
  }
  return Isa::kScalar;
}

std::string cpu_brand() {
#if defined(__x86_64__)
  std::array<char, 49> brand{};
  for (uint32_t i = 0; i < 3; ++i) {
    const CpuidRegisters r = cpuid(0x80000002U + i, 0);
    std::memcpy(brand.data() + i * sizeof(r), &r, sizeof(r));
  }
  std::string name(brand.data());
  const auto begin = name.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  name.erase(0, begin);
  name.erase(name.find_last_not_of(' ') + 1);
  return name;
#else
  return {};
#endif
}

int physical_core_count() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  // Two hardware threads of one core share their list of siblings.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream in(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
    std::string siblings;
    if (!std::getline(in, siblings)) siblings = fmt::format("{}", cpu);
    cores.insert(siblings);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace hearth
