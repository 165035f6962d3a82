// Adapters as folders of Hugging Face's PEFT: adapter_config.json and adapter_model.safetensors, with the
// names and the order of rows of that model's own checkpoint. docs/formats/lora.md.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/safetensors/safetensors.h"
#include "models/adapter/lora_adapter.h"

namespace hearth::models {

// Whether GGUF's files of the architecture have the rows of queries and keys pair by pair, of which Hugging
// Face has the first ones of all pairs before the second ones.
bool is_converted_to_pairs(std::string_view architecture);

// Not yet compared with the base's tensors. Errors: read_lora_adapter()'s.
Result<LoraAdapter> read_peft_adapter(const std::filesystem::path& folder, const Checkpoint& base);

// The same of an open file, and of what adapter_config.json has.
Result<LoraAdapter> parse_peft_adapter(std::string_view config, const safetensors::File& weights,
                                       const Checkpoint& base);

struct PeftDescription {
  std::string base_model;  // base_model_name_or_path
  double alpha = 0.0;
  bool rank_stabilised = false;
};

// Writes both files into a folder that is there, in place of such that are there. All matrices have one rank
// and the scale that `description` says. kUnsupported for a base that Hugging Face has not in Hearth's terms;
// OutputFile's.
Result<void> write_peft_adapter(const std::filesystem::path& folder, const LoraAdapter& adapter,
                                const Checkpoint& base, const PeftDescription& description);

}  // namespace hearth::models
