#include "models/registry.h"

#include <fmt/ranges.h>

#include <array>

namespace hearth::models {
namespace {

constexpr std::array kFamilies{
    Family{"gemma2", load_gemma2}, Family{"gemma3", load_gemma3}, Family{"gpt-oss", load_gpt_oss},
    Family{"llama", load_llama},   Family{"qwen35", load_qwen35}, Family{"qwen35moe", load_qwen35},
};

}  // namespace

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  names.reserve(kFamilies.size());
  for (const Family& family : kFamilies) names.push_back(family.architecture);
  return names;
}

Result<std::unique_ptr<Model>> load_model(const gguf::File& file, tensor::Backend& backend) {
  HEARTH_ASSIGN(const std::string_view architecture, file.string("general.architecture"));
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return family.load(file, backend);
  }
  return make_error(ErrorCode::kUnsupported, "{}: architecture '{}' is not known to Hearth; known: {}",
                    file.name(), architecture, fmt::join(known_architectures(), ", "));
}

}  // namespace hearth::models
