// From expressions to an automaton.
#pragma once

#include <memory>
#include <vector>

#include "text/grammar/expression.h"

namespace hearth::text::grammar {

// Thompson's construction, one automaton for each rule, of which only states remain that an answer can end
// after: whatever the automaton allows can be completed. For one use.
class GrammarCompiler {
 public:
  explicit GrammarCompiler(const GrammarBuilder& builder) : builder_(builder) {}

  Result<std::shared_ptr<const Grammar>> compile(GrammarBuilder::Node root);
  // As GrammarBuilder::build_regular.
  Result<std::shared_ptr<const Grammar>> compile_regular(GrammarBuilder::Node root);

 private:
  using Expression = GrammarBuilder::Expression;
  using Edge = Grammar::Edge;
  struct FromEdge {
    State from;
    Edge edge;
  };

  State add_state();
  void add_edge(State from, const Edge& edge);
  void add_empty(State from, State to) { add_edge(from, {.kind = Edge::Kind::kEmpty, .target = to}); }
  void emit(GrammarBuilder::Node node, State from, State to);
  void emit_repeat(const Expression& expression, State from, State to);
  void emit_bytes(const ByteSet& set, State from, State to);
  void emit_language(const Dfa& dfa, State from, State to);
  void add_rule(GrammarBuilder::Node body);
  Result<void> check_size() const;
  Result<void> check_rules() const;
  std::vector<bool> states_with_way_to_end(bool without_reading) const;
  Result<void> check_left_recursion() const;
  Grammar assemble(const std::vector<bool>& has_way) const;

  const GrammarBuilder& builder_;
  size_t n_states_ = 0;
  std::vector<State> starts_;  // of each rule, the root's the last
  std::vector<State> ends_;
  std::vector<FromEdge> edges_;
  bool too_large_ = false;
};

}  // namespace hearth::text::grammar
