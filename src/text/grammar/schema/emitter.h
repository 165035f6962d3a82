// Values as rules of a grammar: how they are written.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "text/grammar/grammar.h"
#include "text/grammar/schema/values.h"

namespace hearth::text::grammar::schema {

// For one use.
class Emitter {
 public:
  Emitter(GrammarBuilder& builder, const Values& values, Scalars& scalars)
      : builder_(builder), values_(values), scalars_(scalars) {}

  Result<GrammarBuilder::Node> emit(ValueId root);

 private:
  using Node = GrammarBuilder::Node;
  // A part of an object: pairs that stand in this order.
  struct Segment {
    Node pair;
    enum class Times : uint8_t { kOnce, kOptional, kMany } times;
  };

  Rule rule_of(ValueId id);
  Node call(ValueId id) { return builder_.call(rule_of(id)); }
  Result<Node> body(const ValueRule& value);
  Result<Node> numbers(Formula formula);
  Result<Node> strings(Formula formula);
  Node any_string();
  Node array(const ArrayRule& rule);
  Node counted_array(const ArrayRule& rule);
  Node object(const ObjectRule& rule);
  Node counted_object(const ObjectRule& rule, const std::vector<Node>& pairs, std::optional<Node> others);
  Node named_pair(const ObjectRule::Named& named);
  std::optional<Node> pair_of(const std::vector<ObjectRule::Others>& others);
  Node begun(std::span<const Segment> segments);
  Node after_others(std::span<const Segment> segments);
  Node list_of(std::optional<Node> parts, char open, char close, bool may_be_empty);
  Node follow(Node node) { return builder_.sequence({comma_, node}); }

  GrammarBuilder& builder_;
  const Values& values_;
  Scalars& scalars_;
  std::map<ValueId, Rule> rules_;
  std::vector<ValueId> to_emit_;
  std::map<Formula, Rule> number_rules_;
  std::map<Formula, Rule> string_rules_;
  std::optional<Rule> character_;
  Node space_ = 0;
  Node comma_ = 0;
  Node colon_ = 0;
};

}  // namespace hearth::text::grammar::schema
