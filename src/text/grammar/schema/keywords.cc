#include "text/grammar/schema/keywords.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/excerpt.h"
#include "text/grammar/json_formats.h"
#include "text/grammar/regex_syntax.h"

namespace hearth::text::grammar::schema {
namespace {

using Json = nlohmann::ordered_json;
using Type = Condition::Type;

template <size_t n>
bool is_among(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Of both drafts, and of 2020-12 alone. What is in neither list nor in the next one is a comment, as the
// specification says.
constexpr std::array<std::string_view, 46> kKeywords{"type",
                                                     "enum",
                                                     "const",
                                                     "multipleOf",
                                                     "maximum",
                                                     "exclusiveMaximum",
                                                     "minimum",
                                                     "exclusiveMinimum",
                                                     "maxLength",
                                                     "minLength",
                                                     "pattern",
                                                     "items",
                                                     "maxItems",
                                                     "minItems",
                                                     "uniqueItems",
                                                     "contains",
                                                     "maxProperties",
                                                     "minProperties",
                                                     "required",
                                                     "properties",
                                                     "patternProperties",
                                                     "additionalProperties",
                                                     "propertyNames",
                                                     "if",
                                                     "then",
                                                     "else",
                                                     "allOf",
                                                     "anyOf",
                                                     "oneOf",
                                                     "not",
                                                     "format",
                                                     "$ref",
                                                     "$id",
                                                     "$schema",
                                                     "$comment",
                                                     "definitions",
                                                     "$defs",
                                                     "title",
                                                     "description",
                                                     "default",
                                                     "examples",
                                                     "readOnly",
                                                     "writeOnly",
                                                     "deprecated",
                                                     "contentMediaType",
                                                     "contentEncoding"};
constexpr std::array<std::string_view, 10> kOf2020{
    "prefixItems", "dependentRequired", "dependentSchemas", "minContains",      "maxContains",
    "$anchor",     "$dynamicRef",       "$dynamicAnchor",   "unevaluatedItems", "unevaluatedProperties"};
constexpr std::array<std::string_view, 2> kOfDraft7{"additionalItems", "dependencies"};
// They would bind, were they of one of these drafts.
constexpr std::array<std::string_view, 6> kOfOthers{
    "$recursiveRef", "$recursiveAnchor", "extends", "disallow", "divisibleBy", "propertyDependencies"};

}  // namespace

std::string Keywords::Reading::at(std::string_view keyword) const {
  return fmt::format("{}/{}", pointer, keyword);
}

Result<Formula> Keywords::formula_of(SchemaId id) {
  if (const auto found = read_.find(id); found != read_.end()) {
    if (found->second) return *found->second;
    return make_error(ErrorCode::kUnsupported, "{}: a schema that depends on itself",
                      document_.place(id).pointer);
  }
  read_[id] = std::nullopt;
  Result<Formula> formula = read(id);
  if (!formula) {
    read_.erase(id);
    return formula;
  }
  read_[id] = *formula;
  return formula;
}

Result<Formula> Keywords::read(SchemaId id) {
  const SchemaPlace place = document_.place(id);
  if (place.json->is_boolean()) return place.json->get<bool>() ? kAlways : kNever;
  if (!place.json->is_object())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected an object or a boolean", place.pointer);
  Reading reading{.id = id, .json = *place.json, .pointer = place.pointer};
  if (is_draft7() && reading.json.contains("$ref")) {
    HEARTH_TRY(read_references(reading));
    return formulas_.all_of(std::move(reading.parts));
  }
  if (has_unevaluated(reading.json) && !is_draft7()) {
    HEARTH_ASSIGN(const Evaluations ways, evaluations(id));
    std::vector<Formula> conditions;
    for (const Evaluation& way : ways) conditions.push_back(way.condition);
    return formulas_.any_of(std::move(conditions));
  }
  HEARTH_TRY(read_own(reading));
  HEARTH_TRY(read_dependencies(reading, "dependentSchemas"));
  HEARTH_TRY(read_references(reading));
  HEARTH_TRY(read_combinations(reading));
  HEARTH_TRY(read_one_of(reading));
  HEARTH_TRY(read_if(reading));
  return formulas_.all_of(std::move(reading.parts));
}

Result<void> Keywords::read_own(Reading& reading) {
  HEARTH_TRY(check_names(reading));
  HEARTH_TRY(read_type(reading));
  HEARTH_TRY(read_values(reading));
  HEARTH_TRY(read_numbers(reading));
  HEARTH_TRY(read_strings(reading));
  HEARTH_TRY(read_items(reading));
  HEARTH_TRY(read_item_counts(reading));
  HEARTH_TRY(read_contains(reading));
  HEARTH_TRY(read_properties(reading));
  HEARTH_TRY(read_property_counts(reading));
  HEARTH_TRY(read_dependencies(reading, "dependencies"));
  HEARTH_TRY(read_dependencies(reading, "dependentRequired"));
  return read_not(reading);
}

Result<void> Keywords::check_names(const Reading& reading) const {
  for (const auto& [name, unused] : reading.json.items()) {
    if (is_among(kKeywords, name) || (is_draft7() ? is_among(kOfDraft7, name) : is_among(kOf2020, name)))
      continue;
    if (is_among(kOfOthers, name) || is_among(kOf2020, name) || is_among(kOfDraft7, name)) {
      return make_error(ErrorCode::kUnsupported, "{}: the keyword {} cannot be guaranteed in {}",
                        reading.at(name), name, is_draft7() ? "draft 7" : "draft 2020-12");
    }
  }
  return {};
}

Result<void> Keywords::read_type(Reading& reading) {
  const auto found = reading.json.find("type");
  if (found == reading.json.end()) return {};
  std::vector<Formula> types;
  const size_t n_types = found->is_array() ? found->size() : 1;
  for (size_t i = 0; i < n_types; ++i) {
    const Json& type = found->is_array() ? (*found)[i] : *found;
    const std::string name = type.is_string() ? type.get<std::string>() : std::string();
    if (name == "null") {
      types.push_back(formulas_.is(Kind::kNull));
    } else if (name == "boolean") {
      types.push_back(formulas_.is(Kind::kFalse));
      types.push_back(formulas_.is(Kind::kTrue));
    } else if (name == "number") {
      types.push_back(formulas_.is(Kind::kNumber));
    } else if (name == "integer") {
      types.push_back(
          formulas_.all_of({formulas_.is(Kind::kNumber),
                            formulas_.literal({.type = Type::kInteger, .pointer = reading.at("type")})}));
    } else if (name == "string") {
      types.push_back(formulas_.is(Kind::kString));
    } else if (name == "array") {
      types.push_back(formulas_.is(Kind::kArray));
    } else if (name == "object") {
      types.push_back(formulas_.is(Kind::kObject));
    } else {
      return make_error(ErrorCode::kInvalidArgument, "{}: expected names of types, found {}",
                        reading.at("type"), type.is_string() ? quoted_excerpt(name) : type.type_name());
    }
  }
  if (types.empty())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a type", reading.at("type"));
  reading.types = formulas_.any_of(std::move(types));
  reading.parts.push_back(reading.types);
  return {};
}

Result<Formula> Keywords::equal_to(const Json& value, const std::string& pointer, int depth) {
  constexpr int kMaxNesting = 64;
  if (depth > kMaxNesting) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} values within each other",
                      pointer, kMaxNesting);
  }
  if (value.is_null()) return formulas_.is(Kind::kNull);
  if (value.is_boolean()) return formulas_.is(value.get<bool>() ? Kind::kTrue : Kind::kFalse);
  if (value.is_number()) {
    const Decimal number = decimal_of(value);
    const Condition same{.type = Type::kNumberIs, .number = canonical_text(number), .pointer = pointer};
    return formulas_.all_of({formulas_.is(Kind::kNumber), formulas_.literal(same)});
  }
  if (value.is_string()) {
    const Condition same{.type = Type::kStringIs, .text = value.get<std::string>(), .pointer = pointer};
    return formulas_.all_of({formulas_.is(Kind::kString), formulas_.literal(same)});
  }
  std::vector<Formula> parts{formulas_.is(value.is_array() ? Kind::kArray : Kind::kObject)};
  if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) {
      HEARTH_ASSIGN(const Formula item, equal_to(value[i], pointer, depth + 1));
      parts.push_back(
          formulas_.literal({.type = Type::kItem, .inner = item, .count = i, .pointer = pointer}));
    }
    const Condition at_least{.type = Type::kItemsAtLeast, .count = value.size(), .pointer = pointer};
    const Condition more{.type = Type::kItemsAtLeast, .count = value.size() + 1, .pointer = pointer};
    parts.push_back(formulas_.literal(at_least));
    parts.push_back(formulas_.literal(more, /*negated=*/true));
    return formulas_.all_of(std::move(parts));
  }
  KeySet others{.type = KeySet::Type::kOthers};
  for (const auto& [name, member] : value.items()) {
    HEARTH_ASSIGN(const Formula same, equal_to(member, pointer, depth + 1));
    const KeySet keys{.type = KeySet::Type::kName, .names = {name}};
    parts.push_back(
        formulas_.literal({.type = Type::kValues, .inner = same, .keys = keys, .pointer = pointer}));
    parts.push_back(required(name, pointer));
    others.names.push_back(name);
  }
  std::sort(others.names.begin(), others.names.end());
  parts.push_back(
      formulas_.literal({.type = Type::kValues, .inner = kNever, .keys = others, .pointer = pointer}));
  return formulas_.all_of(std::move(parts));
}

Result<void> Keywords::read_values(Reading& reading) {
  if (const auto found = reading.json.find("const"); found != reading.json.end()) {
    HEARTH_ASSIGN(const Formula same, equal_to(*found, reading.at("const"), 0));
    reading.parts.push_back(same);
  }
  if (const auto found = reading.json.find("enum"); found != reading.json.end()) {
    if (!found->is_array())
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a list", reading.at("enum"));
    std::vector<Formula> values;
    for (const Json& value : *found) {
      HEARTH_ASSIGN(const Formula same, equal_to(value, reading.at("enum"), 0));
      values.push_back(same);
    }
    reading.parts.push_back(formulas_.any_of(std::move(values)));
  }
  return {};
}

Result<void> Keywords::read_numbers(Reading& reading) {
  struct Bound {
    const char* keyword;
    Type type;
    bool negated;
  };
  for (const Bound& bound :
       {Bound{"minimum", Type::kFrom, false}, Bound{"exclusiveMinimum", Type::kAbove, false},
        Bound{"maximum", Type::kAbove, true}, Bound{"exclusiveMaximum", Type::kFrom, true},
        Bound{"multipleOf", Type::kMultipleOf, false}}) {
    const auto found = reading.json.find(bound.keyword);
    if (found == reading.json.end()) continue;
    if (!found->is_number() || (found->is_number_float() && !std::isfinite(found->get<double>())))
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a number", reading.at(bound.keyword));
    const Decimal number = decimal_of(*found);
    if (bound.type == Type::kMultipleOf && (number.negative || number.is_zero()))
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a number above zero",
                        reading.at(bound.keyword));
    // Not above: in numbers it says the same as a bound, but of other kinds a bound holds.
    const Condition condition{
        .type = bound.type, .number = canonical_text(number), .pointer = reading.at(bound.keyword)};
    const Formula formula = formulas_.literal(condition, bound.negated);
    reading.parts.push_back(bound.negated
                                ? formulas_.any_of({formulas_.negation(formulas_.is(Kind::kNumber)), formula})
                                : formula);
  }
  return {};
}

Result<void> Keywords::read_strings(Reading& reading) {
  HEARTH_ASSIGN(const std::optional<uint64_t> min, count_at(reading, "minLength"));
  HEARTH_ASSIGN(const std::optional<uint64_t> max, count_at(reading, "maxLength"));
  add_range(reading, {.type = Type::kLengthFrom, .pointer = reading.at(max ? "maxLength" : "minLength")}, min,
            max);
  for (const auto& [keyword, type] :
       {std::pair("pattern", Type::kPattern), std::pair("format", Type::kFormat)}) {
    const auto found = reading.json.find(keyword);
    if (found == reading.json.end()) continue;
    if (!found->is_string())
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a string", reading.at(keyword));
    const auto text = found->get<std::string>();
    if (type == Type::kPattern) {
      if (auto parsed = parse_regex(text); !parsed) return parsed.error().in(reading.at(keyword));
    } else if (auto regex = regex_of_format(text); !regex) {
      return regex.error().in(reading.at(keyword));
    }
    reading.parts.push_back(formulas_.literal({.type = type, .text = text, .pointer = reading.at(keyword)}));
  }
  return {};
}

Result<void> Keywords::read_items(Reading& reading) {
  const auto items = reading.json.find("items");
  const bool is_list = items != reading.json.end() && items->is_array();
  if (is_list && !is_draft7()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a schema (a list of them is prefixItems)",
                      reading.at("items"));
  }
  HEARTH_ASSIGN(const std::vector<Formula> prefix,
                schemas_at(reading, is_draft7() ? "items" : "prefixItems"));
  const char* prefix_keyword = is_draft7() ? "items" : "prefixItems";
  for (size_t i = 0; i < prefix.size(); ++i) {
    reading.parts.push_back(formulas_.literal(
        {.type = Type::kItem, .inner = prefix[i], .count = i, .pointer = reading.at(prefix_keyword)}));
  }
  const char* rest_keyword = is_draft7() && is_list ? "additionalItems" : "items";
  if (is_draft7() && items == reading.json.end()) return {};  // additionalItems says nothing by itself
  HEARTH_ASSIGN(const std::optional<Formula> rest, schema_at(reading, rest_keyword));
  if (rest) {
    reading.parts.push_back(formulas_.literal({.type = Type::kItemsFrom,
                                               .inner = *rest,
                                               .count = prefix.size(),
                                               .pointer = reading.at(rest_keyword)}));
  }
  return {};
}

Result<void> Keywords::read_item_counts(Reading& reading) {
  HEARTH_ASSIGN(const std::optional<uint64_t> min, count_at(reading, "minItems"));
  HEARTH_ASSIGN(const std::optional<uint64_t> max, count_at(reading, "maxItems"));
  add_range(reading, {.type = Type::kItemsAtLeast, .pointer = reading.at(max ? "maxItems" : "minItems")}, min,
            max);
  if (const auto found = reading.json.find("uniqueItems"); found != reading.json.end()) {
    if (!found->is_boolean())
      return make_error(ErrorCode::kInvalidArgument, "{}: expected a boolean", reading.at("uniqueItems"));
    if (found->get<bool>())
      reading.parts.push_back(
          formulas_.literal({.type = Type::kUnique, .pointer = reading.at("uniqueItems")}));
  }
  return {};
}

Result<void> Keywords::read_contains(Reading& reading) {
  HEARTH_ASSIGN(const std::optional<Formula> wanted, schema_at(reading, "contains"));
  if (!wanted) return {};
  std::optional<uint64_t> min;
  std::optional<uint64_t> max;
  if (!is_draft7()) {
    HEARTH_ASSIGN(min, count_at(reading, "minContains"));
    HEARTH_ASSIGN(max, count_at(reading, "maxContains"));
  }
  Condition condition{.type = Type::kContains, .inner = *wanted, .pointer = reading.at("contains")};
  condition.count2 = min.value_or(1);
  reading.parts.push_back(formulas_.literal(condition));
  if (max) {
    condition.count2 = *max + 1;
    reading.parts.push_back(formulas_.any_of(
        {formulas_.negation(formulas_.is(Kind::kArray)), formulas_.literal(condition, /*negated=*/true)}));
  }
  return {};
}

Result<void> Keywords::read_properties(Reading& reading) {
  KeySet others{.type = KeySet::Type::kOthers};
  const auto properties = reading.json.find("properties");
  const auto patterns = reading.json.find("patternProperties");
  for (const auto& [found, keyword] :
       {std::pair(properties, "properties"), std::pair(patterns, "patternProperties")}) {
    if (found != reading.json.end() && !found->is_object())
      return make_error(ErrorCode::kInvalidArgument, "{}: expected an object", reading.at(keyword));
  }
  if (properties != reading.json.end()) {
    for (const auto& [name, json] : properties->items()) {
      HEARTH_ASSIGN(const Formula value, schema_in(reading, json, "properties/" + token_of(name)));
      const KeySet keys{.type = KeySet::Type::kName, .names = {name}};
      reading.parts.push_back(formulas_.literal(
          {.type = Type::kValues, .inner = value, .keys = keys, .pointer = reading.at("properties")}));
      others.names.push_back(name);
    }
  }
  if (patterns != reading.json.end()) {
    for (const auto& [pattern, json] : patterns->items()) {
      const std::string at = reading.at("patternProperties/" + token_of(pattern));
      if (auto parsed = parse_regex(pattern); !parsed) return parsed.error().in(at);
      HEARTH_ASSIGN(const Formula value, schema_in(reading, json, "patternProperties/" + token_of(pattern)));
      const KeySet keys{.type = KeySet::Type::kPattern, .patterns = {pattern}};
      reading.parts.push_back(
          formulas_.literal({.type = Type::kValues, .inner = value, .keys = keys, .pointer = at}));
      others.patterns.push_back(pattern);
    }
  }
  HEARTH_ASSIGN(const std::optional<Formula> additional, schema_at(reading, "additionalProperties"));
  if (additional) {
    std::sort(others.names.begin(), others.names.end());
    std::sort(others.patterns.begin(), others.patterns.end());
    if (others.names.empty() && others.patterns.empty()) others.type = KeySet::Type::kAll;
    reading.parts.push_back(formulas_.literal({.type = Type::kValues,
                                               .inner = *additional,
                                               .keys = others,
                                               .pointer = reading.at("additionalProperties")}));
  }
  HEARTH_ASSIGN(const std::optional<Formula> names, schema_at(reading, "propertyNames"));
  if (names) {
    reading.parts.push_back(
        formulas_.literal({.type = Type::kNames, .inner = *names, .pointer = reading.at("propertyNames")}));
  }
  return {};
}

Formula Keywords::required(const std::string& name, const std::string& pointer) {
  const KeySet keys{.type = KeySet::Type::kName, .names = {name}};
  return formulas_.literal({.type = Type::kValues, .inner = kNever, .keys = keys, .pointer = pointer},
                           /*negated=*/true);
}

Result<std::vector<std::string>> Keywords::names_in(const Json& list, const std::string& pointer) const {
  std::vector<std::string> names;
  const Error error = make_error(ErrorCode::kInvalidArgument, "{}: expected a list of strings", pointer);
  if (!list.is_array()) return error;
  for (const Json& name : list) {
    if (!name.is_string()) return error;
    names.push_back(name.get<std::string>());
  }
  return names;
}

Result<void> Keywords::read_property_counts(Reading& reading) {
  const Formula no_object = formulas_.negation(formulas_.is(Kind::kObject));
  if (const auto found = reading.json.find("required"); found != reading.json.end()) {
    HEARTH_ASSIGN(const std::vector<std::string> names, names_in(*found, reading.at("required")));
    std::vector<Formula> parts;
    parts.reserve(names.size());
    for (const std::string& name : names) parts.push_back(required(name, reading.at("required")));
    reading.parts.push_back(formulas_.any_of({no_object, formulas_.all_of(std::move(parts))}));
  }
  HEARTH_ASSIGN(const std::optional<uint64_t> min, count_at(reading, "minProperties"));
  HEARTH_ASSIGN(const std::optional<uint64_t> max, count_at(reading, "maxProperties"));
  add_range(reading,
            {.type = Type::kSizeFrom, .pointer = reading.at(max ? "maxProperties" : "minProperties")}, min,
            max);
  return {};
}

// Without the name, or with what it depends on; and so of what is no object.
Result<void> Keywords::read_dependencies(Reading& reading, const char* keyword) {
  const auto found = reading.json.find(keyword);
  if (found == reading.json.end()) return {};
  if (!found->is_object())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected an object", reading.at(keyword));
  const bool may_be_list = std::string_view(keyword) != "dependentSchemas";
  const bool may_be_schema = std::string_view(keyword) != "dependentRequired";
  for (const auto& [name, json] : found->items()) {
    const std::string tokens = fmt::format("{}/{}", keyword, token_of(name));
    Formula wanted = kAlways;
    if (json.is_array() ? may_be_list : !may_be_schema) {
      HEARTH_ASSIGN(const std::vector<std::string> names, names_in(json, reading.at(tokens)));
      std::vector<Formula> parts;
      parts.reserve(names.size());
      for (const std::string& other : names) parts.push_back(required(other, reading.at(tokens)));
      wanted = formulas_.all_of(std::move(parts));
    } else {
      HEARTH_ASSIGN(wanted, schema_in(reading, json, tokens));
    }
    reading.parts.push_back(
        formulas_.any_of({formulas_.negation(required(name, reading.at(tokens))), wanted}));
  }
  return {};
}

Result<Formula> Keywords::schema_in(const Reading& reading, const Json& json, const std::string& tokens) {
  if (json.is_boolean()) return json.get<bool>() ? kAlways : kNever;
  if (!json.is_object())
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a schema", reading.at(tokens));
  if (json.empty()) return kAlways;
  return formulas_.schema(document_.child(reading.id, json, tokens));
}

Result<std::optional<Formula>> Keywords::schema_at(const Reading& reading, const char* keyword) {
  const auto found = reading.json.find(keyword);
  if (found == reading.json.end()) return std::optional<Formula>();
  HEARTH_ASSIGN(const Formula formula, schema_in(reading, *found, keyword));
  return std::optional(formula);
}

Result<std::vector<Formula>> Keywords::schemas_at(const Reading& reading, const char* keyword) {
  const auto found = reading.json.find(keyword);
  std::vector<Formula> formulas;
  if (found == reading.json.end()) return formulas;
  const bool is_items = std::string_view(keyword) == "items";
  if (!found->is_array()) {
    if (is_items) return formulas;
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a list of schemas", reading.at(keyword));
  }
  for (size_t i = 0; i < found->size(); ++i) {
    HEARTH_ASSIGN(const Formula formula, schema_in(reading, (*found)[i], fmt::format("{}/{}", keyword, i)));
    formulas.push_back(formula);
  }
  if (formulas.empty() && !is_items && std::string_view(keyword) != "prefixItems")
    return make_error(ErrorCode::kInvalidArgument, "{}: expected at least one schema", reading.at(keyword));
  return formulas;
}

Result<std::optional<uint64_t>> Keywords::count_at(const Reading& reading, const char* keyword) {
  constexpr double kMaxCount = 1e9;
  const auto found = reading.json.find(keyword);
  if (found == reading.json.end()) return std::optional<uint64_t>();
  const double count = found->is_number() ? found->get<double>() : -1;
  if (!(count >= 0) || count != std::floor(count))
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a count", reading.at(keyword));
  // Larger ones say what the largest says: a text of so many parts is never written.
  return std::optional(static_cast<uint64_t>(std::min(count, kMaxCount)));
}

void Keywords::add_range(Reading& reading, Condition from, std::optional<uint64_t> min,
                         std::optional<uint64_t> max) {
  const Kind kind = kind_of(from.type);
  if (min) {
    from.count = *min;
    reading.parts.push_back(formulas_.literal(from));
  }
  if (max) {
    from.count = *max + 1;
    reading.parts.push_back(
        formulas_.any_of({formulas_.negation(formulas_.is(kind)), formulas_.literal(from, true)}));
  }
}

}  // namespace hearth::text::grammar::schema
