#include "models/registry.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "models/config_reader.h"
#include "models/residual_transformer.h"

namespace hearth::models {
namespace {

constexpr std::array kFamilies{
    Family{"command-r", load_command_r},   Family{"deepseek2", read_deepseek2},
    Family{"gemma2", read_gemma2},         Family{"gemma3", read_gemma3},
    Family{"gemma4", load_gemma4},         Family{"glm4", read_glm4},
    Family{"gpt-oss", read_gpt_oss},       Family{"gpt2", read_gpt2},
    Family{"granite", read_granite},       Family{"llama", read_llama},
    Family{"olmo2", read_olmo2},           Family{"phi3", read_phi3},
    Family{"qwen2", read_qwen2},           Family{"qwen3", read_qwen3},
    Family{"qwen35", read_qwen35},         Family{"qwen35moe", read_qwen35moe},
    Family{"qwen3moe", read_qwen3moe},     Family{"smollm3", read_smollm3},
    Family{"starcoder2", read_starcoder2},
};

constexpr std::array kEncoderFamilies{
    EncoderFamily{"bert", load_bert},
    EncoderFamily{"nomic-bert", load_nomic_bert},
};

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Result<const Family*> find_family(const gguf::KeyValues& file) {
  HEARTH_ASSIGN(const std::string_view architecture, file.string("general.architecture"));
  for (const Family& family : kFamilies) {
    if (family.architecture == architecture) return &family;
  }
  if (contains(known_encoders(), architecture)) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: architecture '{}' is an encoder: it turns texts into vectors (hearth embed) and "
                      "writes none",
                      file.name(), architecture);
  }
  return make_error(ErrorCode::kUnsupported, "{}: architecture '{}' is not known to Hearth; known: {}",
                    file.name(), architecture, fmt::join(known_architectures(), ", "));
}

}  // namespace

std::vector<std::string_view> known_encoders() {
  std::vector<std::string_view> names;
  names.reserve(kEncoderFamilies.size());
  for (const EncoderFamily& family : kEncoderFamilies) names.push_back(family.architecture);
  return names;
}

bool is_encoder(const gguf::KeyValues& checkpoint) {
  const auto architecture = checkpoint.string("general.architecture");
  return architecture && contains(known_encoders(), *architecture);
}

Result<std::unique_ptr<Encoder>> load_encoder(const Checkpoint& checkpoint, tensor::Backend& backend) {
  HEARTH_ASSIGN(const std::string_view architecture, checkpoint.string("general.architecture"));
  for (const EncoderFamily& family : kEncoderFamilies) {
    if (family.architecture == architecture) return family.load({checkpoint, backend});
  }
  const bool decodes = contains(known_architectures(), architecture);
  return make_error(ErrorCode::kUnsupported, "{}: architecture '{}' {}; vectors need an encoder: {}",
                    checkpoint.name(), architecture,
                    decodes ? "writes text (hearth run)" : "is not known to Hearth",
                    fmt::join(known_encoders(), ", "));
}

std::vector<std::string_view> known_architectures() {
  std::vector<std::string_view> names;
  names.reserve(kFamilies.size());
  for (const Family& family : kFamilies) names.push_back(family.architecture);
  return names;
}

Result<int64_t> trained_context_tokens(const gguf::KeyValues& file) {
  HEARTH_TRY(find_family(file));
  return ConfigReader(file).count("context_length");
}

Result<std::unique_ptr<Model>> load_model(const Checkpoint& checkpoint, tensor::Backend& backend,
                                          int64_t context_tokens) {
  HEARTH_ASSIGN(const Family* family, find_family(checkpoint));
  const ModelSource source{checkpoint, backend, context_tokens};
  if (const auto* load = std::get_if<LoadModel>(&family->form)) return (*load)(source);
  WeightReader weights(checkpoint, backend);
  const auto read = std::get<ReadResidualTransformer>(family->form);
  HEARTH_ASSIGN(const ResidualTransformerConfig config, read({checkpoint, weights, context_tokens}));
  return load_residual_transformer(source, weights, config);
}

Result<ResidualTransformerConfig> describe_residual_transformer(const DescriptionSource& source) {
  HEARTH_ASSIGN(const Family* family, find_family(source.file));
  if (const auto* read = std::get_if<ReadResidualTransformer>(&family->form)) return (*read)(source);
  return make_error(ErrorCode::kUnsupported, "{}: architecture '{}' has layers of its own",
                    source.file.name(), family->architecture);
}

Result<std::unique_ptr<Model>> load_model(const gguf::File& file, tensor::Backend& backend,
                                          int64_t context_tokens) {
  return load_model(GgufCheckpoint(file), backend, context_tokens);
}

}  // namespace hearth::models
