#include "text/grammar/schema/emitter.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/grammar/json_text.h"

namespace hearth::text::grammar::schema {
namespace {

// Counts fit: they are 10^9 at most (keywords.cc).
uint32_t count(uint64_t n) {
  return static_cast<uint32_t>(std::min<uint64_t>(n, std::numeric_limits<uint32_t>::max() - 1));
}

std::optional<uint32_t> count(std::optional<uint64_t> n, uint64_t less) {
  if (!n) return std::nullopt;
  return count(*n > less ? *n - less : 0);
}

uint64_t left(uint64_t n, uint64_t less) {
  return n > less ? n - less : 0;
}

}  // namespace

Result<GrammarBuilder::Node> Emitter::emit(ValueId root) {
  space_ = add_json_space(builder_);
  comma_ = builder_.sequence({builder_.literal(","), space_});
  colon_ = builder_.sequence({builder_.literal(":"), builder_.optional(builder_.literal(" "))});
  const Node node = call(root);
  while (!to_emit_.empty()) {
    const ValueId id = to_emit_.back();
    to_emit_.pop_back();
    HEARTH_ASSIGN(const Node its, body(values_.rule(id)));
    builder_.define(rules_.at(id), its);
    HEARTH_TRY(builder_.status());
  }
  return node;
}

Rule Emitter::rule_of(ValueId id) {
  const auto found = rules_.find(id);
  if (found != rules_.end()) return found->second;
  to_emit_.push_back(id);
  return rules_.emplace(id, builder_.declare(fmt::format("JSON value {}", id))).first->second;
}

Result<Emitter::Node> Emitter::body(const ValueRule& value) {
  std::vector<Node> parts;
  if (value.null_value) parts.push_back(builder_.literal("null"));
  if (value.false_value) parts.push_back(builder_.literal("false"));
  if (value.true_value) parts.push_back(builder_.literal("true"));
  if (value.numbers != kNever) {
    HEARTH_ASSIGN(const Node node, numbers(value.numbers));
    parts.push_back(node);
  }
  if (value.strings != kNever) {
    HEARTH_ASSIGN(const Node node, strings(value.strings));
    parts.push_back(node);
  }
  for (const ArrayRule& rule : value.arrays) {
    parts.push_back(array(rule));
    HEARTH_TRY(builder_.status());
  }
  for (const ObjectRule& rule : value.objects) {
    parts.push_back(object(rule));
    HEARTH_TRY(builder_.status());
  }
  return builder_.choice(std::move(parts));
}

Result<Emitter::Node> Emitter::numbers(Formula formula) {
  const auto [found, is_new] = number_rules_.try_emplace(formula, Rule());
  if (is_new) {
    found->second = builder_.declare("JSON number");
    HEARTH_ASSIGN(const Dfa texts, scalars_.numbers(formula, Approximation::kWithin));
    builder_.define(found->second, builder_.language(texts));
  }
  return builder_.call(found->second);
}

Result<Emitter::Node> Emitter::strings(Formula formula) {
  const auto [found, is_new] = string_rules_.try_emplace(formula, Rule());
  if (is_new) {
    found->second = builder_.declare("JSON string");
    HEARTH_ASSIGN(const StringSet set, scalars_.strings(formula, Approximation::kWithin));
    if (set.texts) {
      HEARTH_ASSIGN(const Dfa texts, scalars_.strings_as_dfa(formula, Approximation::kWithin));
      builder_.define(found->second, builder_.language(texts));
    } else {
      if (!character_) {
        character_ = builder_.declare("JSON character");
        builder_.define(*character_, add_any_json_character(builder_));
      }
      const Node quote = builder_.literal("\"");
      const Node text = builder_.repeat(builder_.call(*character_), count(set.min), count(set.max, 0));
      builder_.define(found->second, builder_.sequence({quote, text, quote}));
    }
  }
  return builder_.call(found->second);
}

Emitter::Node Emitter::any_string() {
  return strings(kAlways).value();  // all_strings() has no limits to go beyond
}

Emitter::Node Emitter::list_of(std::optional<Node> parts, char open, char close, bool may_be_empty) {
  const Node end = builder_.sequence({space_, builder_.literal(std::string_view(&close, 1))});
  std::vector<Node> ways;
  if (may_be_empty) ways.push_back(end);
  if (parts) ways.push_back(builder_.sequence({space_, *parts, end}));
  return builder_.sequence({builder_.literal(std::string_view(&open, 1)), builder_.choice(std::move(ways))});
}

Emitter::Node Emitter::array(const ArrayRule& rule) {
  if (!rule.states.empty()) return counted_array(rule);
  const size_t n = rule.prefix.size();
  const bool may_be_empty = rule.min == 0;
  if (rule.max && *rule.max == 0) return list_of(std::nullopt, '[', ']', may_be_empty);
  if (n == 0) {
    if (!rule.rest) return list_of(std::nullopt, '[', ']', may_be_empty);
    const Node item = call(*rule.rest);
    return list_of(builder_.sequence(
                       {item, builder_.repeat(follow(item), count(left(rule.min, 1)), count(rule.max, 1))}),
                   '[', ']', may_be_empty);
  }
  // From the back: an item that may be missing takes what comes after it along.
  std::optional<Node> after;
  if (rule.rest && !(rule.max && *rule.max <= n))
    after = builder_.repeat(follow(call(*rule.rest)), count(left(rule.min, n)), count(rule.max, n));
  for (size_t i = n; i-- > 0;) {
    std::vector<Node> parts{i == 0 ? call(rule.prefix[i]) : follow(call(rule.prefix[i]))};
    if (after) parts.push_back(*after);
    after = builder_.sequence(std::move(parts));
    if (i > 0 && i >= rule.min) after = builder_.optional(*after);
  }
  return list_of(after, '[', ']', may_be_empty);
}

// A rule for what comes after each state: items that lead back to it, and then another state's.
Emitter::Node Emitter::counted_array(const ArrayRule& rule) {
  std::vector<Rule> after;
  for (size_t i = 0; i < rule.states.size(); ++i) after.push_back(builder_.declare("JSON items"));
  const auto first_items = [&](size_t i, bool is_begin) {
    std::vector<Node> ways;
    for (const auto& edge : rule.states[i].edges) {
      if (edge.target == i && !is_begin) continue;
      const Node item = is_begin ? call(edge.value) : follow(call(edge.value));
      ways.push_back(builder_.sequence({item, builder_.call(after[edge.target])}));
    }
    return ways;
  };
  for (size_t i = 0; i < rule.states.size(); ++i) {
    std::vector<Node> loops;
    for (const auto& edge : rule.states[i].edges) {
      if (edge.target == i) loops.push_back(follow(call(edge.value)));
    }
    std::vector<Node> ways = first_items(i, /*is_begin=*/false);
    if (rule.states[i].is_final) ways.push_back(builder_.empty());
    const Node end = builder_.choice(std::move(ways));
    builder_.define(
        after[i],
        loops.empty()
            ? end
            : builder_.sequence({builder_.repeat(builder_.choice(std::move(loops)), 0, std::nullopt), end}));
  }
  const std::vector<Node> begins = first_items(0, /*is_begin=*/true);
  return list_of(begins.empty() ? std::nullopt : std::optional(builder_.choice(begins)), '[', ']',
                 rule.states[0].is_final);
}

Emitter::Node Emitter::named_pair(const ObjectRule::Named& named) {
  return builder_.sequence({builder_.literal(json_string(named.name)), colon_, call(named.value)});
}

std::optional<Emitter::Node> Emitter::pair_of(const std::vector<ObjectRule::Others>& others) {
  if (others.empty()) return std::nullopt;
  std::vector<Node> ways;
  for (const ObjectRule::Others& its : others) {
    // The set of all keys is large and common.
    const bool is_all =
        its.keys.n_states() == all_strings().n_states() && subtract(all_strings(), its.keys)->empty();
    ways.push_back(
        builder_.sequence({is_all ? any_string() : builder_.language(its.keys), colon_, call(its.value)}));
  }
  const Rule rule = builder_.declare("JSON property");
  builder_.define(rule, builder_.choice(std::move(ways)));
  return builder_.call(rule);
}

// The segments after something that stands already, each with its comma.
Emitter::Node Emitter::after_others(std::span<const Segment> segments) {
  std::vector<Node> parts;
  for (const Segment& segment : segments) {
    const Node pair = follow(segment.pair);
    parts.push_back(segment.times == Segment::Times::kOnce       ? pair
                    : segment.times == Segment::Times::kOptional ? builder_.optional(pair)
                                                                 : builder_.repeat(pair, 0, std::nullopt));
  }
  return builder_.sequence(std::move(parts));
}

// The segments, of which at least one pair is there. Halves keep this small: the first pair is in the one or
// in the other.
Emitter::Node Emitter::begun(std::span<const Segment> segments) {
  if (segments.size() == 1) {
    const Segment& segment = segments[0];
    if (segment.times != Segment::Times::kMany) return segment.pair;
    return builder_.sequence({segment.pair, builder_.repeat(follow(segment.pair), 0, std::nullopt)});
  }
  const auto front = segments.first(segments.size() / 2);
  const auto back = segments.subspan(segments.size() / 2);
  std::vector<Node> ways{builder_.sequence({begun(front), after_others(back)})};
  const bool may_be_missing = std::none_of(front.begin(), front.end(), [](const Segment& segment) {
    return segment.times == Segment::Times::kOnce;
  });
  if (may_be_missing) ways.push_back(begun(back));
  return builder_.choice(std::move(ways));
}

Emitter::Node Emitter::object(const ObjectRule& rule) {
  std::vector<Segment> segments;
  std::vector<Node> pairs;
  uint64_t n_required = rule.one_of_others.empty() ? 0 : 1;
  for (const ObjectRule::Named& its : rule.named) {
    pairs.push_back(named_pair(its));
    segments.push_back({pairs.back(), its.required ? Segment::Times::kOnce : Segment::Times::kOptional});
    n_required += its.required ? 1 : 0;
  }
  const std::optional<Node> others = pair_of(rule.others);
  if (rule.max || rule.min > n_required) return counted_object(rule, pairs, others);
  if (others) segments.push_back({*others, Segment::Times::kMany});
  // It stands last: a client that reads a key twice keeps what is read last.
  if (const std::optional<Node> one = pair_of(rule.one_of_others))
    segments.push_back({*one, Segment::Times::kOnce});
  const bool may_be_empty = n_required == 0;
  return list_of(segments.empty() ? std::nullopt : std::optional(begun(segments)), '{', '}', may_be_empty);
}

// A rule for what comes after the pair with a number, when a number of pairs was read.
Emitter::Node Emitter::counted_object(const ObjectRule& rule, const std::vector<Node>& pairs,
                                      std::optional<Node> others) {
  const std::optional<Node> one = pair_of(rule.one_of_others);
  const uint64_t n_last = one ? 1 : 0;
  std::map<std::pair<size_t, uint64_t>, Rule> rules;
  std::vector<std::pair<size_t, uint64_t>> to_define;
  const auto rule_after = [&](size_t i, uint64_t n) {
    const auto [found, is_new] = rules.try_emplace({i, n}, Rule());
    if (is_new) {
      found->second = builder_.declare("JSON properties");
      to_define.emplace_back(i, n);
    }
    return builder_.call(found->second);
  };
  rule_after(0, 0);
  bool may_be_empty = false;
  while (!to_define.empty() && builder_.status()) {
    const auto [i, n] = to_define.back();
    to_define.pop_back();
    const auto with_comma = [&](Node pair, uint64_t n_before) { return n_before == 0 ? pair : follow(pair); };
    std::vector<Node> ways;
    const bool has_room = !rule.max || n < *rule.max;
    if (i < pairs.size()) {
      if (has_room) ways.push_back(builder_.sequence({with_comma(pairs[i], n), rule_after(i + 1, n + 1)}));
      if (!rule.named[i].required) ways.push_back(rule_after(i + 1, n));
    } else {
      // Of others, several may be one key.
      const uint64_t n_missing = left(rule.min, n + n_last);
      const std::optional<uint32_t> most = count(rule.max, n + n_last);
      const bool fits = !rule.max || n + n_last <= *rule.max;
      if (fits && n_missing == 0) {
        if (one) {
          ways.push_back(with_comma(*one, n));
        } else if (n == 0) {
          may_be_empty = true;
        } else {
          ways.push_back(builder_.empty());
        }
      }
      if (fits && n_missing <= 1 && others && (!most || *most > 0)) {
        std::optional<uint32_t> more;
        if (most) more = *most - 1;
        std::vector<Node> parts{with_comma(*others, n), builder_.repeat(follow(*others), 0, more)};
        if (one) parts.push_back(follow(*one));
        ways.push_back(builder_.sequence(std::move(parts)));
      }
    }
    builder_.define(rules.at({i, n}), builder_.choice(std::move(ways)));
  }
  return list_of(builder_.call(rules.at({0, 0})), '{', '}', may_be_empty);
}

}  // namespace hearth::text::grammar::schema
