// The one place that names a concrete backend.
#include "backends/cpu/cpu_backend.h"
#include "backends/cpu/gemm.h"
#include "base/cpu.h"
#include "cli/command_line.h"

namespace {

hearth::Result<std::unique_ptr<hearth::tensor::Backend>> make_backend(int n_threads) {
  HEARTH_ASSIGN(const hearth::Isa isa, hearth::choose_isa());
  return hearth::cpu::make_cpu_backend({isa, n_threads});
}

hearth::Result<std::unique_ptr<hearth::tensor::Gemm>> make_gemm(hearth::ThreadPool& pool,
                                                                hearth::tensor::GemmPrecision precision) {
  HEARTH_ASSIGN(const hearth::Isa isa, hearth::choose_isa());
  return hearth::cpu::make_gemm(isa, pool, precision);
}

}  // namespace

int main(int argc, char** argv) {
  return hearth::cli::run_command_line(argc, argv, make_backend, make_gemm);
}
