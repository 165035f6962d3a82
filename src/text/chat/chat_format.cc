#include "text/chat/chat_format.h"

#include "text/chat/template_language.h"

namespace hearth::text {
namespace {

std::string token_text(const Tokenizer& tokenizer, std::optional<TokenId> id) {
  return id ? std::string(tokenizer.token_bytes(*id, /*special=*/true)) : std::string();
}

bool adds_bos(const Tokenizer& tokenizer) {
  const std::vector<TokenId> frame = tokenizer.encode("", {.add_special = true, .parse_special = false});
  return !frame.empty() && tokenizer.bos() && frame.front() == *tokenizer.bos();
}

}  // namespace

ChatFormat::ChatFormat(Template chat_template, std::string_view source, std::string name,
                       const Tokenizer& tokenizer)
    : name_(std::move(name)),
      source_(source),
      template_(std::move(chat_template)),
      tokenizer_(&tokenizer),
      special_texts_{{"bos_token", Value::string(token_text(tokenizer, tokenizer.bos()))},
                     {"eos_token", Value::string(token_text(tokenizer, tokenizer.eos()))}},
      control_tokens_(tokenizer) {}

Result<ChatFormat> ChatFormat::create(std::string_view source, const std::string& name,
                                      const Tokenizer& tokenizer) {
  if (is_go_template(source)) {
    HEARTH_ASSIGN(OllamaTemplate parsed, OllamaTemplate::parse(source, name));
    return ChatFormat(std::move(parsed), source, name, tokenizer);
  }
  HEARTH_ASSIGN(ChatTemplate parsed, ChatTemplate::parse(source, name));
  return ChatFormat(std::move(parsed), source, name, tokenizer);
}

Result<std::string> ChatFormat::render(const Value& context, const RenderOptions& options) const {
  return std::visit(
      [&](const auto& chat_template) {
        return chat_template.render(with_defaults(context, special_texts_), options);
      },
      template_);
}

Result<std::vector<TokenId>> ChatFormat::encode(const Value& context, const RenderOptions& options) const {
  std::string mark;
  HEARTH_ASSIGN(const Value marked, control_tokens_.mark(context, mark));
  HEARTH_ASSIGN(const std::string rendered, render(marked, options));
  const MarkedText text = ControlTokens::unmark(rendered, mark);

  EncodeOptions encode;
  encode.add_special = false;
  encode.parse_special = true;
  encode.literal_at = text.literal_at;
  std::vector<TokenId> tokens = tokenizer_->encode(text.text, encode);
  const bool begins_with_bos = !tokens.empty() && tokenizer_->bos() && tokens.front() == *tokenizer_->bos();
  if (adds_bos(*tokenizer_) && !begins_with_bos) tokens.insert(tokens.begin(), *tokenizer_->bos());
  return tokens;
}

}  // namespace hearth::text
