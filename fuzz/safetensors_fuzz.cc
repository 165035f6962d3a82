// A safetensors file, or an index of several, of any bytes is read or refused, and what was read is safe to
// use.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "formats/safetensors/safetensors.h"
#include "formats/safetensors/shards.h"

namespace {

// Every byte of the data belongs to one tensor.
void walk(const hearth::safetensors::File& file) {
  uint64_t data_bytes = 0;
  unsigned sum = 0;
  for (const hearth::safetensors::TensorInfo& tensor : file.tensors()) {
    HEARTH_CHECK(file.find_tensor(tensor.name) == &tensor);
    uint64_t n_bits = hearth::safetensors::dtype_bits(tensor.dtype);
    for (const uint64_t dim : tensor.shape) n_bits *= dim;
    HEARTH_CHECK(tensor.data.size() * 8 == n_bits);
    for (const std::byte byte : tensor.data) sum += std::to_integer<unsigned>(byte);
    data_bytes += tensor.data.size();
  }
  HEARTH_CHECK(data_bytes + 8 <= file.size_bytes() && sum <= 255 * data_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(data, size);
  if (const auto file = hearth::safetensors::File::parse(std::as_bytes(bytes), "fuzz")) walk(*file);
  const auto index = hearth::safetensors::parse_index({reinterpret_cast<const char*>(data), size});
  if (index) {
    for (const auto& [tensor, file] : *index) HEARTH_CHECK(tensor.size() + file.size() <= size);
  }
  return 0;
}
