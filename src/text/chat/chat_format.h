// How a model is talked to: its chat template and its tokenizer together.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "text/chat/conversation.h"
#include "text/chat/literal_text.h"
#include "text/chat/ollama_template.h"
#include "text/chat_template/chat_template.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// Immutable, so thread-safe. The tokenizer must outlive it.
class ChatFormat {
 public:
  // In the language that the source is in (template_language.h). `name` says in messages where the template
  // comes from. Errors: those of ChatTemplate::parse and OllamaTemplate::parse.
  static Result<ChatFormat> create(std::string_view source, const std::string& name,
                                   const Tokenizer& tokenizer);

  const std::string& name() const noexcept { return name_; }
  const std::string& source() const noexcept { return source_; }

  // The text of a conversation. `context` as ChatTemplate::render or OllamaTemplate::render takes it;
  // bos_token and eos_token are the model's where it has none of its own.
  Result<std::string> render(const Value& context, const RenderOptions& options = {}) const;

  // The tokens of that text, with the BOS token where the model wants one and the template writes none.
  // Control tokens in the messages of others than the assistant are text (literal_text.h).
  Result<std::vector<TokenId>> encode(const Value& context, const RenderOptions& options = {}) const;

 private:
  using Template = std::variant<ChatTemplate, OllamaTemplate>;

  ChatFormat(Template chat_template, std::string_view source, std::string name, const Tokenizer& tokenizer);

  std::string name_;
  std::string source_;
  Template template_;
  const Tokenizer* tokenizer_;
  std::vector<std::pair<std::string, Value>> special_texts_;  // bos_token, eos_token
  ControlTokens control_tokens_;
};

}  // namespace hearth::text
