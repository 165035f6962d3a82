#include "metrics/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hearth::metrics {
namespace {

// proc(5): the fields of /proc/self/stat after the name, which may have blanks in it; [0] is the third field.
std::vector<std::string> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double number(const std::vector<std::string>& fields, size_t index) {
  return index < fields.size() ? std::strtod(fields[index].c_str(), nullptr) : 0.0;
}

double boot_time_seconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0.0;
}

uint64_t count_open_files() {
  std::error_code error;
  uint64_t n = 0;
  for (std::filesystem::directory_iterator file("/proc/self/fd", error), end; !error && file != end;
       file.increment(error)) {
    ++n;
  }
  return n > 0 ? n - 1 : 0;  // the one that is being listed through
}

}  // namespace

ProcessStats read_process_stats() {
  constexpr size_t kUserTicks = 11;
  constexpr size_t kKernelTicks = 12;
  constexpr size_t kThreads = 17;
  constexpr size_t kStartTicks = 19;
  constexpr size_t kVirtualBytes = 20;
  constexpr size_t kResidentPages = 21;
  const std::vector<std::string> fields = stat_fields();
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));

  ProcessStats stats;
  stats.cpu_seconds = (number(fields, kUserTicks) + number(fields, kKernelTicks)) / ticks_per_second;
  const double boot_s = boot_time_seconds();
  if (boot_s > 0.0) stats.start_time_seconds = boot_s + number(fields, kStartTicks) / ticks_per_second;
  stats.virtual_bytes = static_cast<uint64_t>(number(fields, kVirtualBytes));
  stats.resident_bytes = static_cast<uint64_t>(number(fields, kResidentPages)) * page_bytes;
  stats.n_threads = static_cast<uint64_t>(number(fields, kThreads));
  stats.n_open_files = count_open_files();
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) stats.max_open_files = files.rlim_cur;
  return stats;
}

}  // namespace hearth::metrics
