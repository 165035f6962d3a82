// What a session sends to the model: a conversation in its chat format, or one text that both go on writing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "models/checkpoint.h"
#include "text/chat/chat_format.h"
#include "text/tokenizer/tokenizer.h"
#include "worker/prompt.h"

namespace hearth::cli {

struct DialogueOptions {
  bool raw = false;           // the text goes to the model as it is, <|names|> in it as control tokens
  std::string template_file;  // instead of the model's own
  std::string system;
  std::vector<std::pair<std::string, text::Value>> switches;  // what else the template is given
};

// What person and model have said so far.
struct History {
  std::string system;
  std::vector<text::ChatMessage> messages;
  std::vector<text::TokenId> tokens;  // those of the last answer and all before it

  void accept(std::string_view prompt, std::span<const text::TokenId> prompt_tokens, std::string_view answer,
              std::span<const text::TokenId> answer_tokens);
  void clear();  // but for the system's text
};

// How it is put to the model. Immutable.
class Dialogue {
 public:
  virtual ~Dialogue() = default;

  // What the model continues, if `prompt` is said next.
  virtual Result<worker::Prompt> prompt_for(const History& history, std::string_view prompt) const = 0;
  // The chat format's name, or nothing where there is none: then the model goes on with the text, and there
  // is no place for a system's.
  virtual std::optional<std::string> format_name() const = 0;
};

struct OpenedDialogue {
  std::unique_ptr<Dialogue> dialogue;
  std::string note;  // what people should know of the choice; may be empty
};

// Chooses by the options and by what the model has. Both must outlive the dialogue. kUsage where an option
// needs a chat format and there is none.
Result<OpenedDialogue> open_dialogue(const DialogueOptions& options, const models::Checkpoint& checkpoint,
                                     const text::Tokenizer& tokenizer);

}  // namespace hearth::cli
