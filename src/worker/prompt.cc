#include "worker/prompt.h"

#include <optional>

#include "text/chat/conversation.h"

namespace hearth::worker {
namespace {

// Of the request's own template, or the model's.
Result<const text::ChatFormat*> format_for(const OpenedModel& model, const std::string& template_source,
                                           const text::Value& context,
                                           std::optional<text::ChatFormat>& of_request) {
  if (template_source.empty()) {
    const text::Value* tools = context.dict_data().find("tools");
    const bool has_tools =
        tools != nullptr && tools->is(text::Value::Kind::kSequence) && !tools->items().empty();
    return model.chat_format(has_tools);
  }
  HEARTH_ASSIGN(of_request,
                text::ChatFormat::create(template_source, "the request's template", model.tokenizer()));
  return &*of_request;
}

const protocol::Think* think_of(const auto& call) {
  return call.has_think() ? &call.think() : nullptr;
}

}  // namespace

Result<text::Value> template_context(const std::string& conversation_json, const protocol::Think* think) {
  auto context = text::value_from_json(conversation_json);
  if (!context) return context.error().in("the conversation");
  if (!context->is_dict()) {
    return make_error(ErrorCode::kMalformed, "the conversation: expected a JSON object, found {}",
                      text::jinja::type_name(*context));
  }
  std::vector<std::pair<std::string, text::Value>> defaults{
      {"add_generation_prompt", text::Value::boolean(true)}};
  if (think != nullptr) {
    // Qwen, GLM and SmolLM say enable_thinking; Granite and DeepSeek thinking; gpt-oss has an effort.
    defaults.emplace_back("enable_thinking", text::Value::boolean(think->enabled()));
    defaults.emplace_back("thinking", text::Value::boolean(think->enabled()));
    if (!think->effort().empty())
      defaults.emplace_back("reasoning_effort", text::Value::string(think->effort()));
  }
  return text::with_defaults(*context, defaults);
}

std::vector<text::TokenId> text_tokens(const text::Tokenizer& tokenizer, const protocol::Text& text) {
  text::EncodeOptions options;
  options.add_special = !text.no_bos();
  options.parse_special = text.control_tokens();
  return tokenizer.encode(text.text(), options);
}

Result<std::vector<text::TokenId>> prompt_tokens(const OpenedModel& model, const protocol::Generate& call) {
  switch (call.prompt_case()) {
    case protocol::Generate::kText:
      return text_tokens(model.tokenizer(), call.text());
    case protocol::Generate::kTokens:
      return std::vector<text::TokenId>(call.tokens().ids().begin(), call.tokens().ids().end());
    case protocol::Generate::kConversationJson: {
      HEARTH_ASSIGN(const text::Value context, template_context(call.conversation_json(), think_of(call)));
      std::optional<text::ChatFormat> of_request;
      HEARTH_ASSIGN(const text::ChatFormat* format,
                    format_for(model, call.template_source(), context, of_request));
      return format->encode(context);
    }
    case protocol::Generate::PROMPT_NOT_SET:
      break;
  }
  return Error(ErrorCode::kInvalidArgument, "prompt: expected a conversation, a text or tokens, found none");
}

Result<protocol::Tokens> rendering(const OpenedModel& model, const protocol::Render& call) {
  HEARTH_ASSIGN(const text::Value context, template_context(call.conversation_json(), think_of(call)));
  std::optional<text::ChatFormat> of_request;
  HEARTH_ASSIGN(const text::ChatFormat* format,
                format_for(model, call.template_source(), context, of_request));
  HEARTH_ASSIGN(const std::vector<text::TokenId> tokens, format->encode(context));
  HEARTH_ASSIGN(std::string text, format->render(context));
  protocol::Tokens rendered = described_tokens(model.tokenizer(), tokens);
  rendered.set_text(std::move(text));
  return rendered;
}

protocol::Tokens described_tokens(const text::Tokenizer& tokenizer,
                                  const std::vector<text::TokenId>& tokens) {
  protocol::Tokens described;
  described.mutable_ids()->Reserve(static_cast<int>(tokens.size()));
  for (const text::TokenId token : tokens) {
    described.add_ids(token);
    described.add_pieces(std::string(tokenizer.token_bytes(token, /*special=*/true)));
  }
  return described;
}

}  // namespace hearth::worker
