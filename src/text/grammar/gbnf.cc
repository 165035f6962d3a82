#include "text/grammar/gbnf.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "text/grammar/unicode_ranges.h"

namespace hearth::text::grammar {
namespace {

using Node = GrammarBuilder::Node;

constexpr char32_t kLastCodePoint = 0x10FFFF;
constexpr int kMaxGroupDepth = 100;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Parser {
 public:
  Parser(GrammarBuilder& builder, std::string_view source) : source_(source), builder_(builder) {}

  Result<Node> parse() {
    skip_space(/*over_lines=*/true);
    while (!at_end()) {
      HEARTH_TRY(parse_rule());
      HEARTH_TRY(builder_.status());
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) {
      return Error(ErrorCode::kInvalidArgument,
                   "the grammar has no rule \"root\": expected one, which the whole answer matches");
    }
    return builder_.call(root->second.rule);
  }

 private:
  struct KnownRule {
    Rule rule;
    bool is_defined = false;
  };

  bool at_end() const { return at_ == source_.size(); }
  char peek() const { return at_end() ? '\0' : source_[at_]; }
  bool is_next(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  bool take(std::string_view text) {
    if (!is_next(text)) return false;
    at_ += text.size();
    return true;
  }

  Error expected(std::string_view what) const {
    const auto line = 1 + std::count(source_.begin(), source_.begin() + static_cast<ptrdiff_t>(at_), '\n');
    return make_error(ErrorCode::kInvalidArgument, "line {} of the grammar: expected {}, found {}", line,
                      what, at_end() ? "its end" : quoted_excerpt(source_.substr(at_, 40), 20));
  }

  void skip_space(bool over_lines) {
    while (!at_end()) {
      const char c = peek();
      if (c == ' ' || c == '\t' || (over_lines && (c == '\n' || c == '\r'))) {
        ++at_;
      } else if (c == '#') {
        while (!at_end() && peek() != '\n' && peek() != '\r') ++at_;
      } else {
        return;
      }
    }
  }

  Result<std::string> parse_name() {
    const size_t begin = at_;
    while (!at_end() && is_name_character(peek())) ++at_;
    if (at_ == begin) return expected("the name of a rule");
    return std::string(source_.substr(begin, at_ - begin));
  }

  KnownRule& rule(const std::string& name) {
    const auto found = rules_.find(name);
    if (found != rules_.end()) return found->second;
    return rules_.emplace(name, KnownRule{builder_.declare(name)}).first->second;
  }

  Result<void> parse_rule() {
    HEARTH_ASSIGN(const std::string name, parse_name());
    skip_space(/*over_lines=*/false);
    if (!take("::=")) return expected("\"::=\"");
    skip_space(/*over_lines=*/true);
    HEARTH_ASSIGN(const Node body, parse_choice(/*depth=*/0));
    KnownRule& defined = rule(name);
    if (defined.is_defined)
      return make_error(ErrorCode::kInvalidArgument, "rule \"{}\" is defined twice in the grammar", name);
    defined.is_defined = true;
    builder_.define(defined.rule, body);
    if (!at_end() && peek() != '\n' && peek() != '\r') return expected("the end of the rule");
    skip_space(/*over_lines=*/true);
    return {};
  }

  // In a group, rules go on over the ends of lines.
  Result<Node> parse_choice(int depth) {
    if (depth > kMaxGroupDepth) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the grammar has more than {} groups within each other", kMaxGroupDepth);
    }
    std::vector<Node> parts;
    do {
      skip_space(/*over_lines=*/true);
      HEARTH_ASSIGN(const Node part, parse_sequence(depth));
      parts.push_back(part);
    } while (take("|"));
    return builder_.choice(std::move(parts));
  }

  Result<Node> parse_sequence(int depth) {
    std::vector<Node> parts;
    while (!at_end()) {
      const char c = peek();
      if (c == '|' || c == ')' || c == '\n' || c == '\r') break;
      HEARTH_ASSIGN(Node part, parse_item(depth));
      HEARTH_ASSIGN(part, parse_repetition(part));
      parts.push_back(part);
      HEARTH_TRY(builder_.status());
      skip_space(/*over_lines=*/depth > 0);
    }
    return builder_.sequence(std::move(parts));
  }

  Result<Node> parse_item(int depth) {
    if (take("\"")) return parse_literal();
    if (take("[")) return parse_class();
    if (take(".")) return builder_.any_character();
    if (take("(")) {
      HEARTH_ASSIGN(const Node group, parse_choice(depth + 1));
      if (!take(")")) return expected("\")\"");
      return group;
    }
    if (is_next("<") || is_next("!<")) {
      return Error(ErrorCode::kUnsupported,
                   expected("texts and rules, since tokens in a grammar are not supported").message());
    }
    if (!is_name_character(peek())) return expected("a text, a class, a group or the name of a rule");
    HEARTH_ASSIGN(const std::string name, parse_name());
    return builder_.call(rule(name).rule);
  }

  Result<Node> parse_literal() {
    std::string text;
    while (!take("\"")) {
      if (at_end()) return expected("'\"' at the end of a text");
      HEARTH_ASSIGN(const char32_t character, parse_character());
      append_utf8(text, character);
    }
    return builder_.literal(text);
  }

  Result<Node> parse_class() {
    const bool is_negated = take("^");
    std::vector<CodePointRange> ranges;
    while (!take("]")) {
      if (at_end()) return expected("']' at the end of a class");
      HEARTH_ASSIGN(const char32_t first, parse_character());
      char32_t last = first;
      if (is_next("-") && !is_next("-]")) {
        ++at_;
        if (at_end()) return expected("the end of a range");
        HEARTH_ASSIGN(last, parse_character());
      }
      if (last < first) {
        return make_error(
            ErrorCode::kInvalidArgument,
            "a class of the grammar has the range U+{:04X} to U+{:04X}: expected the lower one first",
            static_cast<uint32_t>(first), static_cast<uint32_t>(last));
      }
      ranges.push_back({first, last});
    }
    return builder_.characters(is_negated ? complement(normalised(std::move(ranges))) : ranges);
  }

  Result<char32_t> parse_character() {
    if (take("\\")) return parse_escape();
    const DecodedCharacter decoded = decode_utf8(source_.substr(at_));
    if (!decoded.valid) return expected("UTF-8");
    at_ += decoded.length_bytes;
    return decoded.code_point;
  }

  Result<char32_t> parse_escape() {
    const char kind = peek();
    if (at_end()) return expected("a character after '\\'");
    ++at_;
    switch (kind) {
      case 'x':
        return parse_hex(2);
      case 'u':
        return parse_hex(4);
      case 'U':
        return parse_hex(8);
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case 'n':
        return U'\n';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(kind);
      default:
        at_ -= 2;
        return expected("one of the escapes \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\- \\^");
    }
  }

  Result<char32_t> parse_hex(size_t n_digits) {
    const std::string_view digits = source_.substr(at_, n_digits);
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != n_digits || end != digits.data() + n_digits || error != std::errc())
      return expected(fmt::format("{} hexadecimal digits", n_digits));
    if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF))
      return expected("a character of Unicode");
    at_ += n_digits;
    return value;
  }

  Result<Node> parse_repetition(Node part) {
    while (builder_.status()) {
      if (take("*")) {
        part = builder_.repeat(part, 0, std::nullopt);
      } else if (take("+")) {
        part = builder_.repeat(part, 1, std::nullopt);
      } else if (take("?")) {
        part = builder_.optional(part);
      } else if (take("{")) {
        HEARTH_ASSIGN(part, parse_counts(part));
      } else {
        return part;
      }
    }
    return builder_.status().error();
  }

  Result<Node> parse_counts(Node part) {
    HEARTH_ASSIGN(const uint32_t min, parse_count());
    std::optional<uint32_t> max = min;
    if (take(",")) {
      max.reset();
      skip_space(/*over_lines=*/false);
      if (!is_next("}")) {
        HEARTH_ASSIGN(max, parse_count());
      }
    }
    if (!take("}")) return expected("\"}\"");
    if (max && *max < min) {
      return make_error(ErrorCode::kInvalidArgument,
                        "the grammar repeats {{{},{}}}: expected the lower number first", min, *max);
    }
    return builder_.repeat(part, min, max);
  }

  Result<uint32_t> parse_count() {
    skip_space(/*over_lines=*/false);
    uint32_t count = 0;
    const char* begin = source_.data() + at_;
    const auto [end, error] = std::from_chars(begin, source_.data() + source_.size(), count);
    if (error != std::errc()) return expected("a number of repetitions");
    at_ += static_cast<size_t>(end - begin);
    skip_space(/*over_lines=*/false);
    return count;
  }

  std::string_view source_;
  size_t at_ = 0;
  GrammarBuilder& builder_;
  std::map<std::string, KnownRule> rules_;
};

}  // namespace

Result<Node> add_gbnf(GrammarBuilder& builder, std::string_view source) {
  return Parser(builder, source).parse();
}

Result<std::shared_ptr<const Grammar>> parse_gbnf(std::string_view source, const GrammarLimits& limits) {
  GrammarBuilder builder(limits);
  HEARTH_ASSIGN(const Node root, add_gbnf(builder, source));
  return builder.build(root);
}

}  // namespace hearth::text::grammar
