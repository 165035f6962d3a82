#include "tests/support/gguf_writer.h"

#include <fmt/format.h>

#include <fstream>

namespace hearth::testing {
namespace {

uint64_t aligned(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  HEARTH_CHECK(!out.fail());
}

}  // namespace

GgufBytes& GgufBytes::tensor(std::string_view name, std::span<const uint64_t> dims, uint32_t type,
                             uint64_t offset) {
  string(name).u32(static_cast<uint32_t>(dims.size()));
  for (const uint64_t dim : dims) u64(dim);
  return u32(type).u64(offset);
}

GgufBytes& GgufBytes::pad_to(uint64_t alignment) {
  bytes_.resize(aligned(bytes_.size(), alignment));
  return *this;
}

GgufWriter& GgufWriter::add_pair(std::string_view key, const GgufBytes& type_and_value) {
  metadata_.string(key).raw(type_and_value.bytes());
  ++n_metadata_;
  return *this;
}

GgufWriter& GgufWriter::add_strings(std::string_view key, const std::vector<std::string>& values) {
  GgufBytes bytes;
  bytes.u32(kGgufArray).u32(kGgufString).u64(values.size());
  for (const std::string& value : values) bytes.string(value);
  return add_pair(key, bytes);
}

GgufWriter& GgufWriter::add_tensor(std::string_view name, const tensor::Shape& shape, tensor::DType dtype,
                                   std::string_view data) {
  tensors_.push_back({std::string(name), shape, dtype, std::string(data)});
  return *this;
}

GgufWriter& GgufWriter::add_tensor(std::string_view name, const tensor::Shape& shape,
                                   const std::vector<float>& values) {
  const auto* data = reinterpret_cast<const char*>(values.data());
  return add_tensor(name, shape, tensor::DType::kF32, {data, values.size() * sizeof(float)});
}

GgufWriter& GgufWriter::add_zeros(std::string_view name, const tensor::Shape& shape, tensor::DType dtype) {
  const tensor::Tensor view{dtype, shape, nullptr};
  return add_tensor(name, shape, dtype, std::string(view.size_bytes(), '\0'));
}

GgufWriter& GgufWriter::set_alignment(uint32_t alignment) {
  alignment_ = alignment;
  has_alignment_ = true;
  return add_u32("general.alignment", alignment);
}

std::string GgufWriter::build() const {
  return build_from(tensors_);
}

void GgufWriter::write(const std::filesystem::path& path) const {
  write_file(path, build());
}

std::string GgufWriter::build_from(std::span<const Tensor> tensors) const {
  GgufBytes out;
  out.header(tensors.size(), n_metadata_, version_).raw(metadata_.bytes());
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    std::vector<uint64_t> dims;
    for (size_t i = tensor.shape.rank(); i > 0; --i)
      dims.push_back(static_cast<uint64_t>(tensor.shape[i - 1]));
    out.tensor(tensor.name, dims, static_cast<uint32_t>(tensor.dtype), offset);
    offset = aligned(offset + tensor.data.size(), alignment_);
  }
  for (const Tensor& tensor : tensors) out.pad_to(alignment_).raw(tensor.data);
  return out.pad_to(alignment_).bytes();
}

std::vector<std::string> GgufWriter::build_split(uint32_t n_parts) const {
  std::vector<std::string> parts;
  for (uint32_t i = 0; i < n_parts; ++i) {
    GgufWriter part(version_);
    if (i == 0) {
      part = *this;
    } else if (has_alignment_) {
      part.set_alignment(alignment_);
    }
    part.add<uint16_t>("split.no", static_cast<uint16_t>(i));
    part.add<uint16_t>("split.count", static_cast<uint16_t>(n_parts));
    part.add_i32("split.tensors.count", static_cast<int32_t>(tensors_.size()));
    const size_t begin = tensors_.size() * i / n_parts;
    const size_t end = tensors_.size() * (i + 1) / n_parts;
    parts.push_back(part.build_from(std::span(tensors_).subspan(begin, end - begin)));
  }
  return parts;
}

std::vector<std::filesystem::path> GgufWriter::write_split(const std::filesystem::path& folder,
                                                           std::string_view name, uint32_t n_parts) const {
  std::vector<std::filesystem::path> paths;
  for (const std::string& bytes : build_split(n_parts)) {
    paths.push_back(folder / fmt::format("{}-{:05}-of-{:05}.gguf", name, paths.size() + 1, n_parts));
    write_file(paths.back(), bytes);
  }
  return paths;
}

}  // namespace hearth::testing
