#include "worker/constraint_compiler.h"

#include <nlohmann/json.hpp>

#include "text/grammar/dfa.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/regex.h"

namespace hearth::worker {
namespace {

using text::grammar::GrammarBuilder;
using Node = GrammarBuilder::Node;

constexpr size_t kMaxSourceBytes = size_t{1} << 20U;
constexpr int kMaxJsonDepth = 200;
constexpr size_t kMaxVocabularies = 8;

// The parser keeps no stack of its own, but what it makes is taken apart recursively.
Result<nlohmann::ordered_json> parse_schema(const std::string& source) {
  bool too_deep = false;
  const auto limit_depth = [&](int depth, nlohmann::ordered_json::parse_event_t,
                               const nlohmann::ordered_json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;
  };
  nlohmann::ordered_json schema =
      nlohmann::ordered_json::parse(source, limit_depth, /*allow_exceptions=*/false);
  if (too_deep)
    return make_error(ErrorCode::kResourceExhausted, "the schema is nested more than {} levels deep",
                      kMaxJsonDepth);
  if (schema.is_discarded()) return Error(ErrorCode::kInvalidArgument, "the schema is no JSON");
  return schema;
}

Result<Node> add_constraint(GrammarBuilder& builder, const protocol::Constraint& constraint) {
  switch (constraint.what_case()) {
    case protocol::Constraint::kJsonSchema: {
      HEARTH_ASSIGN(const nlohmann::ordered_json schema, parse_schema(constraint.json_schema()));
      return text::grammar::add_json_schema(builder, schema);
    }
    case protocol::Constraint::kJsonObject:
      return text::grammar::add_json_object(builder);
    case protocol::Constraint::kGbnf:
      return text::grammar::add_gbnf(builder, constraint.gbnf());
    case protocol::Constraint::kRegex:
      return text::grammar::add_regex(builder, constraint.regex(), text::grammar::RegexText::kPlain,
                                      /*whole=*/true);
    case protocol::Constraint::kChoices: {
      std::vector<Node> texts;
      for (const std::string& text : constraint.choices().texts()) texts.push_back(builder.literal(text));
      if (texts.empty())
        return Error(ErrorCode::kInvalidArgument, "choices: expected at least one text, found none");
      return builder.choice(std::move(texts));
    }
    case protocol::Constraint::WHAT_NOT_SET:
      break;
  }
  return Error(ErrorCode::kUnsupported, "a constraint that this engine does not know");
}

// A text in which a mark does not occur, up to the mark.
Result<Node> add_text_up_to(GrammarBuilder& builder, std::string_view mark) {
  const Node any = builder.repeat(builder.any_character(), 0, std::nullopt);
  HEARTH_ASSIGN(const text::grammar::Dfa all, determinise(builder, any));
  HEARTH_ASSIGN(const text::grammar::Dfa with_mark,
                text::grammar::determinise(builder, builder.sequence({any, builder.literal(mark), any})));
  HEARTH_ASSIGN(const text::grammar::Dfa without, text::grammar::subtract(all, with_mark));
  return builder.sequence({builder.language(without), builder.mark(mark)});
}

// The thinking that a model may write before the answer, free, and the marks around both.
Result<Node> add_thinking(GrammarBuilder& builder, const Prompt& prompt, Node answer) {
  if (!prompt.reasoning) return answer;
  const text::ReasoningFormat& format = *prompt.reasoning;
  HEARTH_ASSIGN(Node thinking, add_text_up_to(builder, format.close));
  if (!prompt.begins_thinking)
    thinking = builder.optional(builder.sequence({builder.mark(format.open), thinking}));
  const Node space = builder.repeat(builder.choice({builder.literal(" "), builder.literal("\n")}), 0, 4);
  std::vector<Node> marks;
  for (const std::string& mark : format.frame) marks.push_back(builder.mark(mark));
  constexpr uint32_t kMaxFrameMarks = 4;
  const Node frame =
      builder.repeat(builder.sequence({builder.choice(std::move(marks)), space}), 0, kMaxFrameMarks);
  return builder.sequence({thinking, space, format.frame.empty() ? builder.empty() : frame, answer});
}

// What the answer itself must be: free text and calls of tools, or what the constraint says.
Result<Node> add_answer(GrammarBuilder& builder, const protocol::Generate& call, const Prompt& prompt) {
  if (!call.has_tool_use()) {
    HEARTH_ASSIGN(const Node constrained, add_constraint(builder, call.constraint()));
    if (!prompt.calls) return constrained;
    return builder.sequence({builder.literal(prompt.calls->format->text_begin()), constrained});
  }
  return prompt.calls->format->add_answer(builder, prompt.calls->tools, prompt.calls->use);
}

size_t source_bytes(const protocol::Generate& call, const Prompt& prompt) {
  size_t n = call.constraint().ByteSizeLong();
  if (!prompt.calls) return n;
  for (const text::Tool& tool : prompt.calls->tools) n += tool.name.size() + tool.parameters.size();
  return n;
}

}  // namespace

bool is_constrained(const protocol::Generate& call) {
  return call.has_constraint() || call.has_tool_use();
}

std::shared_ptr<const text::grammar::MaskedVocabulary> ConstraintCompiler::vocabulary(
    const std::vector<text::TokenId>& visible) {
  if (vocabularies_.size() >= kMaxVocabularies && !vocabularies_.contains(visible)) vocabularies_.clear();
  auto& vocabulary = vocabularies_[visible];
  if (!vocabulary) {
    vocabulary = std::make_shared<text::grammar::MaskedVocabulary>(tokenizer_, static_cast<size_t>(n_tokens_),
                                                                   visible);
  }
  return vocabulary;
}

Result<std::shared_ptr<text::grammar::TokenGrammar>> ConstraintCompiler::compile(
    const protocol::Generate& call, const Prompt& prompt) {
  if (source_bytes(call, prompt) > kMaxSourceBytes) {
    return make_error(ErrorCode::kResourceExhausted,
                      "expected schemas or a grammar of at most {} bytes, found {}", kMaxSourceBytes,
                      source_bytes(call, prompt));
  }
  GrammarBuilder builder;
  std::vector<std::string> control_names;
  for (const text::TokenId token : prompt.visible_control_tokens)
    control_names.emplace_back(tokenizer_.token_bytes(token, /*special=*/true));
  builder.set_control_names(std::move(control_names));
  HEARTH_ASSIGN(const Node answer, add_answer(builder, call, prompt));
  HEARTH_ASSIGN(const Node whole, add_thinking(builder, prompt, answer));
  HEARTH_ASSIGN(std::shared_ptr<const text::grammar::Grammar> grammar, builder.build(whole));
  return std::make_shared<text::grammar::TokenGrammar>(std::move(grammar),
                                                       vocabulary(prompt.visible_control_tokens));
}

}  // namespace hearth::worker
