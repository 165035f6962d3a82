#include "formats/gguf/tensors.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/checked.h"
#include "base/excerpt.h"
#include "formats/gguf/limits.h"

namespace hearth::gguf {
namespace {

using tensor::DType;
using tensor::Shape;

// In the order of the file: innermost first.
struct FileDims {
  std::array<uint64_t, Shape::kMaxRank> dims{};
  uint32_t rank = 0;

  std::span<const uint64_t> used() const { return std::span(dims).first(rank); }
};

Result<FileDims> read_dims(Reader& reader) {
  FileDims result;
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(result.rank, reader.number<uint32_t>("a rank"));
  if (result.rank < 1 || result.rank > Shape::kMaxRank) {
    return make_error(ErrorCode::kMalformed, "byte {}: expected a rank from 1 to {}, found {}", offset,
                      Shape::kMaxRank, result.rank);
  }
  for (uint32_t i = 0; i < result.rank; ++i) {
    const uint64_t dim_offset = reader.offset();
    HEARTH_ASSIGN(result.dims[i], reader.number<uint64_t>("a dimension"));
    if (result.dims[i] == 0) {
      return make_error(ErrorCode::kMalformed, "byte {}: expected dimensions of at least 1, found 0",
                        dim_offset);
    }
  }
  return result;
}

Result<DType> read_dtype(Reader& reader) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const uint32_t id, reader.number<uint32_t>("a tensor type"));
  if (const auto dtype = tensor::dtype_from_id(id)) return *dtype;
  return make_error(ErrorCode::kUnsupported,
                    "byte {}: expected a tensor type that Hearth knows, found id {}, which is unknown or was "
                    "withdrawn",
                    offset, id);
}

// The shape as the engine writes it, after which no product of its dimensions overflows.
Result<Shape> to_shape(const FileDims& dims) {
  uint64_t n_elements = 1;
  for (const uint64_t dim : dims.used()) {
    if (!checked_mul(n_elements, dim, n_elements) || n_elements > INT64_MAX) {
      return make_error(ErrorCode::kMalformed, "expected fewer than 2^63 elements, found dimensions {}",
                        fmt::join(dims.used(), " x "));
    }
  }
  Shape shape;
  for (uint32_t i = dims.rank; i > 0; --i) shape.push_back(static_cast<int64_t>(dims.dims[i - 1]));
  return shape;
}

Result<uint64_t> data_size(DType dtype, const FileDims& dims) {
  const auto& traits = tensor::dtype_traits(dtype);
  const uint64_t n_columns = dims.dims[0];
  if (n_columns % traits.block_elements != 0) {
    return make_error(ErrorCode::kMalformed,
                      "expected rows of whole {} blocks of {} elements, found {} elements", traits.name,
                      traits.block_elements, n_columns);
  }
  uint64_t size_bytes = 0;
  bool fits = checked_mul<uint64_t>(n_columns / traits.block_elements, traits.block_bytes, size_bytes);
  for (const uint64_t dim : dims.used().subspan(1)) fits = fits && checked_mul(size_bytes, dim, size_bytes);
  if (fits) return size_bytes;
  return make_error(ErrorCode::kMalformed, "expected fewer than 2^64 bytes, found {} of {}",
                    fmt::join(dims.used(), " x "), traits.name);
}

Result<uint64_t> read_data_offset(Reader& reader, uint32_t alignment) {
  const uint64_t at = reader.offset();
  HEARTH_ASSIGN(const uint64_t offset, reader.number<uint64_t>("a data offset"));
  if (offset % alignment == 0) return offset;
  return make_error(ErrorCode::kMalformed,
                    "byte {}: expected a data offset that is a multiple of {}, found {}", at, alignment,
                    offset);
}

// Everything of a descriptor but its name; sets `data_offset`, which counts from the start of the data.
Result<void> read_descriptor(Reader& reader, uint32_t alignment, TensorInfo& tensor, uint64_t& data_offset) {
  HEARTH_ASSIGN(const FileDims dims, read_dims(reader));
  HEARTH_ASSIGN(tensor.dtype, read_dtype(reader));
  HEARTH_ASSIGN(tensor.shape, to_shape(dims));
  HEARTH_ASSIGN(tensor.size_bytes, data_size(tensor.dtype, dims));
  HEARTH_ASSIGN(data_offset, read_data_offset(reader, alignment));
  return {};
}

Result<std::string_view> read_name(Reader& reader) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const auto name, reader.string("a tensor name", kMaxNameBytes));
  if (!name.empty()) return name;
  return make_error(ErrorCode::kMalformed, "byte {}: expected a tensor name, found an empty one", offset);
}

Error in_tensor(const TensorInfo& tensor, const Error& error) {
  return error.in(fmt::format("tensor {}", excerpt(tensor.name)));
}

// Finds the data of a tensor in the file, of which the data begins at `start`.
Result<std::span<const std::byte>> place(std::span<const std::byte> file, uint64_t start, uint64_t offset,
                                         uint64_t size_bytes) {
  uint64_t begin = 0;
  uint64_t end = 0;
  if (checked_add(start, offset, begin) && checked_add(begin, size_bytes, end) && end <= file.size()) {
    return file.subspan(begin, size_bytes);
  }
  return make_error(
      ErrorCode::kMalformed,
      "expected {} bytes of data {} bytes into the data at byte {}, found the end of the file at "
      "byte {}",
      size_bytes, offset, start, file.size());
}

// Two tensors of one file that share a byte, or that are one and the same, are no model.
Result<void> check_overlap(std::span<const TensorInfo> tensors) {
  std::vector<uint32_t> by_address(tensors.size());
  std::iota(by_address.begin(), by_address.end(), uint32_t{0});
  std::ranges::sort(by_address, {}, [&](uint32_t i) { return tensors[i].data.data(); });
  for (size_t i = 1; i < by_address.size(); ++i) {
    const TensorInfo& before = tensors[by_address[i - 1]];
    const TensorInfo& after = tensors[by_address[i]];
    if (before.data.data() + before.data.size() <= after.data.data()) continue;
    return in_tensor(after,
                     make_error(ErrorCode::kMalformed, "expected data of its own, found that of tensor {}",
                                excerpt(before.name)));
  }
  return {};
}

}  // namespace

Result<void> read_tensors(Reader& reader, uint64_t n_tensors, uint32_t alignment,
                          std::vector<TensorInfo>& tensors) {
  if (n_tensors == 0) return {};
  const size_t n_before = tensors.size();
  std::vector<uint64_t> offsets(n_tensors);
  for (uint64_t i = 0; i < n_tensors; ++i) {
    TensorInfo tensor;
    auto name = read_name(reader);
    if (!name) return name.error().in(fmt::format("tensor {} of {}", i + 1, n_tensors));
    tensor.name = *name;
    const auto read = read_descriptor(reader, alignment, tensor, offsets[i]);
    if (!read) return in_tensor(tensor, read.error());
    tensors.push_back(tensor);
  }

  uint64_t start = 0;
  if (!checked_align_up<uint64_t>(reader.offset(), alignment, start)) {
    return make_error(ErrorCode::kMalformed, "expected data after byte {}", reader.offset());
  }
  const auto added = std::span(tensors).subspan(n_before);
  for (uint64_t i = 0; i < n_tensors; ++i) {
    auto data = place(reader.whole(), start, offsets[i], added[i].size_bytes);
    if (!data) return in_tensor(added[i], data.error());
    added[i].data = *data;
  }
  return check_overlap(added);
}

}  // namespace hearth::gguf
