// Arguments that stand one by one between marks.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

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
    const ArgumentTypes types = types_of_argument(property, property);
    if (!types.other()) {
      HEARTH_ASSIGN(const Dfa texts, string_texts(property, syntax_.value_end));
      return parameter(name, /*is_text=*/true, builder_.language(texts));
    }
    HEARTH_ASSIGN(Node value, grammar::add_json_schema(builder_, property));
    if (syntax_.python_words) value = builder_.choice(with_python_words(value, property));
    const Node other = parameter(name, /*is_text=*/false, value);
    const std::optional<Json> text = text_part(property);
    if (!types.text() || !text) return other;
    HEARTH_ASSIGN(Dfa texts, string_texts(*text, syntax_.value_end));
    // Where nothing says which it is, what can be read as another value is that.
    if (!syntax_.typed) {
      HEARTH_ASSIGN(texts, without_other_values(texts));
    }
    return builder_.choice({other, parameter(name, /*is_text=*/true, builder_.language(texts))});
  }

  // What a schema that admits texts and other values says of texts; nothing where that cannot be told.
  static std::optional<Json> text_part(const Json& property) {
    if (!property.is_object()) return Json{{"type", "string"}};
    if (std::all_of(property.items().begin(), property.items().end(),
                    [](const auto& item) { return is_annotation(item.key()); })) {
      return Json{{"type", "string"}};
    }
    if (const auto type = property.find("type"); type != property.end() && type->is_array()) {
      Json text = property;
      text["type"] = "string";
      return text;
    }
    const auto branches = property.find("anyOf");
    if (branches == property.end() || !branches->is_array()) return std::nullopt;
    Json text = property;
    text["anyOf"] = Json::array();
    for (const Json& branch : *branches) {
      if (!types_of_argument(branch, property).other()) text["anyOf"].push_back(branch);
    }
    if (text["anyOf"].empty()) return std::nullopt;
    return text;
  }

  static Result<Dfa> without_other_values(const Dfa& texts) {
    GrammarBuilder builder;
    const Node any = builder.repeat(builder.any_character(), 0, std::nullopt);
    grammar::ByteSet space;
    for (const char c : std::string_view(" \t\r\n")) space.add(static_cast<uint8_t>(c));
    const Node blank = builder.repeat(builder.bytes(space), 0, std::nullopt);
    grammar::ByteSet begins = grammar::ByteSet::range('0', '9');
    for (const char c : std::string_view("-\"{[")) begins.add(static_cast<uint8_t>(c));
    std::vector<Node> words;
    for (const char* word : {"true", "false", "null", "True", "False", "None"})
      words.push_back(builder.literal(word));
    const Node value = builder.choice({builder.sequence({builder.bytes(begins), any}),
                                       builder.sequence({builder.choice(std::move(words)), blank})});
    HEARTH_ASSIGN(const Dfa others, determinise(builder, builder.sequence({blank, value})));
    return subtract(texts, others);
  }

  // The template itself writes True, False and None, so that models have seen them.
  std::vector<Node> with_python_words(Node value, const Json& property) {
    std::vector<Node> values{value};
    if (admits_all_of(property, "boolean")) {
      values.push_back(builder_.literal("True"));
      values.push_back(builder_.literal("False"));
    }
    if (admits_all_of(property, "null")) values.push_back(builder_.literal("None"));
    return values;
  }

  // Whether a schema says of all values of `type` that they are valid: by its type, or by a branch's.
  static bool admits_all_of(const Json& property, std::string_view type) {
    const auto is_known = [](const auto& item) {
      return item.key() == "type" || item.key() == "anyOf" || is_annotation(item.key());
    };
    if (!property.is_object() || !std::all_of(property.items().begin(), property.items().end(), is_known))
      return false;
    const auto types = property.find("type");
    const auto branches = property.find("anyOf");
    if (types == property.end() && branches == property.end()) return false;
    if (types != property.end() && *types != type &&
        !(types->is_array() && std::find(types->begin(), types->end(), type) != types->end()))
      return false;
    return branches == property.end() ||
           std::any_of(branches->begin(), branches->end(),
                       [&](const Json& branch) { return admits_all_of(branch, type); });
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
