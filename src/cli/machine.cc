#include "cli/machine.h"

#include <hwloc.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <memory>
#include <type_traits>

#include "base/cpu.h"
#include "metrics/read_bandwidth.h"

namespace hearth::cli {
namespace {

using Topology = std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, decltype(&hwloc_topology_destroy)>;

Result<Topology> load_topology() {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return Error(ErrorCode::kIo, "hwloc: cannot be initialised");
  Topology topology(raw, hwloc_topology_destroy);
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  hwloc_topology_set_icache_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL);
  if (hwloc_topology_load(raw) != 0)
    return Error(ErrorCode::kIo, "hwloc: cannot read the machine's topology");
  return topology;
}

int count_of(const Topology& topology, hwloc_obj_type_t type) {
  return std::max(0, hwloc_get_nbobjs_by_type(topology.get(), type));
}

std::vector<Cache> read_caches(const Topology& topology) {
  std::vector<Cache> caches;
  constexpr hwloc_obj_type_t kTypes[] = {HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE,
                                         HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};
  constexpr const char* kNames[] = {"L1i", "L1d", "L2", "L3", "L4"};
  for (size_t i = 0; i < std::size(kTypes); ++i) {
    for (hwloc_obj_t cache = nullptr;
         (cache = hwloc_get_next_obj_by_type(topology.get(), kTypes[i], cache));) {
      const uint64_t size = cache->attr->cache.size;
      const auto same = std::find_if(caches.begin(), caches.end(), [&](const Cache& known) {
        return known.name == kNames[i] && known.size_bytes == size;
      });
      if (same != caches.end()) {
        ++same->count;
      } else if (size > 0) {
        caches.push_back({kNames[i], size, 1});
      }
    }
  }
  return caches;
}

std::string info_of(hwloc_obj_t object, const char* key) {
  const char* value = hwloc_obj_get_info_by_name(object, key);
  return value == nullptr ? "" : value;
}

// A GPU is a PCI display controller or 3D controller, or an accelerator that the system names.
std::vector<std::string> read_gpus(const Topology& topology) {
  std::vector<std::string> gpus;
  constexpr unsigned kDisplayClass = 0x03;
  constexpr unsigned kAcceleratorClass = 0x12;
  for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_pcidev(topology.get(), device));) {
    const unsigned device_class = device->attr->pcidev.class_id >> 8;
    if (device_class != kDisplayClass && device_class != kAcceleratorClass) continue;
    std::string name = info_of(device, "PCIVendor") + " " + info_of(device, "PCIDevice");
    if (name == " ") {
      name = fmt::format("PCI {:04x}:{:04x}", device->attr->pcidev.vendor_id, device->attr->pcidev.device_id);
    }
    gpus.push_back(name);
  }
  if (!gpus.empty()) return gpus;
  for (hwloc_obj_t device = nullptr; (device = hwloc_get_next_osdev(topology.get(), device));) {
    const hwloc_obj_osdev_type_t type = device->attr->osdev.type;
    if (type == HWLOC_OBJ_OSDEV_GPU || type == HWLOC_OBJ_OSDEV_COPROC) gpus.emplace_back(device->name);
  }
  return gpus;
}

// "MemAvailable:  1234 kB", in bytes; 0 where the key is missing.
uint64_t meminfo(std::string_view key) {
  std::ifstream in("/proc/meminfo");
  std::string name;
  uint64_t kilobytes = 0;
  for (std::string line; in >> name >> kilobytes && std::getline(in, line);) {
    if (name == key) return kilobytes * 1024;
  }
  return 0;
}

// What the control group leaves; the largest number where it sets no limit.
uint64_t control_group_memory() {
  const auto read = [](const char* path, uint64_t fallback) {
    uint64_t value = 0;
    return std::ifstream(path) >> value ? value : fallback;  // "max" is no number
  };
  const uint64_t limit = read("/sys/fs/cgroup/memory.max", UINT64_MAX);
  const uint64_t used = read("/sys/fs/cgroup/memory.current", 0);
  return limit == UINT64_MAX ? limit : limit - std::min(limit, used);
}

std::string os_name() {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  std::ifstream in("/etc/os-release");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kKey)) continue;
    line.erase(0, kKey.size());
    std::erase(line, '"');
    return line;
  }
  return "unknown";
}

std::string kernel_name() {
  utsname names{};
  if (uname(&names) != 0) return "unknown";
  return fmt::format("{} {} {}", names.sysname, names.release, names.machine);
}

}  // namespace

uint64_t Machine::all_caches_bytes() const {
  uint64_t total = 0;
  for (const Cache& cache : caches) total += cache.size_bytes * static_cast<uint64_t>(cache.count);
  return total;
}

Result<Machine> inspect_machine() {
  HEARTH_ASSIGN(const Topology topology, load_topology());
  Machine machine;
  machine.cpu = cpu_brand();
  machine.physical_cores = physical_core_count();
  machine.logical_cores = count_of(topology, HWLOC_OBJ_PU);
  machine.numa_nodes = count_of(topology, HWLOC_OBJ_NUMANODE);
  machine.caches = read_caches(topology);
  machine.memory_bytes = meminfo("MemTotal:");
  machine.available_bytes = std::min(meminfo("MemAvailable:"), control_group_memory());
  machine.gpus = read_gpus(topology);
  machine.os = os_name();
  machine.kernel = kernel_name();
  return machine;
}

Result<double> measure_machine_bandwidth(const Machine& machine, int n_threads) {
  constexpr uint64_t kLeast = uint64_t{256} << 20;
  constexpr uint64_t kMost = uint64_t{2} << 30;
  constexpr uint64_t kTimesTheCaches = 4;
  metrics::ReadBandwidthOptions options;
  options.n_threads = n_threads;
  options.buffer_bytes = std::clamp(kTimesTheCaches * machine.all_caches_bytes(), kLeast, kMost);
  if (options.buffer_bytes > machine.available_bytes / 2) {
    return make_error(ErrorCode::kResourceExhausted,
                      "measuring the read bandwidth needs {} bytes of memory free twice over, found {}",
                      options.buffer_bytes, machine.available_bytes);
  }
  return metrics::measure_read_bandwidth(options);
}

}  // namespace hearth::cli
