// The mixes of block types in which models are distributed: which type each tensor of a model gets, so that
// those on which most depends keep more bits.
//
// Names, file types and rules are llama.cpp's (src/llama-quant.cpp), so that "Q4_K_M" means here what it
// means everywhere; what each rule is for, docs/quantising.md says.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "tensor/dtype.h"

namespace hearth::models {

struct Scheme {
  std::string_view name;  // "Q4_K_M"
  tensor::DType dtype;    // of most tensors
  uint32_t file_type;     // general.file_type
};

// From the fewest bits to the most.
std::span<const Scheme> all_schemes() noexcept;
// By its name in either case; "Q4_K" and the like are the _M ones. kInvalidArgument names the choices.
Result<const Scheme*> find_scheme(std::string_view name);

// The type that each of checkpoint.tensors() gets, in their order. Norms, biases and what else is small or
// delicate stay as they are; rows that are no whole number of the type's blocks get a smaller block of no
// fewer bits or, where nothing fits, stay floats.
std::vector<tensor::DType> plan_types(const Checkpoint& checkpoint, const Scheme& scheme);

}  // namespace hearth::models
