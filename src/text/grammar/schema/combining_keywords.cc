// Keywords that apply other schemas to the same value: references, not, allOf, anyOf, oneOf, if.
// Source: JSON Schema 2020-12, sections 8.2.3 and 10.2.
#include <nlohmann/json.hpp>

#include "text/grammar/schema/keywords.h"

namespace hearth::text::grammar::schema {

Result<std::vector<Formula>> Keywords::references(const Reading& reading) {
  std::vector<Formula> targets;
  for (const char* keyword : {"$ref", "$dynamicRef"}) {
    const bool is_plain = std::string_view(keyword) == "$ref";
    const auto found = reading.json.find(keyword);
    if (found == reading.json.end() || (is_draft7() && !is_plain)) continue;
    if (!found->is_string())
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a string", reading.at(keyword));
    const auto reference = found->get<std::string>();
    HEARTH_ASSIGN(const SchemaId target, is_plain ? document_.resolve(reading.id, reference)
                                                  : document_.resolve_dynamic(reading.id, reference));
    targets.push_back(formulas_.schema(target));
  }
  return targets;
}

Result<void> Keywords::read_references(Reading& reading) {
  HEARTH_ASSIGN(const std::vector<Formula> targets, references(reading));
  reading.parts.insert(reading.parts.end(), targets.begin(), targets.end());
  return {};
}

Result<void> Keywords::read_not(Reading& reading) {
  HEARTH_ASSIGN(const std::optional<Formula> none, schema_at(reading, "not"));
  if (none) reading.parts.push_back(formulas_.negation(*none));
  return {};
}

Result<void> Keywords::read_combinations(Reading& reading) {
  HEARTH_ASSIGN(std::vector<Formula> all, schemas_at(reading, "allOf"));
  if (!all.empty()) reading.parts.push_back(formulas_.all_of(std::move(all)));
  HEARTH_ASSIGN(std::vector<Formula> any, schemas_at(reading, "anyOf"));
  if (!any.empty()) reading.parts.push_back(formulas_.any_of(std::move(any)));
  return {};
}

// One of them and none of the others, but for those that cannot hold beside it.
Result<void> Keywords::read_one_of(Reading& reading) {
  HEARTH_ASSIGN(const std::vector<Formula> branches, schemas_at(reading, "oneOf"));
  if (branches.empty()) return {};
  HEARTH_ASSIGN(const auto others, overlaps_(reading.types, branches));
  std::vector<Formula> one;
  one.reserve(branches.size());
  for (size_t i = 0; i < branches.size(); ++i) {
    std::vector<Formula> way{branches[i]};
    for (const size_t other : others[i]) way.push_back(formulas_.negation(branches[other]));
    one.push_back(formulas_.all_of(std::move(way)));
  }
  reading.parts.push_back(formulas_.any_of(std::move(one)));
  return {};
}

Result<void> Keywords::read_if(Reading& reading) {
  HEARTH_ASSIGN(const std::optional<Formula> condition, schema_at(reading, "if"));
  HEARTH_ASSIGN(const std::optional<Formula> then, schema_at(reading, "then"));
  HEARTH_ASSIGN(const std::optional<Formula> otherwise, schema_at(reading, "else"));
  if (!condition || (!then && !otherwise)) return {};
  reading.parts.push_back(
      formulas_.any_of({formulas_.all_of({*condition, then.value_or(kAlways)}),
                        formulas_.all_of({formulas_.negation(*condition), otherwise.value_or(kAlways)})}));
  return {};
}

}  // namespace hearth::text::grammar::schema
