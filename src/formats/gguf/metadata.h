// The key-value pairs of a GGUF file.
#pragma once

#include <vector>

#include "base/name_index.h"
#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/reader.h"

namespace hearth::gguf {

struct Metadata {
  std::vector<MetadataEntry> entries;
  NameIndex by_key;

  const Value* find(std::string_view key) const noexcept;
};

// Reads `n_pairs` pairs, of which the reader has room for at least the smallest. Errors name the pair or its
// key; a key that occurs twice is kMalformed.
Result<Metadata> read_metadata(Reader& reader, uint64_t n_pairs);

// general.alignment: a power of two within the limits, kDefaultAlignment where absent.
Result<uint32_t> read_alignment(const Metadata& metadata);

// "metadata KEY: expected X, found string "y"": for a value that is not of the type that its reader wants.
Error unexpected_value(std::string_view key, std::string_view expected, const Value& found);

}  // namespace hearth::gguf
