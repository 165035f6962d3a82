#include <algorithm>
#include <array>

#include "text/grammar/control_text.h"
#include "text/grammar/expression.h"
#include "text/grammar/grammar_compiler.h"

namespace hearth::text::grammar {
namespace {

constexpr std::array kLastOfLength{char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}, char32_t{0x10FFFF}};

// The bytes of a code point, of which the last `n` are given.
std::array<uint8_t, 4> encoded(char32_t code_point, size_t length) {
  std::array<uint8_t, 4> bytes{};
  for (size_t i = length; i-- > 1; code_point >>= 6U)
    bytes[i] = static_cast<uint8_t>(0x80U | (code_point & 0x3FU));
  constexpr std::array<uint8_t, 4> kLead{0x00, 0xC0, 0xE0, 0xF0};
  bytes[0] = static_cast<uint8_t>(kLead[length - 1] | code_point);
  return bytes;
}

}  // namespace

GrammarBuilder::GrammarBuilder(const GrammarLimits& limits) : limits_(limits) {}
GrammarBuilder::~GrammarBuilder() = default;

GrammarBuilder::Node GrammarBuilder::add(Expression expression) {
  for (const Node part : expression.parts)
    expression.depth = std::max(expression.depth, expressions_[part].depth + 1);
  n_units_ += 1 + expression.parts.size() + expression.text.size();
  if (!error_ && n_units_ > limits_.max_expressions) {
    error_ = make_error(ErrorCode::kResourceExhausted,
                        "the grammar is too large: expected at most {} expressions", limits_.max_expressions);
  }
  if (!error_ && expression.depth > limits_.max_depth) {
    error_ = make_error(ErrorCode::kResourceExhausted,
                        "the grammar is nested too deeply: expected at most {} expressions within each other",
                        limits_.max_depth);
  }
  // Nothing grows any further once something is wrong; whoever builds asks status() sooner or later.
  if (error_ && !expressions_.empty()) return 0;
  expressions_.push_back(std::move(expression));
  return static_cast<Node>(expressions_.size() - 1);
}

GrammarBuilder::Node GrammarBuilder::nothing() {
  return add({});
}

GrammarBuilder::Node GrammarBuilder::empty() {
  Expression expression;
  expression.kind = Expression::Kind::kEmpty;
  return add(std::move(expression));
}

GrammarBuilder::Node GrammarBuilder::literal(std::string_view bytes) {
  Expression expression;
  expression.kind = Expression::Kind::kLiteral;
  expression.text = bytes;
  return add(std::move(expression));
}

GrammarBuilder::Node GrammarBuilder::mark(std::string_view text) {
  return literal(mark_bytes(text, control_names_));
}

GrammarBuilder::Node GrammarBuilder::bytes(const ByteSet& set) {
  if (set.empty()) return nothing();
  Expression expression;
  expression.kind = Expression::Kind::kBytes;
  expression.set = set;
  return add(std::move(expression));
}

// A range is cut where the length of the encoding changes, and then so that in each piece every byte runs
// through a range of its own, whatever the others are.
GrammarBuilder::Node GrammarBuilder::characters(std::span<const CodePointRange> ranges) {
  ByteSet ascii;
  std::vector<Node> pieces;
  const auto add_piece = [&](char32_t first, char32_t last, size_t length) {
    const auto low = encoded(first, length);
    const auto high = encoded(last, length);
    if (length == 1) {
      ascii = ascii | ByteSet::range(low[0], high[0]);
      return;
    }
    std::vector<Node> parts;
    for (size_t i = 0; i < length; ++i) parts.push_back(bytes(ByteSet::range(low[i], high[i])));
    pieces.push_back(sequence(std::move(parts)));
  };
  const auto cut = [&](auto& self, char32_t first, char32_t last, size_t length) -> void {
    if (first > last) return;
    for (size_t i = 1; i < length; ++i) {
      const char32_t tail = (char32_t{1} << (6 * i)) - 1;  // of the last i bytes
      if ((first & ~tail) == (last & ~tail)) continue;
      if ((first & tail) != 0) {
        self(self, first, first | tail, length);
        return self(self, (first | tail) + 1, last, length);
      }
      if ((last & tail) != tail) {
        self(self, first, (last & ~tail) - 1, length);
        return self(self, last & ~tail, last, length);
      }
    }
    add_piece(first, last, length);
  };
  const auto add_range = [&](char32_t first, char32_t last) {
    for (size_t length = 1; length <= kLastOfLength.size(); ++length) {
      const char32_t begin = length == 1 ? 0 : kLastOfLength[length - 2] + 1;
      const char32_t from = std::max(first, begin);
      const char32_t to = std::min(last, kLastOfLength[length - 1]);
      if (from <= to) cut(cut, from, to, length);
    }
  };
  for (const CodePointRange& range : ranges) {
    constexpr char32_t kFirstSurrogate = 0xD800;
    constexpr char32_t kLastSurrogate = 0xDFFF;
    if (range.first < kFirstSurrogate)
      add_range(range.first, std::min<char32_t>(range.last, kFirstSurrogate - 1));
    if (range.last > kLastSurrogate)
      add_range(std::max<char32_t>(range.first, kLastSurrogate + 1), range.last);
  }
  if (!ascii.empty()) pieces.push_back(bytes(ascii));
  return choice(std::move(pieces));
}

GrammarBuilder::Node GrammarBuilder::any_character() {
  constexpr CodePointRange kAll{0, 0x10FFFF};
  return characters({&kAll, 1});
}

GrammarBuilder::Node GrammarBuilder::sequence(std::vector<Node> parts) {
  if (parts.empty()) return empty();
  if (parts.size() == 1) return parts[0];
  Expression expression;
  expression.kind = Expression::Kind::kSequence;
  expression.parts = std::move(parts);
  return add(std::move(expression));
}

GrammarBuilder::Node GrammarBuilder::choice(std::vector<Node> parts) {
  if (parts.empty()) return nothing();
  if (parts.size() == 1) return parts[0];
  Expression expression;
  expression.kind = Expression::Kind::kChoice;
  expression.parts = std::move(parts);
  return add(std::move(expression));
}

GrammarBuilder::Node GrammarBuilder::repeat(Node part, uint32_t min, std::optional<uint32_t> max) {
  if (max && *max < min) return nothing();
  if (max && *max == 0) return empty();
  if (max && *max == 1 && min == 1) return part;
  Expression expression;
  expression.kind = Expression::Kind::kRepeat;
  expression.parts = {part};
  expression.min = min;
  expression.max = max.value_or(Expression::kNoEnd);
  return add(std::move(expression));
}

GrammarBuilder::Node GrammarBuilder::language(const Dfa& dfa) {
  Expression expression;
  expression.kind = Expression::Kind::kLanguage;
  expression.language = std::make_shared<const Dfa>(dfa);
  n_units_ += dfa.n_states();
  return add(std::move(expression));
}

Rule GrammarBuilder::declare(std::string name) {
  rules_.push_back({std::move(name), std::nullopt});
  n_units_ += 1;
  return static_cast<Rule>(rules_.size() - 1);
}

void GrammarBuilder::define(Rule rule, Node body) {
  rules_[rule].body = body;
}

GrammarBuilder::Node GrammarBuilder::call(Rule rule) {
  Expression expression;
  expression.kind = Expression::Kind::kCall;
  expression.rule = rule;
  return add(std::move(expression));
}

Result<void> GrammarBuilder::status() const {
  if (error_) return *error_;
  return {};
}

Result<std::shared_ptr<const Grammar>> GrammarBuilder::build(Node root) const {
  return GrammarCompiler(*this).compile(root);
}

Result<std::shared_ptr<const Grammar>> GrammarBuilder::build_regular(Node root) const {
  return GrammarCompiler(*this).compile_regular(root);
}

}  // namespace hearth::text::grammar
