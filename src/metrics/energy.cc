#include "metrics/energy.h"

#include <fstream>
#include <string>

namespace hearth::metrics {
namespace {

namespace fs = std::filesystem;

std::optional<uint64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

// "intel-rapl:0" is a package (AMD's are called the same); "intel-rapl:0:0" is a part of one and counted with
// it, "psys" is the whole machine, packages and all.
bool is_package(const fs::path& zone) {
  const std::string name = zone.filename().string();
  if (!name.starts_with("intel-rapl:") || name.find(':') != name.rfind(':')) return false;
  std::ifstream file(zone / "name");
  std::string kind;
  return file >> kind && kind.starts_with("package");
}

}  // namespace

EnergyMeter::EnergyMeter(const fs::path& powercap) {
  std::error_code failed;
  for (fs::directory_iterator at(powercap, failed), end; !failed && at != end; at.increment(failed)) {
    if (!is_package(at->path())) continue;
    const fs::path file = at->path() / "energy_uj";
    const auto now = read_number(file);
    const auto range = read_number(at->path() / "max_energy_range_uj");
    if (now && range) counters_.push_back({file, *range, *now});
  }
}

std::optional<double> EnergyMeter::joules() {
  if (counters_.empty()) return std::nullopt;
  for (Counter& counter : counters_) {
    const auto now = read_number(counter.file);
    if (!now) continue;
    const uint64_t used =
        *now >= counter.last_uj ? *now - counter.last_uj : *now + counter.range_uj - counter.last_uj;
    joules_ += static_cast<double>(used) * 1e-6;
    counter.last_uj = *now;
  }
  return joules_;
}

}  // namespace hearth::metrics
