#include "text/grammar/schema/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/excerpt.h"
#include "text/grammar/schema/uri.h"

namespace hearth::text::grammar::schema {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 128;

constexpr std::array<std::string_view, 12> kSchemas{"additionalItems",
                                                    "additionalProperties",
                                                    "contains",
                                                    "else",
                                                    "if",
                                                    "items",
                                                    "not",
                                                    "propertyNames",
                                                    "then",
                                                    "unevaluatedItems",
                                                    "unevaluatedProperties",
                                                    "contentSchema"};
constexpr std::array<std::string_view, 5> kSchemaLists{"allOf", "anyOf", "oneOf", "prefixItems", "items"};
constexpr std::array<std::string_view, 6> kSchemaMaps{
    "$defs", "definitions", "properties", "dependentSchemas", "patternProperties", "dependencies"};

template <size_t n>
bool contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string unescaped_token(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out += token[++i] == '0' ? '~' : '/';
    } else {
      out += token[i];
    }
  }
  return out;
}

std::string string_member(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<Draft> draft_named(const Json& name) {
  if (!name.is_string()) return std::nullopt;
  std::string uri = split_fragment(name.get<std::string>()).uri;
  if (uri.rfind("https:", 0) == 0) uri.erase(4, 1);
  if (uri == "http://json-schema.org/draft-07/schema") return Draft::kDraft7;
  if (uri == "http://json-schema.org/draft/2020-12/schema") return Draft::k2020;
  return std::nullopt;
}

}  // namespace

std::string token_of(std::string_view name) {
  std::string token;
  for (const char c : name) {
    if (c == '~') {
      token += "~0";
    } else if (c == '/') {
      token += "~1";
    } else {
      token += c;
    }
  }
  return excerpt(token, 200);
}

Result<SchemaDocument> SchemaDocument::open(const Json& root) {
  SchemaDocument document(root);
  HEARTH_TRY(document.read_draft());
  document.add(root, "#", document.base_of(root, ""));
  document.by_name_.try_emplace("", 0);  // what has no $id is still referred to as "#"
  HEARTH_TRY(document.read_names(root, "#", "", 0));
  return document;
}

Result<void> SchemaDocument::read_draft() {
  if (!root_->is_object() || !root_->contains("$schema")) return {};
  const Json& name = (*root_)["$schema"];
  const std::optional<Draft> draft = draft_named(name);
  if (!draft) {
    return make_error(ErrorCode::kUnsupported, "#/$schema: expected draft 2020-12 or draft 7, found {}",
                      name.is_string() ? quoted_excerpt(name.get<std::string>()) : name.type_name());
  }
  draft_ = *draft;
  return {};
}

// Draft 7 looks at nothing beside $ref.
std::string SchemaDocument::base_of(const Json& json, const std::string& base) const {
  if (!json.is_object() || (draft_ == Draft::kDraft7 && json.contains("$ref"))) return base;
  const std::string id = string_member(json, "$id");
  if (id.empty() || id[0] == '#') return base;
  return split_fragment(resolve_uri(base, id)).uri;
}

SchemaId SchemaDocument::add(const Json& json, const std::string& pointer, const std::string& base) {
  const auto [found, is_new] = ids_.try_emplace(&json, static_cast<SchemaId>(places_.size()));
  if (is_new) places_.push_back({&json, pointer, base});
  return found->second;
}

SchemaId SchemaDocument::child(SchemaId parent, const Json& json, const std::string& tokens) {
  const std::string pointer = places_[parent].pointer + "/" + tokens;
  return add(json, pointer, base_of(json, places_[parent].base));
}

Result<void> SchemaDocument::read_names(const Json& json, const std::string& pointer,
                                        const std::string& outer_base, int depth) {
  if (depth > kMaxDepth) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} schemas within each other",
                      pointer, kMaxDepth);
  }
  if (json.is_boolean()) return {};
  if (!json.is_object())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected an object or a boolean", pointer);
  const std::string base = base_of(json, outer_base);
  if (json.contains("$schema") && draft_named(json["$schema"]) != draft_)
    return make_error(ErrorCode::kUnsupported,
                      "{}/$schema: another draft than the whole one's cannot be guaranteed", pointer);
  const SchemaId id = add(json, pointer, base);
  const auto name = [&](const std::string& uri) -> Result<void> {
    if (const auto [found, is_new] = by_name_.try_emplace(uri, id); !is_new && found->second != id) {
      return make_error(ErrorCode::kInvalidArgument, "{}: another schema has the name {}, too", pointer,
                        quoted_excerpt(uri));
    }
    return {};
  };
  if (base != outer_base) HEARTH_TRY(name(base));
  if (draft_ == Draft::kDraft7) {
    const std::string own_id = json.contains("$ref") ? std::string() : string_member(json, "$id");
    const auto [uri, fragment] = split_fragment(own_id);
    if (!fragment.empty()) HEARTH_TRY(name(base + "#" + fragment));
  } else {
    const std::string anchor = string_member(json, "$anchor");
    if (!anchor.empty()) HEARTH_TRY(name(base + "#" + anchor));
    const std::string dynamic = string_member(json, "$dynamicAnchor");
    if (!dynamic.empty()) {
      HEARTH_TRY(name(base + "#" + dynamic));
      ++dynamic_anchors_[dynamic];
      by_dynamic_name_[base + "#" + dynamic] = id;
    }
  }
  return read_children(json, pointer, base, depth);
}

Result<void> SchemaDocument::read_children(const Json& json, const std::string& pointer,
                                           const std::string& base, int depth) {
  for (const auto& [key, value] : json.items()) {
    const std::string at = pointer + "/" + token_of(key);
    if (value.is_array() && contains(kSchemaLists, key)) {
      for (size_t i = 0; i < value.size(); ++i)
        HEARTH_TRY(read_names(value[i], fmt::format("{}/{}", at, i), base, depth + 1));
    } else if (contains(kSchemas, key)) {
      HEARTH_TRY(read_names(value, at, base, depth + 1));
    } else if (value.is_object() && contains(kSchemaMaps, key)) {
      for (const auto& [name, member] : value.items()) {
        if (key == "dependencies" && member.is_array()) continue;
        HEARTH_TRY(read_names(member, at + "/" + token_of(name), base, depth + 1));
      }
    }
  }
  return {};
}

Result<SchemaId> SchemaDocument::resolve(SchemaId from, std::string_view reference) {
  const SchemaPlace place = places_[from];
  const auto [uri, fragment] = split_fragment(resolve_uri(place.base, reference));
  if (fragment.empty() || fragment[0] == '/') {
    const auto found = by_name_.find(uri);
    if (found != by_name_.end()) return at_pointer(places_[found->second], fragment, reference);
  } else {
    const auto found = by_name_.find(uri + "#" + fragment);
    if (found != by_name_.end()) return found->second;
    if (by_name_.count(uri) > 0) {
      return make_error(ErrorCode::kInvalidArgument, "{}/$ref: no schema has the anchor {}", place.pointer,
                        quoted_excerpt(fragment));
    }
  }
  return make_error(ErrorCode::kUnsupported, "{}/$ref: {} is in another document, and none is fetched",
                    place.pointer, quoted_excerpt(reference));
}

Result<SchemaId> SchemaDocument::at_pointer(const SchemaPlace& from, std::string_view pointer,
                                            std::string_view reference) {
  const Json* json = from.json;
  std::string at = from.pointer;
  std::string base = from.base;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const size_t slash = std::min(pointer.find('/'), pointer.size());
    const std::string token = unescaped_token(pointer.substr(0, slash));
    pointer.remove_prefix(slash);
    const Json* next = nullptr;
    if (json->is_object()) {
      const auto found = json->find(token);
      if (found != json->end()) next = &*found;
    } else if (json->is_array() && !token.empty() && token.size() < 9 &&
               token.find_first_not_of("0123456789") == std::string::npos &&
               std::stoul(token) < json->size()) {
      next = &(*json)[std::stoul(token)];
    }
    if (next == nullptr) {
      return make_error(ErrorCode::kInvalidArgument, "{}: there is nothing at the reference {}", from.pointer,
                        quoted_excerpt(reference));
    }
    json = next;
    at += "/" + token_of(token);
    base = base_of(*json, base);
  }
  if (!json->is_object() && !json->is_boolean()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: there is no schema at the reference {}", from.pointer,
                      quoted_excerpt(reference));
  }
  return add(*json, at, base);
}

Result<SchemaId> SchemaDocument::resolve_dynamic(SchemaId from, std::string_view reference) {
  HEARTH_ASSIGN(const SchemaId target, resolve(from, reference));
  const auto [uri, fragment] = split_fragment(resolve_uri(places_[from].base, reference));
  if (fragment.empty() || fragment[0] == '/') return target;
  const auto found = by_dynamic_name_.find(uri + "#" + fragment);
  if (found == by_dynamic_name_.end() || dynamic_anchors_[fragment] == 1) return target;
  return make_error(ErrorCode::kUnsupported,
                    "{}/$dynamicRef: several schemas have the dynamic anchor {}, and which is meant "
                    "depends on the way that led here",
                    places_[from].pointer, quoted_excerpt(fragment));
}

}  // namespace hearth::text::grammar::schema
