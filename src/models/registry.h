// The families: a line each in registry.cc.
#pragma once

#include <string_view>

#include "models/model.h"

namespace hearth::models {

using LoadModel = Result<std::unique_ptr<Model>> (*)(const gguf::File& file, tensor::Backend& backend);

struct Family {
  std::string_view architecture;  // general.architecture
  LoadModel load;
};

Result<std::unique_ptr<Model>> load_gemma2(const gguf::File& file, tensor::Backend& backend);
Result<std::unique_ptr<Model>> load_gemma3(const gguf::File& file, tensor::Backend& backend);
Result<std::unique_ptr<Model>> load_gpt_oss(const gguf::File& file, tensor::Backend& backend);
Result<std::unique_ptr<Model>> load_llama(const gguf::File& file, tensor::Backend& backend);
Result<std::unique_ptr<Model>> load_qwen35(const gguf::File& file, tensor::Backend& backend);

}  // namespace hearth::models
