// hearth hardware: what this machine has, and what Hearth makes of it.
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "cli/command.h"
#include "cli/machine.h"
#include "cli/output.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

struct HardwareReport {
  Machine machine;
  std::vector<std::string_view> isas;
  std::string_view chosen_isa;
  double bandwidth_one = 0.0;
  double bandwidth_all = 0.0;
};

std::vector<std::string_view> available_isas() {
  std::vector<std::string_view> names;
  for (const Isa isa : kAllIsas) {
    if (check_isa(isa)) names.push_back(isa_name(isa));
  }
  return names;
}

Result<HardwareReport> make_report(const Context& context) {
  HardwareReport report;
  HEARTH_ASSIGN(const Isa isa, choose_isa());
  report.isas = available_isas();
  report.chosen_isa = isa_name(isa);
  HEARTH_ASSIGN(report.machine, inspect_machine());
  ProgressLine progress(context.console);
  progress.show("measuring the read bandwidth");
  HEARTH_ASSIGN(report.bandwidth_one, measure_machine_bandwidth(report.machine, 1));
  HEARTH_ASSIGN(report.bandwidth_all,
                measure_machine_bandwidth(report.machine, report.machine.physical_cores));
  return report;
}

Result<void> print_table(const HardwareReport& report) {
  const Machine& machine = report.machine;
  std::string out;
  const auto row = [&out](std::string_view name, std::string_view value) {
    out += fmt::format("{:<16}{}\n", name, escape_line(value));
  };
  row("processor", machine.cpu.empty() ? "unknown" : machine.cpu);
  row("cores", fmt::format("{} physical, {} logical, {} NUMA node{}", machine.physical_cores,
                           machine.logical_cores, machine.numa_nodes, machine.numa_nodes == 1 ? "" : "s"));
  row("kernels", fmt::format("{} (this machine runs: {})", report.chosen_isa, fmt::join(report.isas, ", ")));
  for (const Cache& cache : machine.caches) {
    row(cache.name + " cache", fmt::format("{} x {}", cache.count, format_binary_bytes(cache.size_bytes)));
  }
  row("memory", fmt::format("{}, {} available", format_bytes(machine.memory_bytes),
                            format_bytes(machine.available_bytes)));
  row("read bandwidth",
      fmt::format("{:.1f} GB/s with 1 thread, {:.1f} GB/s with {}", report.bandwidth_one / 1e9,
                  report.bandwidth_all / 1e9, machine.physical_cores));
  row("GPUs", machine.gpus.empty() ? "none found" : fmt::format("{}", fmt::join(machine.gpus, "; ")));
  row("system", fmt::format("{}, {}", machine.os, machine.kernel));
  return write_output(out);
}

Result<void> print_json(const HardwareReport& report) {
  const Machine& machine = report.machine;
  nlohmann::ordered_json object;
  object["cpu"] = machine.cpu;
  object["physical_cores"] = machine.physical_cores;
  object["logical_cores"] = machine.logical_cores;
  object["numa_nodes"] = machine.numa_nodes;
  object["isa"] = report.chosen_isa;
  object["available_isas"] = report.isas;
  nlohmann::ordered_json& caches = object["caches"] = nlohmann::ordered_json::array();
  for (const Cache& cache : machine.caches) {
    caches.push_back({{"name", cache.name}, {"size_bytes", cache.size_bytes}, {"count", cache.count}});
  }
  object["memory_bytes"] = machine.memory_bytes;
  object["memory_available_bytes"] = machine.available_bytes;
  object["read_bandwidth_gb_per_s"] = report.bandwidth_all / 1e9;
  object["read_bandwidth_one_thread_gb_per_s"] = report.bandwidth_one / 1e9;
  object["gpus"] = machine.gpus;
  object["os"] = machine.os;
  object["kernel"] = machine.kernel;
  return write_json(object);
}

constexpr const char* kHardwareExamples =
    R"(Decoding reads every weight once per token: no model decodes faster than the read bandwidth over its size.
The environment variable HEARTH_ISA chooses other kernels than the best ones.

Examples:
  hearth hardware
  hearth hardware --json
  HEARTH_ISA=avx2 hearth hardware)";

}  // namespace

void add_hardware_command(CLI::App& parser, Action& action) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      parser.add_subcommand("hardware", "Show this machine: cores, kernels, memory and its speed, GPUs");
  command->add_flag("--json", *json, "print one JSON object");
  command->footer(kHardwareExamples);
  command->callback([json, &action] {
    action = [json](const Context& context) -> Result<void> {
      HEARTH_ASSIGN(const HardwareReport report, make_report(context));
      return *json ? print_json(report) : print_table(report);
    };
  });
}

}  // namespace hearth::cli
