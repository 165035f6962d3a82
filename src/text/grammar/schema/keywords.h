// What a schema's keywords say, as a formula.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "text/grammar/schema/document.h"
#include "text/grammar/schema/formula.h"

namespace hearth::text::grammar::schema {

// Not thread-safe.
class Keywords {
 public:
  // Of alternatives, where the first formula holds, which others each may hold beside: overlap.h.
  using Overlaps =
      std::function<Result<std::vector<std::vector<size_t>>>(Formula given, const std::vector<Formula>&)>;

  Keywords(SchemaDocument& document, FormulaTable& formulas, Overlaps overlaps)
      : document_(document), formulas_(formulas), overlaps_(std::move(overlaps)) {}

  // Of the schema alone: those in it, but for their types, are conditions of kSchema. kUnsupported for
  // keywords that cannot be guaranteed, and for a schema that is asked for while it is read.
  Result<Formula> formula_of(SchemaId id);

 private:
  using Json = nlohmann::ordered_json;
  // The schema that is read.
  struct Reading {
    SchemaId id;
    const Json& json;
    std::string pointer;
    std::vector<Formula> parts{};
    Formula types = kAlways;
    std::string at(std::string_view keyword) const;
  };

  // One way in which a schema holds, and which keys and items it has evaluated then: those that
  // unevaluatedProperties and unevaluatedItems leave alone. Of a value that fulfils two ways, both say the
  // same.
  struct Evaluation {
    Formula condition = kAlways;
    bool all_keys = false;
    std::vector<std::string> names{};
    std::vector<std::string> patterns{};
    bool all_items = false;
    uint64_t n_items = 0;              // from the first on
    std::vector<Formula> contained{};  // items that fulfil one of these

    bool is_nothing() const {
      return !all_keys && names.empty() && patterns.empty() && !all_items && n_items == 0 &&
             contained.empty();
    }
  };
  using Evaluations = std::vector<Evaluation>;

  Result<Formula> read(SchemaId id);
  // What is said of the value itself, and not by schemas that are applied to it.
  Result<void> read_own(Reading& reading);
  static bool has_unevaluated(const Json& json);
  Result<Evaluations> evaluations(SchemaId id);
  Result<Evaluations> compute_evaluations(SchemaId id);
  Evaluation own_evaluation(const Reading& reading, const Formula* contained) const;
  Result<Evaluations> evaluations_of(Formula schema);
  Result<Evaluations> both(const Reading& reading, const Evaluations& a, const Evaluations& b) const;
  Result<Evaluations> of_several(const Reading& reading, const std::vector<Formula>& schemas,
                                 bool exactly_one);
  Result<void> apply_references(const Reading& reading, Evaluations& ways);
  Result<void> apply_combinations(const Reading& reading, Evaluations& ways);
  Result<void> apply_if(const Reading& reading, Evaluations& ways);
  Result<void> apply_dependent_schemas(const Reading& reading, Evaluations& ways);
  Result<void> apply_unevaluated(const Reading& reading, Evaluations& ways);
  Result<void> check_names(const Reading& reading) const;
  Result<void> read_type(Reading& reading);
  Result<void> read_values(Reading& reading);
  Result<void> read_numbers(Reading& reading);
  Result<void> read_strings(Reading& reading);
  Result<void> read_items(Reading& reading);
  Result<void> read_item_counts(Reading& reading);
  Result<void> read_contains(Reading& reading);
  Result<void> read_properties(Reading& reading);
  Result<void> read_property_counts(Reading& reading);
  Result<void> read_dependencies(Reading& reading, const char* keyword);
  Result<void> read_references(Reading& reading);
  Result<std::vector<Formula>> references(const Reading& reading);
  Result<void> read_not(Reading& reading);
  Result<void> read_combinations(Reading& reading);
  Result<void> read_one_of(Reading& reading);
  Result<void> read_if(Reading& reading);

  Result<Formula> equal_to(const Json& value, const std::string& pointer, int depth);
  // The schema under a keyword, if there is one; the schemas of a list.
  Result<std::optional<Formula>> schema_at(const Reading& reading, const char* keyword);
  Result<std::vector<Formula>> schemas_at(const Reading& reading, const char* keyword);
  Result<Formula> schema_in(const Reading& reading, const Json& json, const std::string& tokens);
  Result<std::optional<uint64_t>> count_at(const Reading& reading, const char* keyword);
  // Exactly `min` to `max` of a condition that counts from below.
  void add_range(Reading& reading, Condition from, std::optional<uint64_t> min, std::optional<uint64_t> max);
  Result<std::vector<std::string>> names_in(const Json& list, const std::string& pointer) const;
  Formula required(const std::string& name, const std::string& pointer);
  bool is_draft7() const { return document_.draft() == Draft::kDraft7; }

  SchemaDocument& document_;
  FormulaTable& formulas_;
  Overlaps overlaps_;
  std::unordered_map<SchemaId, std::optional<Formula>> read_;             // nothing: is being read
  std::unordered_map<SchemaId, std::optional<Evaluations>> evaluations_;  // the same
};

}  // namespace hearth::text::grammar::schema
