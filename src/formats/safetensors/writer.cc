#include "formats/safetensors/writer.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/output_file.h"

namespace hearth::safetensors {
namespace {

constexpr size_t kDataAlignment = 8;  // of the data's start, by spaces behind the JSON

std::string header_of(std::span<const DraftTensor> tensors, std::span<const MetadataEntry> metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const MetadataEntry& entry : metadata) header["__metadata__"][entry.key] = entry.value;
  uint64_t begin = 0;
  for (const DraftTensor& tensor : tensors) {
    uint64_t n_bits = dtype_bits(tensor.dtype);
    for (const uint64_t size : tensor.shape) n_bits *= size;
    HEARTH_CHECK(tensor.data.size() * 8 == n_bits && !header.contains(tensor.name));
    const uint64_t end = begin + tensor.data.size();
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", std::array{begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kDataAlignment - 1) / kDataAlignment * kDataAlignment, ' ');
  return text;
}

std::array<std::byte, 8> little_endian(uint64_t value) {
  std::array<std::byte, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  return bytes;
}

}  // namespace

Result<void> write_file(const std::filesystem::path& path, std::span<const DraftTensor> tensors,
                        std::span<const MetadataEntry> metadata) {
  const std::string header = header_of(tensors, metadata);
  HEARTH_ASSIGN(OutputFile file, OutputFile::create(path, OutputFile::Existing::kReplace));
  HEARTH_TRY(file.append(little_endian(header.size())));
  HEARTH_TRY(file.append(std::as_bytes(std::span(header))));
  for (const DraftTensor& tensor : tensors) HEARTH_TRY(file.append(tensor.data));
  return file.finish();
}

}  // namespace hearth::safetensors
