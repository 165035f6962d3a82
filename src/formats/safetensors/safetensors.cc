#include "formats/safetensors/safetensors.h"

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <cstring>

#include "base/name_index.h"
#include "formats/safetensors/header.h"
#include "formats/safetensors/limits.h"

namespace hearth::safetensors {
namespace {

static_assert(std::endian::native == std::endian::little, "the header's length is read as it is");

struct DTypeTraits {
  DType dtype;
  std::string_view name;
  uint32_t bits;
};

constexpr std::array kDTypes{
    DTypeTraits{DType::kBool, "BOOL", 8},      DTypeTraits{DType::kF4, "F4", 4},
    DTypeTraits{DType::kF6E2M3, "F6_E2M3", 6}, DTypeTraits{DType::kF6E3M2, "F6_E3M2", 6},
    DTypeTraits{DType::kU8, "U8", 8},          DTypeTraits{DType::kI8, "I8", 8},
    DTypeTraits{DType::kF8E5M2, "F8_E5M2", 8}, DTypeTraits{DType::kF8E4M3, "F8_E4M3", 8},
    DTypeTraits{DType::kF8E8M0, "F8_E8M0", 8}, DTypeTraits{DType::kI16, "I16", 16},
    DTypeTraits{DType::kU16, "U16", 16},       DTypeTraits{DType::kF16, "F16", 16},
    DTypeTraits{DType::kBF16, "BF16", 16},     DTypeTraits{DType::kI32, "I32", 32},
    DTypeTraits{DType::kU32, "U32", 32},       DTypeTraits{DType::kF32, "F32", 32},
    DTypeTraits{DType::kC64, "C64", 64},       DTypeTraits{DType::kF64, "F64", 64},
    DTypeTraits{DType::kI64, "I64", 64},       DTypeTraits{DType::kU64, "U64", 64},
};

constexpr bool stand_in_order() {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (static_cast<size_t>(kDTypes[i].dtype) != i) return false;
  }
  return true;
}
static_assert(stand_in_order());

constexpr uint64_t kLengthBytes = 8;

// Where the data begin, once the length of the header is known to be possible.
Result<uint64_t> read_header_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes) {
    return make_error(ErrorCode::kMalformed, "expected a header length of {} bytes, found a file of {}",
                      kLengthBytes, bytes.size());
  }
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), kLengthBytes);
  const uint64_t most = std::min<uint64_t>(kMaxHeaderBytes, bytes.size() - kLengthBytes);
  if (header_bytes <= most) return header_bytes;
  return make_error(
      header_bytes <= bytes.size() - kLengthBytes ? ErrorCode::kResourceExhausted : ErrorCode::kMalformed,
      "byte 0: expected a header of at most {} bytes, found a length of {}", most, header_bytes);
}

}  // namespace

std::string_view dtype_name(DType dtype) noexcept {
  return kDTypes[static_cast<size_t>(dtype)].name;
}

uint32_t dtype_bits(DType dtype) noexcept {
  return kDTypes[static_cast<size_t>(dtype)].bits;
}

std::optional<DType> dtype_from_name(std::string_view name) noexcept {
  for (const DTypeTraits& traits : kDTypes) {
    if (traits.name == name) return traits.dtype;
  }
  return std::nullopt;
}

std::string shape_text(std::span<const uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<File> File::of(MappedFile mapped, std::string name) {
  const auto mapping = std::make_shared<const MappedFile>(std::move(mapped));
  HEARTH_ASSIGN(File file, parse(mapping->bytes(), std::move(name)));
  file.mapping_ = mapping;
  return file;
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  const auto header_bytes = read_header_bytes(bytes);
  if (!header_bytes) return header_bytes.error().in(name);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, *header_bytes);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + *header_bytes);
  auto header = read_header(text, data.size());
  if (!header) return header.error().in(name);
  File file;
  file.name_ = std::move(name);
  file.size_bytes_ = bytes.size();
  file.metadata_ = std::move(header->metadata);
  file.tensors_.reserve(header->tensors.size());
  for (HeaderTensor& tensor : header->tensors) {
    file.tensors_.push_back({std::move(tensor.name), tensor.dtype, std::move(tensor.shape),
                             data.subspan(tensor.begin, tensor.end - tensor.begin)});
  }
  file.by_name_ = index_by_name(file.tensors_, &TensorInfo::name);
  return file;
}

const TensorInfo* File::find_tensor(std::string_view name) const noexcept {
  return find_by_name(tensors_, by_name_, &TensorInfo::name, name);
}

}  // namespace hearth::safetensors
