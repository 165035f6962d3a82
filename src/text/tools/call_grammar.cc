#include "text/tools/call_grammar.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/grammar/dfa.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/json_text.h"
#include "text/tools/argument_grammar.h"

namespace hearth::text {
namespace {

using grammar::ByteSet;
using grammar::Dfa;
using grammar::GrammarBuilder;
using Json = nlohmann::ordered_json;
using Node = GrammarBuilder::Node;

// "a-z0-9" and the like.
ByteSet bytes_of(std::string_view characters) {
  ByteSet set;
  for (size_t i = 0; i < characters.size(); ++i) {
    const bool is_range = i + 2 < characters.size() && characters[i + 1] == '-';
    const char last = is_range ? characters[i + 2] : characters[i];
    set = set | ByteSet::range(static_cast<uint8_t>(characters[i]), static_cast<uint8_t>(last));
    if (is_range) i += 2;
  }
  return set;
}

class CallGrammar {
 public:
  CallGrammar(GrammarBuilder& builder, const CallSyntax& syntax, std::span<const Tool> tools,
              const ToolUse& use)
      : builder_(builder), syntax_(syntax), tools_(tools), use_(use), gap_(builder.declare("gap")) {
    builder.define(gap_, add_gap(builder));
  }

  Result<Node> add() {
    HEARTH_ASSIGN(const Node calls, add_calls());
    if (has_recipients()) return add_parts(calls);
    if (use_.required) return builder_.sequence({gap(), calls});
    if (syntax_.bare) return builder_.choice({text_that_begins_no_call(), builder_.sequence({gap(), calls})});
    HEARTH_ASSIGN(const Dfa texts, texts_without(syntax_.begin()));
    const Node text_end = builder_.sequence({optional_mark(syntax_.after_text), calls});
    return builder_.sequence({builder_.language(texts), builder_.optional(text_end)});
  }

 private:
  Node gap() { return builder_.call(gap_); }
  Node mark(std::string_view text) { return builder_.mark(text); }
  Node optional_mark(std::string_view text) {
    return text.empty() ? builder_.empty() : builder_.optional(mark(text));
  }
  Node literal(std::string_view text) { return builder_.literal(text); }

  bool has_recipients() const { return !syntax_.text_recipient.empty(); }

  // The prompt has the mark of the first part.
  Result<Node> add_parts(Node calls) {
    if (use_.required) return calls;
    std::vector<std::string> begins{syntax_.part_begin(syntax_.text_recipient)};
    for (const Tool& tool : tools_) begins.push_back(syntax_.part_begin(tool.name));
    HEARTH_ASSIGN(const Dfa texts, texts_without(begins));
    const Node begin = literal(begins.front().substr(syntax_.call_begin.size()));
    const Node after_text = builder_.sequence({mark(syntax_.call_begin), calls});
    return builder_.choice(
        {calls, builder_.sequence({begin, builder_.language(texts), builder_.optional(after_text)})});
  }

  // Empty, white space, or something that no JSON object begins with.
  Node text_that_begins_no_call() {
    const ByteSet space = bytes_of(" \t\r\n");
    const grammar::CodePointRange others[] = {{0, 8}, {11, 12}, {14, 31}, {33, '{' - 1}, {'{' + 1, 0x10FFFF}};
    const Node rest = builder_.sequence(
        {builder_.characters(others), builder_.repeat(builder_.any_character(), 0, std::nullopt)});
    return builder_.sequence(
        {builder_.repeat(builder_.bytes(space), 0, std::nullopt), builder_.optional(rest)});
  }

  Result<Node> add_calls() {
    HEARTH_ASSIGN(const Node body, add_call());
    const grammar::Rule call = builder_.declare("call");
    builder_.define(call, body);
    const Node first = builder_.call(call);
    Node calls = first;
    if (!use_.one_call && !syntax_.one_call) {
      const Node comma = syntax_.list       ? builder_.sequence({gap(), literal(","), gap()})
                         : has_recipients() ? builder_.sequence({gap(), mark(syntax_.call_begin)})
                                            : gap();
      const Node next = builder_.sequence({comma, builder_.call(call)});
      calls = builder_.sequence({first, builder_.repeat(next, 0, std::nullopt)});
    }
    if (syntax_.list) calls = builder_.sequence({literal("["), gap(), calls, gap(), literal("]")});
    if (syntax_.section_begin.empty()) return calls;
    const Node end = builder_.sequence({gap(), mark(syntax_.section_end)});
    return builder_.sequence(
        {mark(syntax_.section_begin), gap(), calls, syntax_.may_omit_end ? builder_.optional(end) : end});
  }

  Result<Node> add_call() {
    std::vector<Node> bodies;
    for (const Tool& tool : tools_) {
      if (!use_.name.empty() && tool.name != use_.name) continue;
      auto body = add_body(tool);
      if (!body) return body.error().in("tool " + tool.name);
      bodies.push_back(*body);
      HEARTH_TRY(builder_.status());
    }
    if (bodies.empty()) {
      return make_error(ErrorCode::kInvalidArgument, "expected the name of a tool, found \"{}\"", use_.name);
    }
    if (has_recipients()) return builder_.choice(std::move(bodies));
    std::vector<Node> begins{mark(syntax_.call_begin)};
    for (const std::string_view begin : syntax_.longer_begins) {
      if (!begin.empty()) begins.push_back(mark(begin));
    }
    const Node end = builder_.sequence({gap(), mark(syntax_.call_end)});
    const bool may_omit_end = syntax_.may_omit_end && syntax_.section_begin.empty();
    return builder_.sequence({builder_.choice(std::move(begins)), gap(), builder_.choice(std::move(bodies)),
                              syntax_.call_end.empty() ? builder_.empty()
                              : may_omit_end           ? builder_.optional(end)
                                                       : end});
  }

  Result<Node> add_body(const Tool& tool) {
    const Json schema = tool.parameters.empty()
                            ? Json{{"type", "object"}}
                            : Json::parse(tool.parameters, nullptr, /*allow_exceptions=*/false);
    if (!schema.is_object()) {
      return make_error(ErrorCode::kInvalidArgument, "parameters: expected a JSON Schema of an object");
    }
    if (syntax_.carrier == CallCarrier::kObject) {
      HEARTH_ASSIGN(const Node arguments, add_json_arguments(schema));
      return add_object(tool.name, arguments);
    }
    HEARTH_ASSIGN(const Node arguments, add_arguments(schema));
    if (has_recipients()) {
      if (tool.name == syntax_.text_recipient) {
        return make_error(ErrorCode::kUnsupported,
                          "the model's answers name the user so: expected another name");
      }
      return builder_.sequence({literal(tool.name + "\n"), arguments});
    }
    return builder_.sequence({filler(syntax_.before_name), mark(syntax_.name_begin), literal(tool.name),
                              filler(syntax_.after_name), mark(syntax_.arguments_begin), arguments});
  }

  Result<Node> add_arguments(const Json& schema) {
    Result<Node> arguments =
        syntax_.carrier == CallCarrier::kParameters ? add_parameters(builder_, syntax_, schema)
        : syntax_.carrier == CallCarrier::kLiterals ? add_literals(builder_, syntax_, schema)
                                                    : add_json_arguments(schema);
    if (!arguments) return arguments.error().in("parameters");
    if (syntax_.carrier != CallCarrier::kJson) return arguments;
    return builder_.sequence({gap(), *arguments});
  }

  Result<Node> add_json_arguments(const Json& schema) {
    if (schema.size() == 1 && schema.contains("type")) return grammar::add_json_object(builder_);
    return grammar::add_json_schema(builder_, schema);
  }

  Node add_object(const std::string& name, Node arguments) {
    const ObjectCarrier& object = syntax_.object;
    const Node comma = builder_.sequence({gap(), literal(","), gap()});
    const bool has_id = !object.id_key.empty();
    std::vector<Node> parts{literal("{"), gap()};
    const auto add_id = [&] {
      const Node id = member(
          object.id_key,
          builder_.sequence({literal("\""), builder_.repeat(builder_.bytes(bytes_of("a-zA-Z0-9_")), 1, 32),
                             literal("\"")}));
      parts.push_back(builder_.optional(object.id_first ? builder_.sequence({id, comma})
                                                        : builder_.sequence({comma, id})));
    };
    if (has_id && object.id_first) add_id();
    if (object.name_key.empty()) {
      parts.push_back(member(name, arguments));
    } else {
      parts.insert(parts.end(), {member(object.name_key, literal(grammar::json_string(name))), comma,
                                 member(object.arguments_key, arguments)});
    }
    if (has_id && !object.id_first) add_id();
    parts.insert(parts.end(), {gap(), literal("}")});
    return builder_.sequence(std::move(parts));
  }

  Node member(std::string_view key, Node value) {
    return builder_.sequence({literal(grammar::json_string(key)), gap(), literal(":"), gap(), value});
  }

  Node filler(const CallFiller& filler) {
    std::vector<Node> texts;
    for (const std::string_view text : filler.texts) {
      if (!text.empty()) texts.push_back(mark(text));
    }
    const Node end =
        filler.end.empty() ? builder_.empty() : builder_.sequence({gap(), mark(filler.end), gap()});
    if (texts.empty() && filler.max == 0) return filler.end.empty() ? gap() : end;
    const Node text = texts.empty() ? builder_.empty() : builder_.choice(std::move(texts));
    if (filler.max == 0) return builder_.sequence({text, end});
    return builder_.sequence(
        {text, builder_.repeat(builder_.bytes(bytes_of(filler.characters)), filler.min, filler.max), end});
  }

  GrammarBuilder& builder_;
  const CallSyntax& syntax_;
  std::span<const Tool> tools_;
  const ToolUse& use_;
  grammar::Rule gap_;
};

}  // namespace

Result<Node> add_call_answer(GrammarBuilder& builder, const CallSyntax& syntax, std::span<const Tool> tools,
                             const ToolUse& use) {
  return CallGrammar(builder, syntax, tools, use).add();
}

}  // namespace hearth::text
