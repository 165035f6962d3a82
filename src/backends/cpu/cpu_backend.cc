#include "backends/cpu/cpu_backend.h"

#include <new>

#include "backends/cpu/cpu_backend_impl.h"
#include "backends/cpu/dispatch.h"
#include "backends/cpu/ref/ref_backend.h"

namespace hearth::cpu {

Result<std::unique_ptr<tensor::Backend>> make_cpu_backend(const CpuOptions& options) {
  if (options.n_threads < 1) {
    return make_error(ErrorCode::kInvalidArgument, "threads: expected at least 1, found {}",
                      options.n_threads);
  }
  HEARTH_TRY(check_isa(options.isa));
  if (options.isa == Isa::kRef) return std::unique_ptr<tensor::Backend>(std::make_unique<RefBackend>());
  const KernelSet set = kernels_for(options.isa);
  if (set.kernels == nullptr) {
    return make_error(ErrorCode::kUnsupported, "this build has no {} kernels", isa_name(options.isa));
  }
  return std::unique_ptr<tensor::Backend>(std::make_unique<CpuBackend>(options.isa, set, options.n_threads));
}

std::string CpuBackend::description() const {
  return fmt::format("cpu ({}, {} thread{})", isa_name(isa_), pool_.size(), pool_.size() == 1 ? "" : "s");
}

void Scratch::Free::operator()(std::byte* p) const noexcept {
  ::operator delete[](p, std::align_val_t{64});
}

void* Scratch::take(size_t size_bytes) {
  if (size_bytes > size_bytes_) {
    memory_.reset();
    memory_.reset(new (std::align_val_t{64}) std::byte[size_bytes]);
    size_bytes_ = size_bytes;
  }
  return memory_.get();
}

}  // namespace hearth::cpu
