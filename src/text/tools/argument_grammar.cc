#include "text/tools/argument_grammar.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "text/grammar/dfa_builder.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/json_text.h"
#include "text/grammar/state_sets.h"

namespace hearth::text {

using grammar::Dfa;
using grammar::GrammarBuilder;
using Json = nlohmann::ordered_json;
using Node = GrammarBuilder::Node;

namespace {

constexpr uint32_t kMaxGap = 24;

// A grammar of quoted JSON strings as the automaton of the texts that they stand for. The canonical form has
// one way to write a character, so that a text's byte leads where its escaped form leads.
Result<Dfa> unquoted(std::shared_ptr<const grammar::Grammar> quoted) {
  std::array<std::string, 256> forms;
  std::vector<uint8_t> classes(256);
  for (size_t byte = 0; byte < 256; ++byte) {
    classes[byte] = static_cast<uint8_t>(byte);
    forms[byte] = std::string(1, static_cast<char>(byte));
    if (byte >= 0x80) continue;
    const std::string json = grammar::json_string(forms[byte]);
    forms[byte] = json.substr(1, json.size() - 2);
  }
  grammar::StateSets sets(std::move(quoted));
  grammar::DfaBuilder builder(std::move(classes));
  std::unordered_map<grammar::SetId, uint32_t> states{{grammar::StateSets::kDead, Dfa::kDead}};
  std::vector<grammar::SetId> found;
  const auto state_of = [&](grammar::SetId set) {
    const auto [at, is_new] = states.try_emplace(set, 0);
    if (is_new) {
      at->second = builder.add_state(sets.may_end(sets.next(set, '"')));
      found.push_back(set);
    }
    return at->second;
  };
  const uint32_t start = state_of(sets.next(sets.start(), '"'));
  for (size_t i = 0; i < found.size(); ++i) {
    if (found.size() > Dfa::kDefaultMaxStates || states.contains(grammar::StateSets::kTooMany)) {
      return make_error(ErrorCode::kResourceExhausted, "what is said about a text needs more than {} states",
                        Dfa::kDefaultMaxStates);
    }
    const uint32_t state = state_of(found[i]);
    for (uint32_t byte = 0; byte < 256; ++byte) {
      grammar::SetId target = found[i];
      for (const char c : forms[byte]) target = sets.next(target, static_cast<uint8_t>(c));
      builder.set_next(state, byte, state_of(target));
    }
  }
  return std::move(builder).minimised(start);
}

// All that `schema` says beyond the type is for people.
bool is_any_string(const Json& schema) {
  return std::all_of(schema.items().begin(), schema.items().end(), [](const auto& item) {
    return (item.key() == "type" && item.value() == "string") || is_annotation(item.key());
  });
}

}  // namespace

Node add_gap(GrammarBuilder& builder) {
  grammar::ByteSet space;
  for (const char c : std::string_view(" \t\r\n")) space.add(static_cast<uint8_t>(c));
  return builder.repeat(builder.bytes(space), 0, kMaxGap);
}

Result<Dfa> texts_without(std::string_view mark) {
  const std::string marks[] = {std::string(mark)};
  return texts_without(std::span(marks).first(mark.empty() ? 0 : 1));
}

Result<Dfa> texts_without(std::span<const std::string> marks) {
  GrammarBuilder builder;
  const Node any = builder.repeat(builder.any_character(), 0, std::nullopt);
  HEARTH_ASSIGN(Dfa all, determinise(builder, any));
  if (marks.empty()) return all;
  std::vector<Node> nodes;
  for (const std::string& mark : marks) nodes.push_back(builder.literal(mark));
  const Node some = builder.choice(std::move(nodes));
  HEARTH_ASSIGN(const Dfa with, determinise(builder, builder.sequence({any, some, any})));
  return subtract(all, with);
}

Result<Dfa> string_texts(const Json& schema, std::string_view mark) {
  HEARTH_ASSIGN(Dfa unmarked, texts_without(mark));
  if (is_any_string(schema)) return unmarked;
  GrammarBuilder builder;
  HEARTH_ASSIGN(const Node node, grammar::add_json_schema(builder, schema));
  HEARTH_ASSIGN(auto quoted, builder.build(node));
  HEARTH_ASSIGN(const Dfa valid, unquoted(std::move(quoted)));
  HEARTH_ASSIGN(Dfa texts, intersect(valid, unmarked));
  if (texts.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "no text is valid that does not contain {}", mark);
  }
  return texts;
}

Json standing_alone(const Json& schema, const Json& root) {
  Json alone = schema;
  if (!alone.is_object()) return alone;
  for (const char* definitions : {"$defs", "definitions"}) {
    const auto found = root.find(definitions);
    if (found != root.end() && !alone.contains(definitions)) alone[definitions] = *found;
  }
  return alone;
}

Json unnamed_members(const Json& schema) {
  const auto named = schema.find("properties");
  if (named != schema.end() && !named->empty()) return false;
  const auto unnamed = schema.find("additionalProperties");
  // A tool that takes nothing has no properties, and says so by listing none of them.
  if (unnamed == schema.end()) return named == schema.end();
  return *unnamed;
}

bool is_annotation(std::string_view keyword) {
  constexpr std::array<std::string_view, 12> kAnnotations{
      "title",    "description", "default", "examples", "$comment",    "deprecated",
      "readOnly", "writeOnly",   "$schema", "$defs",    "definitions", "$id"};
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

Result<void> check_object_keywords(const Json& schema) {
  for (const auto& [keyword, value] : schema.items()) {
    if (is_annotation(keyword) || keyword == "properties" || keyword == "required") continue;
    if (keyword == "type" && value == "object") continue;
    // What is never written need not be known.
    if (keyword == "additionalProperties") continue;
    return make_error(ErrorCode::kUnsupported,
                      "{}: cannot be guaranteed in the way that this model writes calls", keyword);
  }
  const auto properties = schema.find("properties");
  if (properties != schema.end() && !properties->is_object()) {
    return make_error(ErrorCode::kInvalidArgument, "properties: expected an object");
  }
  const auto required = schema.find("required");
  if (required == schema.end()) return {};
  if (!required->is_array()) return make_error(ErrorCode::kInvalidArgument, "required: expected an array");
  for (const Json& name : *required) {
    if (!name.is_string()) return make_error(ErrorCode::kInvalidArgument, "required: expected names");
    if (properties == schema.end() || !properties->contains(name.get_ref<const std::string&>())) {
      return make_error(ErrorCode::kUnsupported, "required: \"{}\" is none of the properties",
                        name.get_ref<const std::string&>());
    }
  }
  return {};
}

bool is_required(const Json& schema, const std::string& property) {
  const auto required = schema.find("required");
  return required != schema.end() &&
         std::find(required->begin(), required->end(), property) != required->end();
}

}  // namespace hearth::text
