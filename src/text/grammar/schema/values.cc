#include "text/grammar/schema/values.h"

#include <algorithm>
#include <bit>

namespace hearth::text::grammar::schema {
namespace {

constexpr size_t kMaxValues = 20'000;
constexpr size_t kMaxStates = 5'000;  // of arrays whose items are counted

// Keys by numbers from 0, in the order in which they are first asked for.
template <typename Key>
class Numbering {
 public:
  size_t number_of(const Key& key) {
    const auto [found, is_new] = numbers_.try_emplace(key, keys_.size());
    if (is_new) keys_.push_back(key);
    return found->second;
  }
  size_t size() const { return keys_.size(); }
  const Key& operator[](size_t number) const { return keys_[number]; }

 private:
  std::map<Key, size_t> numbers_;
  std::vector<Key> keys_;
};

}  // namespace

Result<ValueId> Values::add(Formula formula) {
  const ValueId root = id_of(formula);
  for (ValueId id = root; id < rules_.size(); ++id) {
    if (rules_.size() > kMaxValues) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the schema is too complex: expected at most {} kinds of values", kMaxValues);
    }
    if (auto compiled = compile(id); !compiled) {
      const Error& error = compiled.error();
      return error.message().rfind('#', 0) == 0 ? error : error.in(pointer_of(formulas_[id]));
    }
  }
  find_productive();
  for (ValueRule& rule : rules_) prune(rule);
  return root;
}

ValueId Values::id_of(Formula formula) {
  const auto [found, is_new] = ids_.try_emplace(formula, static_cast<ValueId>(rules_.size()));
  if (is_new) {
    rules_.emplace_back();
    formulas_.push_back(formula);
  }
  return found->second;
}

// Of the first keyword in it.
std::string Values::pointer_of(Formula formula) const {
  const FormulaTable& table = structures_.formulas();
  const FormulaTable::Entry* entry = &table.entry(formula);
  while (!entry->parts.empty()) entry = &table.entry(entry->parts[0]);
  if (entry->type != FormulaTable::Entry::Type::kLiteral) return "#";
  const Condition& condition = table.condition(entry->condition);
  if (condition.type == Condition::Type::kSchema) return structures_.place(condition.schema).pointer;
  return condition.pointer.empty() ? "#" : condition.pointer;
}

Result<void> Values::compile(ValueId id) {
  const Formula formula = formulas_[id];
  ValueRule rule;
  for (const auto& [kind, flag] :
       {std::pair(Kind::kNull, &rule.null_value), std::pair(Kind::kFalse, &rule.false_value),
        std::pair(Kind::kTrue, &rule.true_value)}) {
    HEARTH_ASSIGN(const Formula simple, structures_.at_kind(formula, kind));
    *flag = simple == kAlways;
  }
  HEARTH_ASSIGN(rule.numbers, structures_.at_kind(formula, Kind::kNumber));
  if (rule.numbers != kAlways && rule.numbers != kNever) {
    HEARTH_ASSIGN(const Dfa numbers, structures_.scalars().numbers(rule.numbers, Approximation::kWithin));
    if (numbers.empty()) rule.numbers = kNever;
  }
  HEARTH_ASSIGN(rule.strings, structures_.at_kind(formula, Kind::kString));
  if (rule.strings != kAlways && rule.strings != kNever) {
    HEARTH_ASSIGN(const StringSet strings,
                  structures_.scalars().strings(rule.strings, Approximation::kWithin));
    if (strings.texts) {
      HEARTH_ASSIGN(const Dfa texts,
                    structures_.scalars().strings_as_dfa(rule.strings, Approximation::kWithin));
      if (texts.empty()) rule.strings = kNever;
    }
  }
  HEARTH_ASSIGN(const Formula arrays, structures_.at_kind(formula, Kind::kArray));
  HEARTH_ASSIGN(const std::vector<ArrayParts> array_parts,
                structures_.arrays(arrays, Approximation::kWithin));
  for (const ArrayParts& parts : array_parts) {
    HEARTH_ASSIGN(ArrayRule made, array_rule(parts));
    rule.arrays.push_back(std::move(made));
  }
  HEARTH_ASSIGN(const Formula objects, structures_.at_kind(formula, Kind::kObject));
  HEARTH_ASSIGN(const std::vector<ObjectParts> object_parts,
                structures_.objects(objects, Approximation::kWithin));
  for (const ObjectParts& parts : object_parts) {
    HEARTH_ASSIGN(ObjectRule made, object_rule(parts));
    rule.objects.push_back(std::move(made));
  }
  rules_[id] = std::move(rule);
  return {};
}

Result<ArrayRule> Values::array_rule(const ArrayParts& parts) {
  ArrayRule rule;
  rule.min = parts.min;
  rule.max = parts.max;
  if (!parts.unique_pointer.empty() && !(parts.max && *parts.max <= 1)) {
    HEARTH_ASSIGN(rule.states, unique_states(parts));
    return rule;
  }
  if (!parts.counts.empty()) {
    HEARTH_ASSIGN(rule.states, counting_states(parts));
    return rule;
  }
  for (const Formula item : parts.prefix) rule.prefix.push_back(id_of(item));
  if (parts.rest != kNever) rule.rest = id_of(parts.rest);
  return rule;
}

// A state knows how many items were read, as far as that matters, and of each count, how many of them fulfil
// its formula. An item is read by each way in which it may fulfil some of them and not others.
Result<std::vector<ArrayRule::State>> Values::counting_states(const ArrayParts& parts) {
  constexpr size_t kMaxCounts = 6;
  FormulaTable& table = structures_.formulas();
  const Error too_complex = make_error(ErrorCode::kResourceExhausted,
                                       "{}: counting items is too complex: expected at most "
                                       "{} counts and {} states",
                                       parts.counts[0].pointer, kMaxCounts, kMaxStates);
  if (parts.counts.size() > kMaxCounts) return too_complex;
  uint64_t last_place = std::max<uint64_t>(parts.prefix.size(), parts.max.value_or(parts.min));
  for (const ArrayParts::Count& count : parts.counts) last_place = std::max(last_place, count.from);
  if (last_place > kMaxStates) return too_complex;

  using Key = std::vector<uint64_t>;  // the place, and each count
  Numbering<Key> keys;
  std::vector<ArrayRule::State> states;
  keys.number_of(Key(parts.counts.size() + 1));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys.size() > kMaxStates) return too_complex;
    const Key key = keys[i];
    const uint64_t place = key[0];
    ArrayRule::State state;
    state.is_final = place >= parts.min;
    for (size_t c = 0; c < parts.counts.size(); ++c) state.is_final &= key[c + 1] >= parts.counts[c].min;
    const Formula item = place < parts.prefix.size() ? parts.prefix[place] : parts.rest;
    const bool may_go_on = !parts.max || place < *parts.max;
    for (uint32_t signs = 0; may_go_on && signs < (1U << parts.counts.size()); ++signs) {
      Key next = key;
      next[0] = std::min(place + 1, last_place);
      std::vector<Formula> conditions{item};
      bool is_possible = true;
      for (size_t c = 0; c < parts.counts.size(); ++c) {
        const ArrayParts::Count& count = parts.counts[c];
        const bool sign = (signs >> c & 1U) != 0;
        // Nothing is asked any more before it begins, or when enough were counted and there are never too
        // many.
        if (place < count.from || (!count.max && key[c + 1] >= count.min)) {
          is_possible &= !sign;
          continue;
        }
        conditions.push_back(sign ? count.inner : table.negation(count.inner));
        if (sign) ++next[c + 1];
        is_possible &= !count.max || next[c + 1] <= *count.max;
      }
      if (!is_possible) continue;
      const Formula value = table.all_of(std::move(conditions));
      if (value == kNever) continue;
      state.edges.push_back({id_of(value), keys.number_of(next)});
    }
    states.push_back(std::move(state));
  }
  return states;
}

// All its values, if these are few and none of them an array or an object.
Result<std::optional<std::vector<std::string>>> Values::scalars_of(Formula formula) {
  constexpr size_t kMaxTexts = 12;
  std::optional<std::vector<std::string>> none;
  std::vector<std::string> texts;
  for (const auto& [kind, text] :
       {std::pair(Kind::kNull, "null"), std::pair(Kind::kFalse, "false"), std::pair(Kind::kTrue, "true")}) {
    HEARTH_ASSIGN(const Formula simple, structures_.at_kind(formula, kind));
    if (simple == kAlways) texts.emplace_back(text);
  }
  for (const Kind kind : {Kind::kArray, Kind::kObject}) {
    HEARTH_ASSIGN(const Formula simple, structures_.at_kind(formula, kind));
    if (simple != kNever) return none;
  }
  for (const Kind kind : {Kind::kNumber, Kind::kString}) {
    HEARTH_ASSIGN(const Formula simple, structures_.at_kind(formula, kind));
    if (simple == kNever) continue;
    if (simple == kAlways) return none;
    Scalars& scalars = structures_.scalars();
    HEARTH_ASSIGN(const Dfa dfa, kind == Kind::kNumber
                                     ? scalars.numbers(simple, Approximation::kWithin)
                                     : scalars.strings_as_dfa(simple, Approximation::kWithin));
    const auto listed = texts_of(dfa, kMaxTexts);
    if (!listed) return none;
    texts.insert(texts.end(), listed->begin(), listed->end());
  }
  if (texts.size() > kMaxTexts) return none;
  return std::optional(std::move(texts));
}

// Of values that can be listed, a state knows which ones were read.
Result<std::vector<ArrayRule::State>> Values::unique_states(const ArrayParts& parts) {
  const Error error =
      make_error(ErrorCode::kUnsupported,
                 "{}: items of which no two are the same cannot be guaranteed, unless their values are few "
                 "(at most 12, neither arrays nor objects) and nothing but their places decides among them",
                 parts.unique_pointer);
  if (!parts.counts.empty()) return error;
  std::vector<Formula> formulas = parts.prefix;
  formulas.push_back(parts.rest);
  std::vector<std::vector<std::string>> texts_at;
  std::map<std::string, uint32_t> numbers_of_texts;
  FormulaTable& table = structures_.formulas();
  for (const Formula formula : formulas) {
    if (formula == kNever) {
      texts_at.emplace_back();
      continue;
    }
    HEARTH_ASSIGN(auto texts, scalars_of(formula));
    if (!texts) return error;
    for (const std::string& text : *texts)
      numbers_of_texts.try_emplace(text, static_cast<uint32_t>(numbers_of_texts.size()));
    texts_at.push_back(std::move(*texts));
  }
  if (numbers_of_texts.size() > 12) return error;
  const auto value_of = [&](const std::string& text) -> Formula {
    if (text == "null") return table.is(Kind::kNull);
    if (text == "true") return table.is(Kind::kTrue);
    if (text == "false") return table.is(Kind::kFalse);
    if (text[0] == '"')
      return table.all_of({table.is(Kind::kString), table.literal({.type = Condition::Type::kStringIs,
                                                                   .text = value_of_json_string(text)})});
    return table.all_of(
        {table.is(Kind::kNumber), table.literal({.type = Condition::Type::kNumberIs, .number = text})});
  };

  using Key = std::pair<size_t, uint32_t>;  // the place, and what was read
  Numbering<Key> keys;
  std::vector<ArrayRule::State> states;
  keys.number_of({0, 0});
  for (size_t i = 0; i < keys.size(); ++i) {
    if (keys.size() > kMaxStates) return error;
    const auto [place, read] = keys[i];
    const auto n_read = static_cast<uint64_t>(std::popcount(read));
    ArrayRule::State state;
    state.is_final = n_read >= parts.min;
    if (!parts.max || n_read < *parts.max) {
      for (const std::string& text : texts_at[place]) {
        const uint32_t bit = 1U << numbers_of_texts.at(text);
        if ((read & bit) != 0) continue;
        const Key next{std::min(place + 1, parts.prefix.size()), read | bit};
        state.edges.push_back({id_of(value_of(text)), keys.number_of(next)});
      }
    }
    states.push_back(std::move(state));
  }
  return states;
}

Result<ObjectRule> Values::object_rule(const ObjectParts& parts) {
  constexpr size_t kMaxListedKeys = 64;
  ObjectRule rule;
  rule.min = parts.min;
  rule.max = parts.max;
  uint64_t n_required = 0;
  for (const ObjectParts::Named& its : parts.named) {
    rule.named.push_back({its.name, id_of(its.value), its.required});
    n_required += its.required ? 1 : 0;
  }
  for (const ObjectParts::Others& its : parts.others) {
    // A key of these may stand twice, which is one key. Where that matters, those that can be listed are.
    if (parts.min > n_required + 1) {
      const auto listed = parts.one_of_others.empty() ? texts_of(its.keys, kMaxListedKeys) : std::nullopt;
      if (!listed) {
        return make_error(
            ErrorCode::kUnsupported,
            "{}: at least {} keys cannot be guaranteed where fewer than {} have names that the schema gives",
            parts.pointer, parts.min, parts.min - 1);
      }
      for (const std::string& text : *listed)
        rule.named.push_back({value_of_json_string(text), id_of(its.value), false});
      continue;
    }
    rule.others.push_back({its.keys, id_of(its.value)});
  }
  for (const ObjectParts::Others& its : parts.one_of_others)
    rule.one_of_others.push_back({its.keys, id_of(its.value)});
  return rule;
}

// From nothing, all rules are found that some finite value fulfils.
void Values::find_productive() {
  bool is_changed = true;
  while (is_changed) {
    is_changed = false;
    for (size_t i = rules_.size(); i-- > 0;) {
      if (rules_[i].is_productive || !is_productive(rules_[i])) continue;
      rules_[i].is_productive = true;
      is_changed = true;
    }
  }
}

bool Values::is_productive(const ValueRule& rule) const {
  return rule.null_value || rule.false_value || rule.true_value || rule.numbers != kNever ||
         rule.strings != kNever ||
         std::any_of(rule.arrays.begin(), rule.arrays.end(),
                     [&](const ArrayRule& its) { return is_productive(its); }) ||
         std::any_of(rule.objects.begin(), rule.objects.end(),
                     [&](const ObjectRule& its) { return is_productive(its); });
}

bool Values::is_productive(const ArrayRule& rule) const {
  if (!rule.states.empty()) {
    std::vector<bool> is_seen(rule.states.size());
    std::vector<size_t> to_visit{0};
    while (!to_visit.empty()) {
      const size_t state = to_visit.back();
      to_visit.pop_back();
      if (is_seen[state]) continue;
      is_seen[state] = true;
      if (rule.states[state].is_final) return true;
      for (const auto& edge : rule.states[state].edges) {
        if (rules_[edge.value].is_productive) to_visit.push_back(edge.target);
      }
    }
    return false;
  }
  for (size_t i = 0; i < rule.prefix.size() && i < rule.min; ++i) {
    if (!rules_[rule.prefix[i]].is_productive) return false;
  }
  return rule.min <= rule.prefix.size() || (rule.rest && rules_[*rule.rest].is_productive);
}

bool Values::is_productive(const ObjectRule& rule) const {
  const auto has_productive = [&](const std::vector<ObjectRule::Others>& others) {
    return std::any_of(others.begin(), others.end(),
                       [&](const auto& its) { return rules_[its.value].is_productive; });
  };
  uint64_t n_required = rule.one_of_others.empty() ? 0 : 1;
  uint64_t n_possible = n_required;
  if (n_required > 0 && !has_productive(rule.one_of_others)) return false;
  for (const ObjectRule::Named& its : rule.named) {
    const bool is_possible = rules_[its.value].is_productive;
    if (its.required && !is_possible) return false;
    n_required += its.required ? 1 : 0;
    n_possible += is_possible ? 1 : 0;
  }
  if (rule.max && n_required > *rule.max) return false;
  return n_possible >= rule.min || has_productive(rule.others);
}

void Values::prune(ValueRule& rule) const {
  const auto is_empty = [&](ValueId id) { return !rules_[id].is_productive; };
  const auto prune_others = [&](std::vector<ObjectRule::Others>& others) {
    others.erase(
        std::remove_if(others.begin(), others.end(), [&](const auto& its) { return is_empty(its.value); }),
        others.end());
  };
  rule.arrays.erase(std::remove_if(rule.arrays.begin(), rule.arrays.end(),
                                   [&](const ArrayRule& its) { return !is_productive(its); }),
                    rule.arrays.end());
  rule.objects.erase(std::remove_if(rule.objects.begin(), rule.objects.end(),
                                    [&](const ObjectRule& its) { return !is_productive(its); }),
                     rule.objects.end());
  for (ArrayRule& its : rule.arrays) {
    if (its.rest && is_empty(*its.rest)) its.rest.reset();
    const auto last = std::find_if(its.prefix.begin(), its.prefix.end(), is_empty);
    if (last != its.prefix.end()) {
      its.prefix.erase(last, its.prefix.end());
      its.rest.reset();
    }
    if (!its.rest && its.states.empty())
      its.max = std::min(its.max.value_or(its.prefix.size()), its.prefix.size());
    for (ArrayRule::State& state : its.states) {
      state.edges.erase(std::remove_if(state.edges.begin(), state.edges.end(),
                                       [&](const auto& edge) { return is_empty(edge.value); }),
                        state.edges.end());
    }
  }
  for (ObjectRule& its : rule.objects) {
    prune_others(its.others);
    prune_others(its.one_of_others);
    its.named.erase(std::remove_if(its.named.begin(), its.named.end(),
                                   [&](const auto& key) { return is_empty(key.value); }),
                    its.named.end());
  }
}

}  // namespace hearth::text::grammar::schema
