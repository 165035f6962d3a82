// The families: a line each in registry.cc.
#pragma once

#include <string_view>

#include "models/model.h"

namespace hearth::models {

// What a family builds a model from. File and backend outlive the model.
struct ModelSource {
  const gguf::File& file;
  tensor::Backend& backend;
  int64_t context_tokens;  // the longest sequence that will be evaluated; at most what the file says
};

using LoadModel = Result<std::unique_ptr<Model>> (*)(const ModelSource& source);

struct Family {
  std::string_view architecture;  // general.architecture
  LoadModel load;
};

Result<std::unique_ptr<Model>> load_command_r(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gemma2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gemma3(const ModelSource& source);
Result<std::unique_ptr<Model>> load_glm4(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gpt2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gpt_oss(const ModelSource& source);
Result<std::unique_ptr<Model>> load_granite(const ModelSource& source);
Result<std::unique_ptr<Model>> load_llama(const ModelSource& source);
Result<std::unique_ptr<Model>> load_olmo2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_phi3(const ModelSource& source);
Result<std::unique_ptr<Model>> load_qwen2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_qwen3(const ModelSource& source);
Result<std::unique_ptr<Model>> load_qwen35(const ModelSource& source);
Result<std::unique_ptr<Model>> load_qwen35moe(const ModelSource& source);
Result<std::unique_ptr<Model>> load_qwen3moe(const ModelSource& source);
Result<std::unique_ptr<Model>> load_smollm3(const ModelSource& source);
Result<std::unique_ptr<Model>> load_starcoder2(const ModelSource& source);

}  // namespace hearth::models
