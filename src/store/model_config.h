// The config blob of a model: what Ollama tells of it without opening the weights.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::store {

struct ModelConfig {
  std::string format;  // "gguf"
  std::string family;  // "llama": the architecture
  std::vector<std::string> families;
  std::string parameters;                  // "1.1B"
  std::string quantisation;                // "Q4_K_M"
  std::vector<std::string> layer_digests;  // "sha256:...", of the layers, in their order

  // Of an object with these or other fields; those that are absent stay empty. kMalformed.
  static Result<ModelConfig> parse(std::string_view json);
  std::string serialise() const;
};

}  // namespace hearth::store
