#include "server/models/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

namespace hearth::server {
namespace {

namespace fs = std::filesystem;

// The number behind a name in a file of lines "name 123 ..."; 0 where there is none.
uint64_t number_after(const fs::path& path, const std::string& name) {
  std::ifstream in(path);
  std::string word;
  uint64_t number = 0;
  for (std::string rest; in >> word >> number && std::getline(in, rest);) {
    if (word == name) return number;
  }
  return 0;
}

uint64_t left_in_group(const fs::path& group) {
  uint64_t limit = 0;
  uint64_t used = 0;
  // "max" is no number: no limit.
  if (!(std::ifstream(group / "memory.max") >> limit)) return UINT64_MAX;
  if (!(std::ifstream(group / "memory.current") >> used)) return limit;
  used -= std::min(used, number_after(group / "memory.stat", "file"));
  return limit - std::min(limit, used);
}

// Of this process's group and all above it (version 2).
uint64_t left_in_control_groups() {
  const fs::path root = "/sys/fs/cgroup";
  uint64_t left = left_in_group(root);
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0::/")) continue;
    for (fs::path group = root / line.substr(4); group != root && group.has_relative_path();
         group = group.parent_path()) {
      left = std::min(left, left_in_group(group));
    }
  }
  return left;
}

}  // namespace

uint64_t available_memory_bytes() {
  const uint64_t available = number_after("/proc/meminfo", "MemAvailable:") * 1024;
  return std::min(available, left_in_control_groups());
}

uint64_t private_memory_bytes(pid_t pid) {
  uint64_t total = 0;
  uint64_t resident = 0;
  uint64_t shared = 0;
  std::ifstream in(fmt::format("/proc/{}/statm", pid));
  if (!(in >> total >> resident >> shared)) return 0;
  return (resident - std::min(resident, shared)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace hearth::server
