// What texts a request may be answered with: one automaton over bytes, whatever it was written as.
//
// A grammar is built from expressions (GrammarBuilder), which GBNF (gbnf.h), JSON Schema (json_schema.h),
// regular expressions (regex.h) and lists of texts come down to. Regular parts are edges over bytes; rules
// call each other, so that it is a pushdown automaton where they nest. matcher.h walks it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/grammar/byte_set.h"

namespace hearth::text::grammar {

class Dfa;

// What a grammar may cost. Beyond it building fails (kResourceExhausted) and names the limit.
struct GrammarLimits {
  size_t max_expressions = 400'000;  // nodes and edges of what is built, before it is an automaton
  size_t max_states = 200'000;       // of the automaton
  int max_depth = 500;               // of expressions within each other
};

using State = uint32_t;
using Rule = uint32_t;

// The automaton. Immutable, so thread-safe.
class Grammar {
 public:
  // Reads one byte in [first, last], or calls a rule and goes on in `target` after it, or reads nothing.
  struct Edge {
    enum class Kind : uint8_t { kBytes, kCall, kEmpty };
    Kind kind;
    uint8_t first = 0;
    uint8_t last = 0;
    Rule rule = 0;
    State target = 0;
  };

  State start() const noexcept { return rule_starts_[root_]; }
  State start(Rule rule) const noexcept { return rule_starts_[rule]; }
  // Whether the rule that the state belongs to may end here.
  bool is_final(State state) const noexcept { return finals_[state]; }
  // Whether only the end of the rule can follow.
  bool is_tail(State state) const noexcept { return tails_[state]; }
  std::span<const Edge> edges(State state) const noexcept {
    return std::span(edges_).subspan(edge_begins_[state], edge_begins_[state + 1] - edge_begins_[state]);
  }
  size_t n_states() const noexcept { return finals_.size(); }
  size_t n_rules() const noexcept { return rule_starts_.size(); }
  size_t size_bytes() const noexcept {
    return edges_.size() * sizeof(Edge) + edge_begins_.size() * sizeof(uint32_t) +
           rule_starts_.size() * sizeof(State) + finals_.size() / 4;
  }

 private:
  friend class GrammarCompiler;
  Grammar() = default;

  Rule root_ = 0;
  std::vector<State> rule_starts_;
  std::vector<bool> finals_;
  std::vector<bool> tails_;
  std::vector<uint32_t> edge_begins_;
  std::vector<Edge> edges_;
};

// An inclusive range of Unicode's code points. Surrogates in it stand for nothing.
struct CodePointRange {
  char32_t first;
  char32_t last;
};

// Puts expressions together. An expression that is used twice is copied, unless it is a rule. Not
// thread-safe.
class GrammarBuilder {
 public:
  using Node = uint32_t;  // an expression of this builder

  explicit GrammarBuilder(const GrammarLimits& limits = {});
  ~GrammarBuilder();
  GrammarBuilder(const GrammarBuilder&) = delete;
  GrammarBuilder& operator=(const GrammarBuilder&) = delete;

  Node nothing();  // matches no text at all
  Node empty();    // matches the empty text
  Node literal(std::string_view bytes);
  // A mark that a model sets apart parts of its answer with: the names in it that set_control_names() told of
  // are control tokens (control_text.h), the rest is text. Everything else in a grammar is text only, so that
  // no answer's text can hold a mark made of control tokens.
  Node mark(std::string_view text);
  void set_control_names(std::vector<std::string> names) { control_names_ = std::move(names); }
  Node bytes(const ByteSet& set);  // one byte of it
  // One character of the ranges, in UTF-8. Nothing for an empty list.
  Node characters(std::span<const CodePointRange> ranges);
  Node any_character();  // U+0000 to U+10FFFF, in UTF-8
  Node sequence(std::vector<Node> parts);
  Node choice(std::vector<Node> parts);  // nothing() for an empty list
  // `max` absent: without end.
  Node repeat(Node part, uint32_t min, std::optional<uint32_t> max);
  Node optional(Node part) { return repeat(part, 0, 1); }
  // A text of a regular language.
  Node language(const Dfa& dfa);

  // A rule may be called before it is defined, and by itself: but not before it has read something (left
  // recursion). `name` is for messages.
  Rule declare(std::string name);
  void define(Rule rule, Node body);
  Node call(Rule rule);

  // Whatever went beyond the limits while nodes were made; what was made since is not to be used. Builders
  // that loop over large inputs ask for it in between.
  Result<void> status() const;

  // The automaton of a whole answer. kInvalidArgument for left recursion and for a rule without definition,
  // by name; kResourceExhausted for limits. The builder stays as it was.
  Result<std::shared_ptr<const Grammar>> build(Node root) const;
  // The same for an expression that calls no rule (kUnsupported otherwise), and null where it matches
  // nothing.
  Result<std::shared_ptr<const Grammar>> build_regular(Node root) const;

 private:
  friend class GrammarCompiler;
  struct Expression;
  Node add(Expression expression);

  GrammarLimits limits_;
  std::vector<std::string> control_names_;
  std::vector<Expression> expressions_;
  struct RuleBody;
  std::vector<RuleBody> rules_;
  size_t n_units_ = 0;  // nodes, and what they hold
  std::optional<Error> error_;
};

}  // namespace hearth::text::grammar
