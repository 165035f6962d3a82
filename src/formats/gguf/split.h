// Models split over several files: NAME-00001-of-00003.gguf and its neighbours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/gguf/metadata.h"

namespace hearth::gguf {

// What a part's file name says.
struct SplitName {
  std::string stem;   // NAME
  uint32_t part = 0;  // from 1
  uint32_t n_parts = 0;

  std::string file_name(uint32_t of_part) const;
};

// Nothing for a name that is no part's.
std::optional<SplitName> parse_split_name(std::string_view file_name);

// Whether what a part's metadata says about the split (all of it optional) agrees with its name.
Result<void> check_split_keys(const Metadata& metadata, const SplitName& name, uint32_t part);
// Whether a file that stands alone says so; split.count is 0 in files merged from parts.
Result<void> check_stands_alone(const Metadata& metadata);
// Whether split.tensors.count, where present, is the number of tensors in all parts.
Result<void> check_split_total(const Metadata& metadata, uint64_t n_tensors);

}  // namespace hearth::gguf
