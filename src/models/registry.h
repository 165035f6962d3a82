// The families: a line each in registry.cc.
#pragma once

#include <string_view>

#include "models/encoder.h"
#include "models/model.h"

namespace hearth::models {

// What a family builds a model from. Both outlive the model.
struct ModelSource {
  const Checkpoint& file;  // a GGUF file, or what is described as if it were one
  tensor::Backend& backend;
  int64_t context_tokens;  // the longest sequence that will be evaluated; at most what the file says
};

using LoadModel = Result<std::unique_ptr<Model>> (*)(const ModelSource& source);

struct Family {
  std::string_view architecture;  // general.architecture
  LoadModel load;
};

// What a family builds an encoder from. Both outlive it.
struct EncoderSource {
  const Checkpoint& file;
  tensor::Backend& backend;
};

using LoadEncoder = Result<std::unique_ptr<Encoder>> (*)(const EncoderSource& source);

struct EncoderFamily {
  std::string_view architecture;
  LoadEncoder load;
};

Result<std::unique_ptr<Model>> load_command_r(const ModelSource& source);
Result<std::unique_ptr<Model>> load_deepseek2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gemma2(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gemma3(const ModelSource& source);
Result<std::unique_ptr<Model>> load_gemma4(const ModelSource& source);
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

Result<std::unique_ptr<Encoder>> load_bert(const EncoderSource& source);
Result<std::unique_ptr<Encoder>> load_nomic_bert(const EncoderSource& source);

}  // namespace hearth::models
