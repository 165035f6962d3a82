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
  std::string requires_version = {};       // the least version of Ollama that can run it; often empty

  // Of an object with these or other fields; those that are absent stay empty. Of Docker Model Runner's and
  // ModelPack's, which have them in an object "config" under other names, too. kMalformed.
  static Result<ModelConfig> parse(std::string_view json);
  std::string serialise() const;
};

// Whose store and Modelfiles Hearth follows: models may ask for no later version of Ollama.
inline constexpr std::string_view kFollowedOllamaVersion = "0.33.0";
// Whether a model that requires this version of Ollama ("0.14.0") can be had here. kMalformed for what is no
// version, kUnsupported.
Result<void> check_requires(std::string_view version);

}  // namespace hearth::store
