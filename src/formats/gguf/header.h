// The first 24 bytes of a GGUF file.
#pragma once

#include "base/result.h"
#include "formats/gguf/reader.h"

namespace hearth::gguf {

struct Header {
  uint32_t version = 0;
  // Within the limits, and no more than the rest of the file has room for.
  uint64_t n_tensors = 0;
  uint64_t n_metadata = 0;
};

// kMalformed where this is no GGUF file, naming what it seems to be; kUnsupported for versions and byte
// orders that Hearth does not read.
Result<Header> read_header(Reader& reader);

}  // namespace hearth::gguf
