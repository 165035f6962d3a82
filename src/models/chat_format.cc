#include "models/chat_format.h"

#include "text/chat/known_formats.h"

namespace hearth::models {

Result<std::optional<ModelChatFormat>> load_chat_format(const Checkpoint& checkpoint,
                                                        const text::Tokenizer& tokenizer, bool with_tools) {
  for (const char* key : {"tokenizer.chat_template.tool_use", "tokenizer.chat_template"}) {
    if (!with_tools && std::string_view(key).ends_with("tool_use")) continue;
    HEARTH_ASSIGN(const std::string_view source, checkpoint.string_or(key, ""));
    if (source.empty()) continue;
    HEARTH_ASSIGN(text::ChatFormat format,
                  text::ChatFormat::create(source, fmt::format("{}: {}", checkpoint.name(), key), tokenizer));
    return std::optional(ModelChatFormat{std::move(format), ""});
  }
  const auto known = text::find_known_format(tokenizer);
  if (!known) return std::optional<ModelChatFormat>();
  HEARTH_ASSIGN(
      text::ChatFormat format,
      text::ChatFormat::create(known->source, fmt::format("the {} format", known->name), tokenizer));
  return std::optional(ModelChatFormat{std::move(format), std::string(known->name)});
}

}  // namespace hearth::models
