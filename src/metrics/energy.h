// The energy that the machine's processors use, where the kernel tells it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace hearth::metrics {

// Counters of processor packages (RAPL, by the kernel's powercap interface: Documentation/power/powercap of
// Linux). Reading them needs rights that not everybody has. Not thread-safe.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::filesystem::path& powercap = "/sys/class/powercap");

  // Since the meter was made; nothing where no counter can be read. To be asked at least once in some
  // minutes: counters begin anew when they are full, at high load after a quarter of an hour and more.
  std::optional<double> joules();

 private:
  struct Counter {
    std::filesystem::path file;
    uint64_t range_uj;  // at which it begins anew
    uint64_t last_uj;
  };
  std::vector<Counter> counters_;
  double joules_ = 0.0;
};

}  // namespace hearth::metrics
