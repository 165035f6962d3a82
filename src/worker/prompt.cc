#include "worker/prompt.h"

#include <optional>

#include "text/chat/conversation.h"
#include "text/chat/template_switches.h"
#include "worker/tool_messages.h"

namespace hearth::worker {
namespace {

// A conversation ready to be rendered.
struct Conversation {
  std::optional<text::ChatFormat> of_request;  // its own template
  const text::ChatFormat* of_model = nullptr;
  text::Value context;

  const text::ChatFormat& format() const { return of_request ? *of_request : *of_model; }
};

bool has_tools(const text::Value& conversation) {
  const text::Value* tools = conversation.dict_data().find("tools");
  return tools != nullptr && tools->is(text::Value::Kind::kSequence) && !tools->items().empty();
}

Result<text::Value> parse_conversation(const std::string& conversation_json) {
  auto conversation = text::value_from_json(conversation_json);
  if (!conversation) return conversation.error().in("the conversation");
  if (!conversation->is_dict()) {
    return make_error(ErrorCode::kMalformed, "the conversation: expected a JSON object, found {}",
                      text::jinja::type_name(*conversation));
  }
  return std::move(*conversation);
}

const protocol::Think* think_of(const auto& call) {
  return call.has_think() ? &call.think() : nullptr;
}

Result<Conversation> open_conversation(const OpenedModel& model, const std::string& conversation_json,
                                       const std::string& template_source, const protocol::Think* think) {
  Conversation conversation;
  if (template_source.empty()) {
    HEARTH_ASSIGN(const text::Value parsed, parse_conversation(conversation_json));
    HEARTH_ASSIGN(conversation.of_model, model.chat_format(has_tools(parsed)));
  } else {
    HEARTH_ASSIGN(conversation.of_request,
                  text::ChatFormat::create(template_source, "the request's template", model.tokenizer()));
  }
  const std::string fitted = fit_tool_messages(conversation.format(), conversation_json);
  HEARTH_ASSIGN(conversation.context, template_context(fitted, conversation.format().source(), think));
  return conversation;
}

}  // namespace

Result<text::Value> template_context(const std::string& conversation_json, std::string_view template_source,
                                     const protocol::Think* think) {
  HEARTH_ASSIGN(const text::Value context, parse_conversation(conversation_json));
  std::vector<std::pair<std::string, text::Value>> defaults{
      {"add_generation_prompt", text::Value::boolean(true)}};
  if (think != nullptr) {
    for (auto& entry : text::think_switches(template_source, think->enabled(), think->effort()))
      defaults.push_back(std::move(entry));
  }
  return text::with_defaults(context, defaults);
}

std::vector<text::TokenId> text_tokens(const text::Tokenizer& tokenizer, const protocol::Text& text) {
  text::EncodeOptions options;
  options.add_special = !text.no_bos();
  options.parse_special = text.control_tokens();
  return tokenizer.encode(text.text(), options);
}

Result<Prompt> prompt_of(const OpenedModel& model, const protocol::Generate& call) {
  if (call.has_tool_use() && (!call.has_conversation_json() || call.has_constraint())) {
    return Error(ErrorCode::kInvalidArgument,
                 "tools: expected a conversation, and no constraint on its answer");
  }
  Prompt prompt;
  switch (call.prompt_case()) {
    case protocol::Generate::kText:
      prompt.tokens = text_tokens(model.tokenizer(), call.text());
      return prompt;
    case protocol::Generate::kTokens:
      prompt.tokens.assign(call.tokens().ids().begin(), call.tokens().ids().end());
      return prompt;
    case protocol::Generate::kConversationJson: {
      HEARTH_ASSIGN(
          const Conversation conversation,
          open_conversation(model, call.conversation_json(), call.template_source(), think_of(call)));
      const text::ChatFormat& format = conversation.format();
      HEARTH_ASSIGN(prompt.tokens, format.encode(conversation.context));
      prompt.reasoning = text::find_reasoning_format(format.source(), model.tokenizer());
      if (prompt.reasoning) {
        HEARTH_ASSIGN(const std::string rendered, format.render(conversation.context));
        prompt.begins_thinking = text::begins_thinking(*prompt.reasoning, rendered);
        prompt.visible_control_tokens = text::mark_tokens(*prompt.reasoning, model.tokenizer());
      }
      if (call.has_tool_use()) {
        HEARTH_ASSIGN(prompt.calls, call_rules_of(call, format.source()));
        add_visible_marks(*prompt.calls->format, model.tokenizer(), prompt.visible_control_tokens);
      } else if (auto tools = text::find_tool_format(format.source());
                 tools && !tools->text_begin().empty()) {
        prompt.calls = CallRules{std::move(tools), {}, {}};
      }
      return prompt;
    }
    case protocol::Generate::PROMPT_NOT_SET:
      break;
  }
  return Error(ErrorCode::kInvalidArgument, "prompt: expected a conversation, a text or tokens, found none");
}

Result<protocol::Tokens> rendering(const OpenedModel& model, const protocol::Render& call) {
  HEARTH_ASSIGN(const Conversation conversation,
                open_conversation(model, call.conversation_json(), call.template_source(), think_of(call)));
  HEARTH_ASSIGN(const std::vector<text::TokenId> tokens, conversation.format().encode(conversation.context));
  HEARTH_ASSIGN(std::string text, conversation.format().render(conversation.context));
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
