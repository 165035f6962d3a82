// Arguments as literals that are not JSON's.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/lower_case.h"
#include "text/grammar/json_schema.h"
#include "text/tools/argument_grammar.h"
#include "text/tools/call_reader.h"

namespace hearth::text {
namespace {

using grammar::ByteSet;
using grammar::Dfa;
using grammar::GrammarBuilder;
using Json = nlohmann::ordered_json;
using Node = GrammarBuilder::Node;

constexpr int kMaxSchemaDepth = 64;
constexpr std::string_view kDefinitions = "#/$defs/";

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_tool_name_character);
}

class LiteralsGrammar {
 public:
  LiteralsGrammar(GrammarBuilder& builder, const CallSyntax& syntax, const Json& root)
      : builder_(builder), syntax_(syntax.literals), root_(root) {}

  Result<Node> add() {
    HEARTH_ASSIGN(const Node members, object_members(root_, syntax_.key_end, 0));
    return builder_.sequence({members, builder_.literal(syntax_.end)});
  }

 private:
  bool is_python() const { return syntax_.quote.empty(); }
  Node comma() { return builder_.literal(is_python() ? ", " : ","); }

  // The members of an object without its brackets: in order, those that need not be may be missing, and
  // commas stand only between those that are there.
  Result<Node> object_members(const Json& schema, std::string_view key_end, int depth) {
    HEARTH_TRY(check_object_keywords(schema));
    if (const Json unnamed = unnamed_members(schema); unnamed != false) {
      HEARTH_ASSIGN(const Node value, add_value(unnamed, depth + 1));
      return any_members(key_end, value);
    }
    std::vector<std::pair<std::string, Node>> members;
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, property] : properties.items()) {
      if (!is_name(name)) return make_error(ErrorCode::kUnsupported, "properties: \"{}\" is no name", name);
      auto value = add_value(property, depth + 1);
      if (!value) return value.error().in("properties/" + name);
      members.emplace_back(name, builder_.sequence({builder_.literal(name + std::string(key_end)), *value}));
    }
    if (syntax_.sorted) {
      std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
        return lower_case(a.first) < lower_case(b.first);  // as Jinja's dictsort
      });
    }
    // What may follow once something stands there, and what may stand first, from the last member on.
    Node rest = builder_.empty();
    Node first = builder_.empty();
    for (size_t i = members.size(); i-- > 0;) {
      const auto& [name, member] = members[i];
      const bool required = is_required(schema, name);
      const Rule rule = builder_.declare(name);
      builder_.define(rule, member);
      const Rule rest_rule = builder_.declare("after " + name);
      builder_.define(rest_rule, rest);
      const Node after = builder_.call(rest_rule);
      const Node here = builder_.sequence({builder_.call(rule), after});
      first = required ? here : builder_.choice({here, first});
      const Node with_comma = builder_.sequence({comma(), builder_.call(rule), builder_.call(rest_rule)});
      rest = required ? with_comma : builder_.choice({with_comma, builder_.call(rest_rule)});
    }
    return first;
  }

  Result<Node> add_value(const Json& schema, int depth) {
    if (depth > kMaxSchemaDepth)
      return make_error(ErrorCode::kResourceExhausted, "nested deeper than {}", kMaxSchemaDepth);
    HEARTH_TRY(builder_.status());
    if (!schema.is_object() || only_annotations(schema)) return any_value();
    if (const auto reference = schema.find("$ref"); reference != schema.end())
      return add_reference(*reference, depth);
    for (const char* values : {"enum", "const"}) {
      const auto found = schema.find(values);
      if (found != schema.end())
        return add_constants(found->is_array() && values[0] == 'e' ? *found : Json::array({*found}));
    }
    if (const auto branches = schema.find("anyOf"); branches != schema.end() && branches->is_array()) {
      std::vector<Node> nodes;
      for (const Json& branch : *branches) {
        HEARTH_ASSIGN(const Node node, add_value(branch, depth + 1));
        nodes.push_back(node);
      }
      return builder_.choice(std::move(nodes));
    }
    const auto type = schema.find("type");
    if (type == schema.end()) return make_error(ErrorCode::kUnsupported, "expected a type");
    if (!type->is_array()) return add_typed(schema, *type, depth);
    std::vector<Node> nodes;
    for (const Json& one : *type) {
      HEARTH_ASSIGN(const Node node, add_typed(schema, one, depth));
      nodes.push_back(node);
    }
    return builder_.choice(std::move(nodes));
  }

  Result<Node> add_typed(const Json& schema, const Json& type, int depth) {
    Json typed = standing_alone(schema, root_);
    typed["type"] = type;
    if (type == "string") return add_string(typed);
    if (type == "boolean") return constants(Json::array({true, false}));
    if (type == "null") return constants(Json::array({nullptr}));
    if (type == "array") return add_array(schema, depth);
    if (type == "object" && !is_python()) {
      HEARTH_ASSIGN(
          const Node members,
          object_members(schema.contains("type") && schema["type"].is_array() ? typed : schema, ":", depth));
      return builder_.sequence({builder_.literal("{"), members, builder_.literal("}")});
    }
    // Numbers are JSON's, and so are objects within Python.
    return grammar::add_json_schema(builder_, typed);
  }

  Result<Node> add_string(const Json& schema) {
    if (!is_python()) {
      HEARTH_ASSIGN(const Dfa texts, string_texts(schema, syntax_.quote));
      return quoted(builder_.language(texts));
    }
    for (const auto& [keyword, value] : schema.items()) {
      if (keyword == "type" || is_annotation(keyword)) continue;
      return make_error(ErrorCode::kUnsupported,
                        "{}: cannot be guaranteed in the way that this model writes calls", keyword);
    }
    return quoted(python_text());
  }

  Node quoted(Node text) {
    const std::string_view quote = is_python() ? "'" : syntax_.quote;
    return builder_.sequence({builder_.mark(quote), text, builder_.mark(quote)});
  }

  Node python_text() {
    const grammar::CodePointRange plain[] = {{0x20, 0x26}, {0x28, 0x5B}, {0x5D, 0x10FFFF}};
    ByteSet escapes;
    for (const char c : std::string_view("\\'\"nrt")) escapes.add(static_cast<uint8_t>(c));
    const Node escaped = builder_.sequence({builder_.literal("\\"), builder_.bytes(escapes)});
    return builder_.repeat(builder_.choice({builder_.characters(plain), escaped}), 0, std::nullopt);
  }

  Result<Node> add_array(const Json& schema, int depth) {
    for (const auto& [keyword, value] : schema.items()) {
      if (keyword == "type" || keyword == "items" || is_annotation(keyword)) continue;
      return make_error(ErrorCode::kUnsupported,
                        "{}: cannot be guaranteed in the way that this model writes calls", keyword);
    }
    const auto items = schema.find("items");
    HEARTH_ASSIGN(const Node item, items == schema.end() ? any_value() : add_value(*items, depth + 1));
    return list_of(item);
  }

  Node list_of(Node item) {
    const Rule rule = builder_.declare("item");
    builder_.define(rule, item);
    const Node more = builder_.repeat(builder_.sequence({comma(), builder_.call(rule)}), 0, std::nullopt);
    const Node items = builder_.optional(builder_.sequence({builder_.call(rule), more}));
    return builder_.sequence({builder_.literal("["), items, builder_.literal("]")});
  }

  Result<Node> add_reference(const Json& reference, int depth) {
    const std::string pointer = reference.is_string() ? reference.get<std::string>() : std::string();
    const std::string name =
        pointer.starts_with(kDefinitions) ? pointer.substr(kDefinitions.size()) : std::string();
    const auto definitions = root_.find("$defs");
    if (definitions == root_.end() || !definitions->is_object() || !definitions->contains(name)) {
      return make_error(ErrorCode::kUnsupported, "$ref: expected {}NAME, found {}", kDefinitions,
                        reference.dump());
    }
    if (const auto known = references_.find(name); known != references_.end())
      return builder_.call(known->second);
    const Rule rule = references_[name] = builder_.declare(name);
    HEARTH_ASSIGN(const Node body, add_value((*definitions)[name], depth + 1));
    builder_.define(rule, body);
    return builder_.call(rule);
  }

  Result<Node> add_constants(const Json& values) {
    for (const Json& value : values) {
      if (value.is_structured())
        return make_error(ErrorCode::kUnsupported, "enum: expected strings, numbers or words");
    }
    return constants(values);
  }

  Node constants(const Json& values) {
    std::vector<Node> nodes;
    for (const Json& value : values) {
      if (value.is_string()) {
        nodes.push_back(quoted(builder_.literal(constant_text(value.get_ref<const std::string&>()))));
        continue;
      }
      if (!is_python() || value.is_number()) nodes.push_back(builder_.literal(value.dump()));
      // Gemma's template writes None, too, but true and false as JSON does.
      if (value.is_null()) nodes.push_back(builder_.literal("None"));
      if (value.is_boolean() && is_python())
        nodes.push_back(builder_.literal(value.get<bool>() ? "True" : "False"));
    }
    return builder_.choice(std::move(nodes));
  }

  std::string constant_text(const std::string& text) const {
    if (!is_python()) return text;
    std::string escaped;
    for (const char c : text) {
      if (c == '\n') {
        escaped += "\\n";
        continue;
      }
      if (c == '\'' || c == '\\') escaped += '\\';
      escaped += c;
    }
    return escaped;
  }

  static bool only_annotations(const Json& schema) {
    return std::all_of(schema.items().begin(), schema.items().end(),
                       [](const auto& item) { return is_annotation(item.key()); });
  }

  // Any value; within it, objects have names for keys.
  Result<Node> any_value() {
    if (!any_) {
      any_ = builder_.declare("value");
      HEARTH_ASSIGN(const Node string, add_string(Json{{"type", "string"}}));
      HEARTH_ASSIGN(const Node number, grammar::add_json_schema(builder_, Json{{"type", "number"}}));
      std::vector<Node> nodes{string, number, constants(Json::array({true, false, nullptr})),
                              list_of(builder_.call(*any_))};
      if (is_python()) {
        nodes.push_back(grammar::add_json_object(builder_));
      } else {
        const Node members = any_members(":", builder_.call(*any_));
        nodes.push_back(builder_.sequence({builder_.literal("{"), members, builder_.literal("}")}));
      }
      builder_.define(*any_, builder_.choice(std::move(nodes)));
    }
    return builder_.call(*any_);
  }

  Node any_members(std::string_view key_end, Node value) {
    ByteSet of_names = ByteSet::range('a', 'z') | ByteSet::range('A', 'Z') | ByteSet::range('0', '9');
    of_names.add('_');
    const Rule member = builder_.declare("member");
    builder_.define(member, builder_.sequence({builder_.repeat(builder_.bytes(of_names), 1, 64),
                                               builder_.literal(key_end), value}));
    const Node more = builder_.repeat(builder_.sequence({comma(), builder_.call(member)}), 0, std::nullopt);
    return builder_.optional(builder_.sequence({builder_.call(member), more}));
  }

  using Rule = grammar::Rule;
  GrammarBuilder& builder_;
  const LiteralsCarrier& syntax_;
  const Json& root_;
  std::map<std::string, Rule> references_;
  std::optional<Rule> any_;
};

}  // namespace

Result<Node> add_literals(GrammarBuilder& builder, const CallSyntax& syntax, const Json& schema) {
  return LiteralsGrammar(builder, syntax, schema).add();
}

}  // namespace hearth::text
