#include "metrics/energy.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace hearth::metrics {
namespace {

class Energy : public ::testing::Test {
 protected:
  void write(const std::string& zone, const char* file, const std::string& text) {
    std::filesystem::create_directories(folder.path() / zone);
    std::ofstream(folder.path() / zone / file) << text << "\n";
  }
  void add(const std::string& zone, const std::string& name, uint64_t uj) {
    write(zone, "name", name);
    write(zone, "max_energy_range_uj", "1000000");
    write(zone, "energy_uj", std::to_string(uj));
  }

  testing::TemporaryFolder folder;
};

TEST_F(Energy, IsThatOfAllPackages_AcrossTheirEnds) {
  add("intel-rapl:0", "package-0", 900'000);
  add("intel-rapl:1", "package-1", 0);
  add("intel-rapl:0:0", "core", 5);
  add("intel-rapl:2", "psys", 7);
  EnergyMeter meter(folder.path());
  EXPECT_EQ(meter.joules(), 0.0);
  add("intel-rapl:0", "package-0", 100'000);
  add("intel-rapl:1", "package-1", 300'000);
  add("intel-rapl:0:0", "core", 90'000);
  add("intel-rapl:2", "psys", 90'000);
  EXPECT_NEAR(meter.joules().value(), 0.5, 1e-9);
  add("intel-rapl:1", "package-1", 400'000);
  EXPECT_NEAR(meter.joules().value(), 0.6, 1e-9);
}

TEST_F(Energy, WhereNothingTells_IsUnknown) {
  EXPECT_EQ(EnergyMeter(folder.path()).joules(), std::nullopt);
  EXPECT_EQ(EnergyMeter(folder.path() / "none").joules(), std::nullopt);
  write("intel-rapl:0", "name", "package-0");
  write("intel-rapl:0", "energy_uj", "no number");
  EXPECT_EQ(EnergyMeter(folder.path()).joules(), std::nullopt);
}

}  // namespace
}  // namespace hearth::metrics
