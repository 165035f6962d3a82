// Arguments that stand one by one between marks.
#include <nlohmann/json.hpp>

#include "text/grammar/json_schema.h"
#include "text/tools/argument_grammar.h"
#include "text/tools/call_reader.h"

namespace hearth::text {
namespace {

using grammar::Dfa;
using grammar::GrammarBuilder;
using Json = nlohmann::ordered_json;
using Node = GrammarBuilder::Node;

class ParametersGrammar {
 public:
  ParametersGrammar(GrammarBuilder& builder, const CallSyntax& syntax)
      : builder_(builder), syntax_(syntax.parameters), gap_(builder.declare("gap")) {
    builder.define(gap_, add_gap(builder));
  }

  Result<Node> add(const Json& schema) {
    HEARTH_TRY(check_object_keywords(schema));
    std::vector<Node> parts;
    if (const Json unnamed = unnamed_members(schema); unnamed != false) {
      auto any = any_parameters(standing_alone(unnamed, schema));
      if (!any) return any.error().in("additionalProperties");
      parts.push_back(*any);
    }
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, property] : properties.items()) {
      auto parameter = add_parameter(name, standing_alone(property, schema));
      if (!parameter) return parameter.error().in("properties/" + name);
      parts.push_back(is_required(schema, name) ? *parameter : builder_.optional(*parameter));
    }
    parts.push_back(builder_.call(gap_));
    parts.push_back(builder_.mark(syntax_.end));
    return builder_.sequence(std::move(parts));
  }

 private:
  Result<Node> add_parameter(const std::string& name, const Json& property) {
    if (name.find(syntax_.key_end) != std::string::npos) {
      return make_error(ErrorCode::kUnsupported, "the name contains {}", syntax_.key_end);
    }
    return add_parameter(builder_.literal(name), property);
  }

  Result<Node> add_parameter(Node name, const Json& property) {
    const ArgumentTypes types = types_of_argument(property);
    const bool is_text = types.text && !types.other;
    Node value{};
    if (is_text) {
      HEARTH_ASSIGN(const Dfa texts, string_texts(property, syntax_.value_end));
      value = builder_.language(texts);
    } else {
      HEARTH_ASSIGN(value, grammar::add_json_schema(builder_, property));
      if (syntax_.python_words) value = builder_.choice(with_python_words(value, property));
    }
    return parameter(name, is_text, value);
  }

  // The template itself writes True, False and None, so that models have seen them.
  std::vector<Node> with_python_words(Node value, const Json& property) {
    std::vector<Node> values{value};
    const auto type = property.find("type");
    if (type == property.end() || property.contains("enum") || property.contains("const")) return values;
    if (*type == "boolean") {
      values.push_back(builder_.literal("True"));
      values.push_back(builder_.literal("False"));
    }
    if (*type == "null") values.push_back(builder_.literal("None"));
    return values;
  }

  Node parameter(Node name, bool is_text, Node value) {
    std::vector<Node> parts{builder_.call(gap_), builder_.mark(syntax_.key_begin), name,
                            builder_.mark(syntax_.key_end)};
    if (syntax_.typed)
      parts.push_back(builder_.literal(is_text ? " string=\"true\">" : " string=\"false\">"));
    if (!syntax_.value_begin.empty()) {
      parts.push_back(builder_.call(gap_));
      parts.push_back(builder_.mark(syntax_.value_begin));
    }
    const Node line_break = builder_.literal(syntax_.lines ? "\n" : "");
    parts.insert(parts.end(), {line_break, value, line_break, builder_.mark(syntax_.value_end)});
    return builder_.sequence(std::move(parts));
  }

  // Of a tool that does not say what it takes: texts, unless it says more.
  Result<Node> any_parameters(const Json& schema) {
    grammar::ByteSet of_names = grammar::ByteSet::range('a', 'z') | grammar::ByteSet::range('A', 'Z') |
                                grammar::ByteSet::range('0', '9');
    of_names.add('_');
    of_names.add('-');
    const Node name = builder_.repeat(builder_.bytes(of_names), 1, 64);
    HEARTH_ASSIGN(const Node any, add_parameter(name, schema == true ? Json{{"type", "string"}} : schema));
    return builder_.repeat(any, 0, std::nullopt);
  }

  GrammarBuilder& builder_;
  const ParametersCarrier& syntax_;
  grammar::Rule gap_;
};

}  // namespace

Result<Node> add_parameters(GrammarBuilder& builder, const CallSyntax& syntax, const Json& schema) {
  return ParametersGrammar(builder, syntax).add(schema);
}

}  // namespace hearth::text
