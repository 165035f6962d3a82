#include "models/registry.h"

#include <fmt/ranges.h>

#include <array>

#include "models/config_reader.h"

namespace hearth::models {
namespace {

constexpr std::array kFamilies{
    Family{"command-r", load_command_r},   Family{"gemma2", load_gemma2},
    Family{"gemma3", load_gemma3},         Family{"glm4", load_glm4},
    Family{"gpt-oss", load_gpt_oss},       Family{"gpt2", load_gpt2},
    Family{"granite", load_granite},       Family{"llama", load_llama},
    Family{"olmo2", load_olmo2},           Family{"phi3", load_phi3},
    Family{"qwen2", load_qwen2},           Family{"qwen3", load_qwen3},
    Family{"qwen35", load_qwen35},         Family{"qwen35moe", load_qwen35moe},
    Family{"qwen3moe", load_qwen3moe},     Family{"smollm3", load_smollm3},
    Family{"starcoder2", load_starcoder2},
};

Result<const Family*> find_family(const gguf::File& file) {
  HEARTH_ASSIGN(const std::string_view architecture, file.string("general.architecture"));
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  return make_error(ErrorCode::kUnsupported, "{}: architecture '{}' is not known to Hearth; known: {}",
                    file.name(), architecture, fmt::join(known_architectures(), ", "));
}

}  // namespace

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  names.reserve(kFamilies.size());
  for (const Family& family : kFamilies) names.push_back(family.architecture);
  return names;
}

Result<int64_t> trained_context_tokens(const gguf::File& file) {
  HEARTH_TRY(find_family(file));
  return ConfigReader(file).count("context_length");
}

Result<std::unique_ptr<Model>> load_model(const gguf::File& file, tensor::Backend& backend,
                                          int64_t context_tokens) {
  HEARTH_ASSIGN(const Family* family, find_family(file));
  return family->load({file, backend, context_tokens});
}

}  // namespace hearth::models
