// The JSON header of a safetensors file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/safetensors/safetensors.h"

namespace hearth::safetensors {

struct HeaderTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  // in the data behind the header
};

struct Header {
  std::vector<HeaderTensor> tensors;  // in the order of their data
  std::vector<MetadataEntry> metadata;
};

// `text` is what stands between the length and the data, of which there are `data_bytes`. kMalformed where it
// is not the format's JSON, has a name twice, or its tensors do not fill the data one behind the other, each
// with as many bytes as shape and type need; kUnsupported for a type that the format does not have;
// kResourceExhausted beyond limits.h.
Result<Header> read_header(std::string_view text, uint64_t data_bytes);

}  // namespace hearth::safetensors
