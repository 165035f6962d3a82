// The chat format that a model brings along.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "models/checkpoint.h"
#include "text/chat/chat_format.h"

namespace hearth::models {

struct ModelChatFormat {
  text::ChatFormat format;
  // The family whose format it is, where the model has no template of its own; else empty.
  std::string known_as;
};

// The model's chat template (with_tools: the one for tools, where it has several), else its family's known
// format, else nothing. The tokenizer must outlive the result. Errors: those of ChatTemplate::parse, naming
// the file; kMalformed where the template is no string.
Result<std::optional<ModelChatFormat>> load_chat_format(const Checkpoint& checkpoint,
                                                        const text::Tokenizer& tokenizer, bool with_tools);

}  // namespace hearth::models
