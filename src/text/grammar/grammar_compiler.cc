#include "text/grammar/grammar_compiler.h"

#include <algorithm>

namespace hearth::text::grammar {

State GrammarCompiler::add_state() {
  if (n_states_ >= builder_.limits_.max_states) too_large_ = true;
  return static_cast<State>(n_states_++);
}

void GrammarCompiler::add_edge(State from, const Edge& edge) {
  // Edges cost as much as states do.
  if (edges_.size() >= 4 * builder_.limits_.max_states) too_large_ = true;
  edges_.push_back({from, edge});
}

void GrammarCompiler::emit(GrammarBuilder::Node node, State from, State to) {
  if (too_large_) return;
  const Expression& expression = builder_.expressions_[node];
  switch (expression.kind) {
    case Expression::Kind::kNothing:
      return;
    case Expression::Kind::kEmpty:
      return add_empty(from, to);
    case Expression::Kind::kLiteral:
      for (const char c : expression.text) {
        const State next = add_state();
        emit_bytes(ByteSet::of(static_cast<uint8_t>(c)), from, next);
        from = next;
      }
      return add_empty(from, to);
    case Expression::Kind::kBytes:
      return emit_bytes(expression.set, from, to);
    case Expression::Kind::kSequence:
      for (size_t i = 0; i < expression.parts.size(); ++i) {
        const State next = i + 1 < expression.parts.size() ? add_state() : to;
        emit(expression.parts[i], from, next);
        from = next;
      }
      return;
    case Expression::Kind::kChoice:
      for (const GrammarBuilder::Node part : expression.parts) emit(part, from, to);
      return;
    case Expression::Kind::kRepeat:
      return emit_repeat(expression, from, to);
    case Expression::Kind::kCall:
      return add_edge(from, {.kind = Edge::Kind::kCall, .rule = expression.rule, .target = to});
    case Expression::Kind::kLanguage:
      return emit_language(*expression.language, from, to);
  }
}

// A loop has a state of its own: `from` and `to` may belong to other loops, or be the begin of other choices.
void GrammarCompiler::emit_repeat(const Expression& expression, State from, State to) {
  const GrammarBuilder::Node part = expression.parts[0];
  for (uint32_t i = 0; i < expression.min && !too_large_; ++i) {
    const State next = add_state();
    emit(part, from, next);
    from = next;
  }
  if (expression.max == Expression::kNoEnd) {
    const State loop = add_state();
    add_empty(from, loop);
    emit(part, loop, loop);
    return add_empty(loop, to);
  }
  for (uint32_t i = expression.min; i < expression.max && !too_large_; ++i) {
    add_empty(from, to);
    const State next = add_state();
    emit(part, from, next);
    from = next;
  }
  add_empty(from, to);
}

void GrammarCompiler::emit_bytes(const ByteSet& set, State from, State to) {
  for (unsigned first = 0; first < 256; ++first) {
    if (!set.contains(static_cast<uint8_t>(first))) continue;
    unsigned last = first;
    while (last < 255 && set.contains(static_cast<uint8_t>(last + 1))) ++last;
    add_edge(from, {.kind = Edge::Kind::kBytes,
                    .first = static_cast<uint8_t>(first),
                    .last = static_cast<uint8_t>(last),
                    .target = to});
    first = last;
  }
}

void GrammarCompiler::emit_language(const Dfa& dfa, State from, State to) {
  if (dfa.empty()) return;
  const auto base = static_cast<State>(n_states_);
  for (size_t i = 0; i < dfa.n_states(); ++i) add_state();
  add_empty(from, base + dfa.start());
  for (uint32_t state = 0; state < dfa.n_states() && !too_large_; ++state) {
    if (state == Dfa::kDead) continue;
    if (dfa.is_final(state)) add_empty(base + state, to);
    for (unsigned first = 0; first < 256; ++first) {
      const uint32_t target = dfa.next(state, static_cast<uint8_t>(first));
      unsigned last = first;
      while (last < 255 && dfa.next(state, static_cast<uint8_t>(last + 1)) == target) ++last;
      if (target != Dfa::kDead) {
        add_edge(base + state, {.kind = Edge::Kind::kBytes,
                                .first = static_cast<uint8_t>(first),
                                .last = static_cast<uint8_t>(last),
                                .target = base + target});
      }
      first = last;
    }
  }
}

Result<void> GrammarCompiler::check_rules() const {
  for (const auto& rule : builder_.rules_) {
    if (!rule.body)
      return make_error(ErrorCode::kInvalidArgument, "rule \"{}\" is used but not defined", rule.name);
  }
  return {};
}

// From which states the end of their rule can be reached; with `without_reading`, before a byte is read.
std::vector<bool> GrammarCompiler::states_with_way_to_end(bool without_reading) const {
  std::vector<std::vector<size_t>> into(n_states_);        // edges, by their target
  std::vector<std::vector<size_t>> calls(starts_.size());  // and by the rule that they call
  std::vector<std::vector<Rule>> rules_at(n_states_);      // that begin there
  for (size_t i = 0; i < edges_.size(); ++i) {
    const Edge& edge = edges_[i].edge;
    if (without_reading && edge.kind == Edge::Kind::kBytes) continue;
    into[edge.target].push_back(i);
    if (edge.kind == Edge::Kind::kCall) calls[edge.rule].push_back(i);
  }
  for (Rule rule = 0; rule < starts_.size(); ++rule) rules_at[starts_[rule]].push_back(rule);

  std::vector<bool> has_way(n_states_);
  std::vector<State> to_visit;
  const auto reach = [&](State state) {
    if (has_way[state]) return;
    has_way[state] = true;
    to_visit.push_back(state);
  };
  for (const State end : ends_) reach(end);
  while (!to_visit.empty()) {
    const State state = to_visit.back();
    to_visit.pop_back();
    for (const size_t i : into[state]) {
      const Edge& edge = edges_[i].edge;
      if (edge.kind != Edge::Kind::kCall || has_way[starts_[edge.rule]]) reach(edges_[i].from);
    }
    for (const Rule rule : rules_at[state]) {
      for (const size_t i : calls[rule]) {
        if (has_way[edges_[i].edge.target]) reach(edges_[i].from);
      }
    }
  }
  return has_way;
}

// A rule that can call itself before it has read a byte would be called without end.
Result<void> GrammarCompiler::check_left_recursion() const {
  const std::vector<bool> is_nullable_from = states_with_way_to_end(/*without_reading=*/true);
  std::vector<std::vector<size_t>> out(n_states_);
  for (size_t i = 0; i < edges_.size(); ++i) {
    if (edges_[i].edge.kind != Edge::Kind::kBytes) out[edges_[i].from].push_back(i);
  }
  // Nodes of the graph are states; an edge leads to where one can be without having read.
  enum class Colour : uint8_t { kWhite, kGrey, kBlack };
  std::vector<Colour> rule_colour(starts_.size(), Colour::kWhite);
  std::vector<std::vector<Rule>> begins_with(starts_.size());
  std::vector<uint32_t> seen_by(n_states_, ~uint32_t{0});
  std::vector<State> to_visit;
  for (Rule rule = 0; rule < starts_.size(); ++rule) {
    to_visit.assign(1, starts_[rule]);
    seen_by[starts_[rule]] = rule;
    while (!to_visit.empty()) {
      const State state = to_visit.back();
      to_visit.pop_back();
      for (const size_t i : out[state]) {
        const Edge& edge = edges_[i].edge;
        const bool is_call = edge.kind == Edge::Kind::kCall;
        if (is_call) begins_with[rule].push_back(edge.rule);
        if (is_call && !is_nullable_from[starts_[edge.rule]]) continue;
        if (seen_by[edge.target] == rule) continue;
        seen_by[edge.target] = rule;
        to_visit.push_back(edge.target);
      }
    }
  }
  struct Visit {
    Rule rule;
    size_t next;
  };
  for (Rule first = 0; first < starts_.size(); ++first) {
    if (rule_colour[first] != Colour::kWhite) continue;
    std::vector<Visit> path{{first, 0}};
    rule_colour[first] = Colour::kGrey;
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next == begins_with[visit.rule].size()) {
        rule_colour[visit.rule] = Colour::kBlack;
        path.pop_back();
        continue;
      }
      const Rule called = begins_with[visit.rule][visit.next++];
      if (rule_colour[called] == Colour::kGrey) {
        return make_error(
            ErrorCode::kInvalidArgument,
            "rule \"{}\" begins with itself (left recursion): expected it to read something first",
            builder_.rules_[called].name);
      }
      if (rule_colour[called] == Colour::kBlack) continue;
      rule_colour[called] = Colour::kGrey;
      path.push_back({called, 0});
    }
  }
  return {};
}

// States in the order of their numbers, each one's edges side by side.
// Those without a way to the end are left out, but for the beginnings of rules, which keep their numbers.
Grammar GrammarCompiler::assemble(const std::vector<bool>& has_way) const {
  std::vector<bool> keeps = has_way;
  for (const State start : starts_) keeps[start] = true;
  std::vector<State> renumbered(n_states_);
  State n = 0;
  for (State state = 0; state < n_states_; ++state) {
    renumbered[state] = n;
    if (keeps[state]) ++n;
  }
  const auto is_kept = [&](const FromEdge& edge) {
    return has_way[edge.from] && has_way[edge.edge.target] &&
           (edge.edge.kind != Edge::Kind::kCall || has_way[starts_[edge.edge.rule]]);
  };
  Grammar grammar;
  grammar.root_ = static_cast<Rule>(starts_.size() - 1);
  for (const State start : starts_) grammar.rule_starts_.push_back(renumbered[start]);
  grammar.finals_.resize(n);
  for (const State end : ends_) grammar.finals_[renumbered[end]] = true;  // they always have a way
  grammar.edge_begins_.assign(size_t{n} + 1, 0);
  for (const FromEdge& edge : edges_) {
    if (is_kept(edge)) ++grammar.edge_begins_[renumbered[edge.from] + 1];
  }
  for (State state = 0; state < n; ++state) grammar.edge_begins_[state + 1] += grammar.edge_begins_[state];
  grammar.edges_.resize(grammar.edge_begins_[n]);
  std::vector<uint32_t> places(grammar.edge_begins_.begin(), grammar.edge_begins_.end() - 1);
  for (const FromEdge& edge : edges_) {
    if (!is_kept(edge)) continue;
    Edge& placed = grammar.edges_[places[renumbered[edge.from]]++];
    placed = edge.edge;
    placed.target = renumbered[edge.edge.target];
  }

  // Where nothing but the end of the rule can follow: calls that return there need not return at all.
  std::vector<std::vector<State>> empty_into(n);
  std::vector<bool> has_more(n);
  std::vector<State> to_visit;
  for (State state = 0; state < n; ++state) {
    for (const Edge& edge : grammar.edges(state)) {
      if (edge.kind == Edge::Kind::kEmpty) {
        empty_into[edge.target].push_back(state);
      } else if (!has_more[state]) {
        has_more[state] = true;
        to_visit.push_back(state);
      }
    }
  }
  while (!to_visit.empty()) {
    const State state = to_visit.back();
    to_visit.pop_back();
    for (const State from : empty_into[state]) {
      if (has_more[from]) continue;
      has_more[from] = true;
      to_visit.push_back(from);
    }
  }
  grammar.tails_.resize(n);
  for (State state = 0; state < n; ++state) grammar.tails_[state] = !has_more[state];
  return grammar;
}

void GrammarCompiler::add_rule(GrammarBuilder::Node body) {
  starts_.push_back(add_state());
  ends_.push_back(add_state());
  emit(body, starts_.back(), ends_.back());
}

Result<void> GrammarCompiler::check_size() const {
  if (!too_large_) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "the grammar is too large: expected at most {} states, with repetitions written out",
                    builder_.limits_.max_states);
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::compile(GrammarBuilder::Node root) {
  HEARTH_TRY(builder_.status());
  HEARTH_TRY(check_rules());
  for (const auto& rule : builder_.rules_) add_rule(*rule.body);
  add_rule(root);
  HEARTH_TRY(check_size());
  HEARTH_TRY(check_left_recursion());
  const std::vector<bool> has_way = states_with_way_to_end(/*without_reading=*/false);
  if (!has_way[starts_.back()]) return Error(ErrorCode::kInvalidArgument, "no text can match the grammar");
  return std::make_shared<const Grammar>(assemble(has_way));
}

Result<std::shared_ptr<const Grammar>> GrammarCompiler::compile_regular(GrammarBuilder::Node root) {
  HEARTH_TRY(builder_.status());
  add_rule(root);
  HEARTH_TRY(check_size());
  for (const FromEdge& edge : edges_) {
    if (edge.edge.kind == Edge::Kind::kCall) {
      return make_error(ErrorCode::kUnsupported, "rule \"{}\" cannot be a part of a regular expression",
                        builder_.rules_[edge.edge.rule].name);
    }
  }
  const std::vector<bool> has_way = states_with_way_to_end(/*without_reading=*/false);
  if (!has_way[starts_.back()]) return std::shared_ptr<const Grammar>();
  return std::make_shared<const Grammar>(assemble(has_way));
}

}  // namespace hearth::text::grammar
