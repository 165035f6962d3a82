// A GGUF file of any bytes is read or refused, and what was read is safe to use.
#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/gguf/gguf.h"
#include "tests/support/gguf_walk.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto file = hearth::gguf::File::parse(bytes, "fuzz.gguf")) hearth::testing::walk(*file);
  return 0;
}
