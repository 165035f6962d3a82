#include "train/model_file.h"

#include "base/output_file.h"
#include "formats/gguf/writer.h"

namespace hearth::train {
namespace {

gguf::FileDraft draft_of(const ModelDescription& description, const DecoderConfig& config,
                         const DecoderLayout& layout) {
  gguf::FileDraft draft;
  const auto size = [&](const char* key, int64_t value) {
    draft.set_number<uint32_t>(key, static_cast<uint32_t>(value));
  };
  draft.set_string("general.architecture", "llama");
  draft.set_string("general.type", "model");
  draft.set_string("general.name", description.name);
  size("general.file_type", 0);  // all F32
  size("llama.vocab_size", config.vocabulary);
  size("llama.context_length", config.context_tokens);
  size("llama.embedding_length", config.width);
  size("llama.block_count", config.n_layers);
  size("llama.feed_forward_length", config.ffn_width);
  size("llama.attention.head_count", config.n_heads);
  size("llama.attention.head_count_kv", config.n_kv_heads);
  size("llama.rope.dimension_count", config.width / config.n_heads);
  draft.set_number<float>("llama.rope.freq_base", static_cast<float>(config.rope_base));
  draft.set_number<float>("llama.attention.layer_norm_rms_epsilon", static_cast<float>(config.norm_epsilon));
  for (const gguf::MetadataEntry& entry : description.tokenizer->metadata()) {
    if (entry.key.starts_with("tokenizer.")) draft.set(entry.key, entry.value);
  }
  if (!description.chat_template.empty())
    draft.set_string("tokenizer.chat_template", description.chat_template);
  for (const Parameter& parameter : layout.parameters) {
    const tensor::Shape shape = parameter.is_matrix ? tensor::Shape{parameter.rows, parameter.columns}
                                                    : tensor::Shape{parameter.columns};
    draft.add_tensor(parameter.name, tensor::DType::kF32, shape);
  }
  return draft;
}

}  // namespace

Result<void> write_model(const std::filesystem::path& path, const ModelDescription& description,
                         const DecoderConfig& config, const DecoderLayout& layout,
                         std::span<const float> weights) {
  HEARTH_ASSIGN(OutputFile file, OutputFile::create(path, OutputFile::Existing::kReplace));
  const gguf::FileDraft draft = draft_of(description, config, layout);
  HEARTH_ASSIGN(gguf::Writer writer, gguf::Writer::begin(draft, [&](std::span<const std::byte> bytes) {
                  return file.append(bytes);
                }));
  HEARTH_TRY(writer.append(std::as_bytes(weights)));
  HEARTH_TRY(writer.finish());
  return file.finish();
}

}  // namespace hearth::train
