// The tensor descriptors of a GGUF file, and where their data lies.
#pragma once

#include <vector>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/reader.h"

namespace hearth::gguf {

// Reads `n_tensors` descriptors, the last thing before the data, and appends them with their data. Refuses
// data that is misaligned, beyond the end of the file or shared between two tensors. Errors name the tensor.
Result<void> read_tensors(Reader& reader, uint64_t n_tensors, uint32_t alignment,
                          std::vector<TensorInfo>& tensors);

}  // namespace hearth::gguf
