// Adapters as GGUF files: general.type is "adapter", and of WEIGHT there are WEIGHT.lora_a and WEIGHT.lora_b.
// The layout is llama.cpp's: docs/formats/lora.md.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "models/adapter/lora_adapter.h"

namespace hearth::models {

// Not yet compared with the base's tensors. Errors: read_lora_adapter()'s.
Result<LoraAdapter> read_gguf_adapter(const std::filesystem::path& path, const Checkpoint& base);
Result<LoraAdapter> read_gguf_adapter(const gguf::File& file, const Checkpoint& base);

// In F32, in place of a file that is there; `architecture` is the base's. All matrices have one scale times
// rank: the file has one alpha for all. Errors: OutputFile's.
Result<void> write_gguf_adapter(const std::filesystem::path& path, const LoraAdapter& adapter,
                                std::string_view architecture);

}  // namespace hearth::models
