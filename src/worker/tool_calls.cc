#include "worker/tool_calls.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/chat/template_switches.h"

namespace hearth::worker {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

bool takes_tools(std::string_view template_source) {
  return text::template_knows_tools(template_source) && text::find_tool_format(template_source) != nullptr;
}

Result<CallRules> call_rules_of(const protocol::Generate& call, std::string_view template_source) {
  CallRules rules;
  if (!text::template_knows_tools(template_source))
    return Error(ErrorCode::kUnsupported, "tools: the model's chat template says nothing of tools");
  rules.format = text::find_tool_format(template_source);
  if (rules.format == nullptr) {
    return Error(ErrorCode::kUnsupported,
                 "tools: the model's chat template shows it tools, but how it writes calls is not known");
  }
  const Json conversation = Json::parse(call.conversation_json(), nullptr, /*allow_exceptions=*/false);
  if (!conversation.is_object() || !conversation.contains("tools") || conversation["tools"].empty())
    return Error(ErrorCode::kInvalidArgument, "tools: expected at least one, found none");
  HEARTH_ASSIGN(rules.tools, text::tools_of(conversation["tools"]));
  rules.use.required = call.tool_use().choice() == protocol::ToolUse::REQUIRED;
  rules.use.name = call.tool_use().name();
  rules.use.one_call = call.tool_use().one_call();
  return rules;
}

void add_visible_marks(const text::ToolFormat& format, const text::Tokenizer& tokenizer,
                       std::vector<text::TokenId>& visible) {
  const std::vector<std::string> marks = format.marks();
  for (text::TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.token_type(id) != text::TokenType::kControl) continue;
    const std::string_view name = tokenizer.token_bytes(id, /*special=*/true);
    const auto is_in = [&](const std::string& mark) { return mark.find(name) != std::string::npos; };
    const bool is_new = std::find(visible.begin(), visible.end(), id) == visible.end();
    if (is_new && !name.empty() && std::any_of(marks.begin(), marks.end(), is_in)) visible.push_back(id);
  }
}

std::vector<protocol::Delta> CallDeltas::push(std::string_view content) {
  return deltas_of(parser_->push(content));
}

std::vector<protocol::Delta> CallDeltas::finish() {
  return deltas_of(parser_->finish());
}

// Parts of one call that come together are one delta.
std::vector<protocol::Delta> CallDeltas::deltas_of(std::vector<text::AnswerPart> parts) {
  using Kind = text::AnswerPart::Kind;
  std::vector<protocol::Delta> deltas;
  for (text::AnswerPart& part : parts) {
    if (part.kind == Kind::kText) {
      if (part.text.empty()) continue;
      deltas.emplace_back().set_kind(protocol::Delta::CONTENT);
      deltas.back().set_text(std::move(part.text));
      continue;
    }
    const bool begins = part.kind == Kind::kCall;
    if (begins) ++n_calls_;
    if (begins || deltas.empty() || deltas.back().kind() != protocol::Delta::TOOL_CALL) {
      deltas.emplace_back().set_kind(protocol::Delta::TOOL_CALL);
      deltas.back().mutable_tool_call()->set_index(n_calls_ - 1);
    }
    protocol::ToolCallPart& call = *deltas.back().mutable_tool_call();
    if (begins) call.set_name(std::move(part.text));
    if (part.kind == Kind::kArguments) call.mutable_arguments()->append(part.text);
    if (part.kind == Kind::kCallEnd) call.set_is_whole(true);
  }
  return deltas;
}

}  // namespace hearth::worker
