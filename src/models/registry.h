// The families: a line each in registry.cc.
#pragma once

#include <string_view>
#include <variant>

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

struct DescriptionSource;          // models/residual_transformer.h
struct ResidualTransformerConfig;  // models/residual_transformer.h
using ReadResidualTransformer = Result<ResidualTransformerConfig> (*)(const DescriptionSource& source);

struct Family {
  std::string_view architecture;  // general.architecture
  // Of residual layers, or of its own.
  std::variant<ReadResidualTransformer, LoadModel> form;
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
Result<std::unique_ptr<Model>> load_gemma4(const ModelSource& source);

Result<ResidualTransformerConfig> read_deepseek2(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_gemma2(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_gemma3(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_glm4(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_gpt2(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_gpt_oss(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_granite(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_llama(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_olmo2(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_phi3(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_qwen2(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_qwen3(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_qwen35(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_qwen35moe(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_qwen3moe(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_smollm3(const DescriptionSource& source);
Result<ResidualTransformerConfig> read_starcoder2(const DescriptionSource& source);

Result<std::unique_ptr<Encoder>> load_bert(const EncoderSource& source);
Result<std::unique_ptr<Encoder>> load_nomic_bert(const EncoderSource& source);

}  // namespace hearth::models
