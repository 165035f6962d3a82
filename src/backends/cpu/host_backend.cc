#include "backends/cpu/host_backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/checked.h"
#include "quant/quant.h"

namespace hearth::cpu {
namespace {

using tensor::DType;
using tensor::Tensor;

constexpr size_t kHugePageBytes = size_t{2} << 20;

// Anonymous pages: zero until touched, and given back whole.
class MappedBuffer final : public tensor::Buffer {
 public:
  MappedBuffer(void* mapping, size_t mapped_bytes, void* data, size_t size_bytes)
      : mapping_(mapping), mapped_bytes_(mapped_bytes), data_(data), size_bytes_(size_bytes) {}
  MappedBuffer(const MappedBuffer&) = delete;
  MappedBuffer& operator=(const MappedBuffer&) = delete;
  ~MappedBuffer() override { munmap(mapping_, mapped_bytes_); }

  void* data() noexcept override { return data_; }
  size_t size_bytes() const noexcept override { return size_bytes_; }

 private:
  void* mapping_;
  size_t mapped_bytes_;
  void* data_;
  size_t size_bytes_;
};

}  // namespace

Result<std::shared_ptr<tensor::Buffer>> HostBackend::allocate(size_t size_bytes) {
  const bool large = size_bytes >= 2 * kHugePageBytes;
  size_t mapped_bytes = 0;
  const auto exhausted = [&](const char* reason) {
    return make_error(ErrorCode::kResourceExhausted, "cannot allocate {} bytes of memory: {}", size_bytes,
                      reason);
  };
  if (!checked_add(std::max<size_t>(size_bytes, 1), large ? kHugePageBytes : 0, mapped_bytes)) {
    return exhausted("more than an address can hold");
  }
  void* mapping = mmap(nullptr, mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return exhausted(std::strerror(errno));
  void* data = mapping;
  if (large) {
    size_t space = mapped_bytes;
    HEARTH_CHECK(std::align(kHugePageBytes, size_bytes, data, space) != nullptr);
    madvise(data, size_bytes, MADV_HUGEPAGE);  // a wish: without huge pages everything works, slower
  }
  return std::shared_ptr<tensor::Buffer>(
      std::make_shared<MappedBuffer>(mapping, mapped_bytes, data, size_bytes));
}

bool HostBackend::supports_weight(DType dtype) const noexcept {
  return quant::can_dequantize(dtype);
}

bool HostBackend::supports_kv_type(DType dtype) const noexcept {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || dtype == DType::kQ8_0 ||
         dtype == DType::kQ4_0;
}

Result<Tensor> HostBackend::import_weight(const Tensor& host) {
  return host;
}

void HostBackend::read(const Tensor& from, std::span<float> to) {
  HEARTH_CHECK(static_cast<size_t>(from.shape.n_elements()) == to.size());
  std::copy_n(from.f32(), to.size(), to.data());
}

void HostBackend::write(std::span<const float> from, const Tensor& to) {
  HEARTH_CHECK(static_cast<size_t>(to.shape.n_elements()) == from.size());
  std::copy_n(from.data(), from.size(), to.f32());
}

}  // namespace hearth::cpu
