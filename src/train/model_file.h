// A trained model as the GGUF file that Hearth, and others, run.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "train/decoder.h"

namespace hearth::train {

struct ModelDescription {
  std::string name;                       // general.name
  const gguf::File* tokenizer = nullptr;  // whose tokenizer.* keys it gets
  std::string chat_template;              // empty: that of the tokenizer's file, if there is one
};

// Weights in F32, in place of a file that is there. The same bytes for the same weights. Errors:
// OutputFile's, naming the file.
Result<void> write_model(const std::filesystem::path& path, const ModelDescription& description,
                         const DecoderConfig& config, const DecoderLayout& layout,
                         std::span<const float> weights);

}  // namespace hearth::train
