// unevaluatedProperties and unevaluatedItems: they are about what no other keyword of the schema, or of those
// that are applied in its place, has looked at; which depends on which of these hold. So all ways are listed.
// Source: JSON Schema 2020-12, section 11.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/grammar/schema/keywords.h"

namespace hearth::text::grammar::schema {
namespace {

constexpr size_t kMaxEvaluations = 500;

}  // namespace

bool Keywords::has_unevaluated(const Json& json) {
  return json.contains("unevaluatedProperties") || json.contains("unevaluatedItems");
}

Result<Keywords::Evaluations> Keywords::evaluations(SchemaId id) {
  if (const auto found = evaluations_.find(id); found != evaluations_.end()) {
    if (found->second) return *found->second;
    return make_error(ErrorCode::kInvalidArgument, "{}: the schema refers to itself without an end",
                      document_.place(id).pointer);
  }
  evaluations_[id] = std::nullopt;
  Result<Evaluations> ways = compute_evaluations(id);
  if (ways) {
    evaluations_[id] = *ways;
  } else {
    evaluations_.erase(id);
  }
  return ways;
}

Result<Keywords::Evaluations> Keywords::compute_evaluations(SchemaId id) {
  const SchemaPlace place = document_.place(id);
  if (place.json->is_boolean()) return place.json->get<bool>() ? Evaluations{{}} : Evaluations{};
  Reading reading{.id = id, .json = *place.json, .pointer = place.pointer};
  HEARTH_TRY(read_own(reading));
  HEARTH_ASSIGN(const std::optional<Formula> contained, schema_at(reading, "contains"));
  Evaluation own = own_evaluation(reading, contained ? &*contained : nullptr);
  own.condition = formulas_.all_of(reading.parts);
  Evaluations ways{std::move(own)};
  HEARTH_TRY(apply_references(reading, ways));
  HEARTH_TRY(apply_combinations(reading, ways));
  HEARTH_TRY(apply_if(reading, ways));
  HEARTH_TRY(apply_dependent_schemas(reading, ways));
  HEARTH_TRY(apply_unevaluated(reading, ways));
  return ways;
}

Keywords::Evaluation Keywords::own_evaluation(const Reading& reading, const Formula* contained) const {
  Evaluation own;
  own.all_keys = reading.json.contains("additionalProperties");
  own.all_items = reading.json.contains("items");
  if (const auto found = reading.json.find("prefixItems"); found != reading.json.end())
    own.n_items = found->size();
  if (contained != nullptr) own.contained.push_back(*contained);
  for (const auto& [keyword, list] :
       {std::pair("properties", &own.names), std::pair("patternProperties", &own.patterns)}) {
    const auto found = reading.json.find(keyword);
    if (found == reading.json.end()) continue;
    for (const auto& [name, unused] : found->items()) list->push_back(name);
  }
  return own;
}

Result<Keywords::Evaluations> Keywords::evaluations_of(Formula schema) {
  if (schema == kAlways) return Evaluations{{}};
  if (schema == kNever) return Evaluations{};
  const SchemaId id = formulas_.condition(formulas_.entry(schema).condition).schema;
  HEARTH_ASSIGN(Evaluations ways, evaluations(id));
  // What looks at nothing is one way, however it holds.
  const bool is_nothing =
      std::all_of(ways.begin(), ways.end(), [](const Evaluation& way) { return way.is_nothing(); });
  if (is_nothing) return Evaluations{{.condition = schema}};
  return ways;
}

// Each way of the one with each of the other.
Result<Keywords::Evaluations> Keywords::both(const Reading& reading, const Evaluations& a,
                                             const Evaluations& b) const {
  Evaluations ways;
  if (a.size() * b.size() > kMaxEvaluations) {
    return make_error(ErrorCode::kResourceExhausted,
                      "{}: expected at most {} ways in which keys and items are evaluated", reading.pointer,
                      kMaxEvaluations);
  }
  for (const Evaluation& one : a) {
    for (const Evaluation& other : b) {
      constexpr uint64_t kStepsOfName = 10;
      formulas_.work().spend(kStepsOfName * (1 + one.names.size() + one.patterns.size() + other.names.size() +
                                             other.patterns.size()));
      HEARTH_TRY(formulas_.check_work());
      Evaluation way = one;
      way.condition = formulas_.all_of({one.condition, other.condition});
      if (way.condition == kNever) continue;
      way.all_keys |= other.all_keys;
      way.all_items |= other.all_items;
      way.n_items = std::max(way.n_items, other.n_items);
      way.names.insert(way.names.end(), other.names.begin(), other.names.end());
      way.patterns.insert(way.patterns.end(), other.patterns.begin(), other.patterns.end());
      way.contained.insert(way.contained.end(), other.contained.begin(), other.contained.end());
      ways.push_back(std::move(way));
    }
  }
  return ways;
}

// At least one of the schemas, or exactly one: by which of them hold.
Result<Keywords::Evaluations> Keywords::of_several(const Reading& reading,
                                                   const std::vector<Formula>& schemas, bool exactly_one) {
  Evaluations none{{}};  // of those so far, none holds
  Evaluations some;      // one does, or more
  for (const Formula schema : schemas) {
    HEARTH_ASSIGN(const Evaluations holds, evaluations_of(schema));
    const Evaluations fails{{.condition = formulas_.negation(schema)}};
    HEARTH_ASSIGN(Evaluations next, both(reading, none, holds));
    HEARTH_ASSIGN(const Evaluations not_this, both(reading, some, fails));
    next.insert(next.end(), not_this.begin(), not_this.end());
    if (!exactly_one) {
      HEARTH_ASSIGN(const Evaluations this_too, both(reading, some, holds));
      next.insert(next.end(), this_too.begin(), this_too.end());
    }
    some = std::move(next);
    HEARTH_ASSIGN(none, both(reading, none, fails));
  }
  return some;
}

Result<void> Keywords::apply_references(const Reading& reading, Evaluations& ways) {
  HEARTH_ASSIGN(const std::vector<Formula> targets, references(reading));
  for (const Formula target : targets) {
    HEARTH_ASSIGN(const Evaluations its, evaluations_of(target));
    HEARTH_ASSIGN(ways, both(reading, ways, its));
  }
  return {};
}

Result<void> Keywords::apply_combinations(const Reading& reading, Evaluations& ways) {
  HEARTH_ASSIGN(const std::vector<Formula> all, schemas_at(reading, "allOf"));
  for (const Formula schema : all) {
    HEARTH_ASSIGN(const Evaluations its, evaluations_of(schema));
    HEARTH_ASSIGN(ways, both(reading, ways, its));
  }
  for (const auto& [keyword, exactly_one] : {std::pair("anyOf", false), std::pair("oneOf", true)}) {
    HEARTH_ASSIGN(const std::vector<Formula> some, schemas_at(reading, keyword));
    if (some.empty()) continue;
    HEARTH_ASSIGN(const Evaluations its, of_several(reading, some, exactly_one));
    HEARTH_ASSIGN(ways, both(reading, ways, its));
  }
  return {};
}

Result<void> Keywords::apply_if(const Reading& reading, Evaluations& ways) {
  HEARTH_ASSIGN(const std::optional<Formula> condition, schema_at(reading, "if"));
  if (!condition) return {};
  HEARTH_ASSIGN(const std::optional<Formula> then, schema_at(reading, "then"));
  HEARTH_ASSIGN(const std::optional<Formula> otherwise, schema_at(reading, "else"));
  HEARTH_ASSIGN(const Evaluations holds, evaluations_of(*condition));
  HEARTH_ASSIGN(const Evaluations of_then, evaluations_of(then.value_or(kAlways)));
  HEARTH_ASSIGN(const Evaluations of_else, evaluations_of(otherwise.value_or(kAlways)));
  const Evaluations fails{{.condition = formulas_.negation(*condition)}};
  HEARTH_ASSIGN(Evaluations its, both(reading, holds, of_then));
  HEARTH_ASSIGN(const Evaluations other, both(reading, fails, of_else));
  its.insert(its.end(), other.begin(), other.end());
  HEARTH_ASSIGN(ways, both(reading, ways, its));
  return {};
}

Result<void> Keywords::apply_dependent_schemas(const Reading& reading, Evaluations& ways) {
  const auto found = reading.json.find("dependentSchemas");
  if (found == reading.json.end()) return {};
  if (!found->is_object())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected an object", reading.at("dependentSchemas"));
  for (const auto& [name, json] : found->items()) {
    const std::string tokens = fmt::format("dependentSchemas/{}", token_of(name));
    HEARTH_ASSIGN(const Formula schema, schema_in(reading, json, tokens));
    HEARTH_ASSIGN(const Evaluations holds, evaluations_of(schema));
    const Formula is_there = required(name, reading.at(tokens));
    HEARTH_ASSIGN(Evaluations its, both(reading, {{.condition = is_there}}, holds));
    its.push_back({.condition = formulas_.negation(is_there)});
    HEARTH_ASSIGN(ways, both(reading, ways, its));
  }
  return {};
}

Result<void> Keywords::apply_unevaluated(const Reading& reading, Evaluations& ways) {
  HEARTH_ASSIGN(const std::optional<Formula> keys, schema_at(reading, "unevaluatedProperties"));
  HEARTH_ASSIGN(const std::optional<Formula> items, schema_at(reading, "unevaluatedItems"));
  for (Evaluation& way : ways) {
    if (keys && !way.all_keys) {
      KeySet others{.type = KeySet::Type::kOthers, .names = way.names, .patterns = way.patterns};
      for (std::vector<std::string>* list : {&others.names, &others.patterns}) {
        std::sort(list->begin(), list->end());
        list->erase(std::unique(list->begin(), list->end()), list->end());
      }
      if (others.names.empty() && others.patterns.empty()) others.type = KeySet::Type::kAll;
      const Condition condition{.type = Condition::Type::kValues,
                                .inner = *keys,
                                .keys = others,
                                .pointer = reading.at("unevaluatedProperties")};
      way.condition = formulas_.all_of({way.condition, formulas_.literal(condition)});
      way.all_keys = true;
    }
    if (items && !way.all_items) {
      std::vector<Formula> allowed = way.contained;
      allowed.push_back(*items);
      const Condition condition{.type = Condition::Type::kItemsFrom,
                                .inner = formulas_.any_of(std::move(allowed)),
                                .count = way.n_items,
                                .pointer = reading.at("unevaluatedItems")};
      way.condition = formulas_.all_of({way.condition, formulas_.literal(condition)});
      way.all_items = true;
    }
  }
  return {};
}

}  // namespace hearth::text::grammar::schema
