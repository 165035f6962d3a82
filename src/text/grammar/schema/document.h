// A schema's document: which schemas are in it, under which names, and what a reference in one means.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hearth::text::grammar::schema {

enum class Draft { kDraft7, k2020 };

using SchemaId = uint32_t;

// A place in the document that a schema stands at.
struct SchemaPlace {
  const nlohmann::ordered_json* json = nullptr;  // an object, true or false
  std::string pointer;                           // "#/properties/a"
  std::string base;                              // what references in it are seen from
};

// A name as it stands in a JSON pointer (RFC 6901), fit for a message.
std::string token_of(std::string_view name);

// Of a document that outlives it. Not thread-safe.
class SchemaDocument {
 public:
  // Reads $schema, $id, $anchor and $dynamicAnchor everywhere. kUnsupported for other drafts,
  // kInvalidArgument for what is no schema, kResourceExhausted for one that is nested too deeply.
  static Result<SchemaDocument> open(const nlohmann::ordered_json& root);

  Draft draft() const noexcept { return draft_; }
  SchemaId root() const noexcept { return 0; }
  const SchemaPlace& place(SchemaId id) const { return places_[id]; }
  // The schema at `json`, which stands in that of `parent` under `tokens` (a JSON pointer's, escaped).
  SchemaId child(SchemaId parent, const nlohmann::ordered_json& json, const std::string& tokens);

  // What `reference` ($ref) in a schema refers to. kUnsupported for another document.
  Result<SchemaId> resolve(SchemaId from, std::string_view reference);
  // The same of $dynamicRef; kUnsupported where the answer depends on the way that led to it.
  Result<SchemaId> resolve_dynamic(SchemaId from, std::string_view reference);

 private:
  explicit SchemaDocument(const nlohmann::ordered_json& root) : root_(&root) {}
  Result<void> read_draft();
  Result<void> read_names(const nlohmann::ordered_json& json, const std::string& pointer,
                          const std::string& base, int depth);
  Result<void> read_children(const nlohmann::ordered_json& json, const std::string& pointer,
                             const std::string& base, int depth);
  Result<SchemaId> at_pointer(const SchemaPlace& from, std::string_view pointer, std::string_view reference);
  SchemaId add(const nlohmann::ordered_json& json, const std::string& pointer, const std::string& base);
  std::string base_of(const nlohmann::ordered_json& json, const std::string& base) const;

  const nlohmann::ordered_json* root_;
  Draft draft_ = Draft::k2020;
  std::vector<SchemaPlace> places_;
  std::unordered_map<const nlohmann::ordered_json*, SchemaId> ids_;
  std::map<std::string, SchemaId> by_name_;     // absolute addresses, with plain-name fragments
  std::map<std::string, int> dynamic_anchors_;  // how often each name is given
  std::map<std::string, SchemaId> by_dynamic_name_;
};

}  // namespace hearth::text::grammar::schema
