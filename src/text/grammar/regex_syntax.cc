#include "text/grammar/regex_syntax.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/excerpt.h"
#include "base/utf8.h"

namespace hearth::text::grammar {
namespace {

constexpr size_t kMaxPatternBytes = 16'384;
constexpr int kMaxDepth = 60;
constexpr uint64_t kMaxSize = 50'000;
constexpr uint32_t kMaxRepeat = 50'000;
constexpr char32_t kLargestCodePoint = 0x10FFFF;

// Source: ECMA-262, WhiteSpace and LineTerminator.
CharacterSet white_space() {
  return {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
          {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
}

CharacterSet line_terminators() {
  return {{0x0A, 0x0A}, {0x0D, 0x0D}, {0x2028, 0x2029}};
}

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : text_(pattern) {}

  Result<RegexNode> parse() {
    if (text_.size() > kMaxPatternBytes) {
      return make_error(ErrorCode::kResourceExhausted,
                        "the pattern is too long: expected at most {} bytes, found {}", kMaxPatternBytes,
                        text_.size());
    }
    HEARTH_ASSIGN(RegexNode node, parse_choice(0));
    if (at_ < text_.size()) return invalid("a closing parenthesis without an opening one");
    return node;
  }

 private:
  Error invalid(std::string_view what) const {
    return make_error(ErrorCode::kInvalidArgument, "pattern, at byte {}: {}", at_, what);
  }
  Error unsupported(std::string_view what) const {
    return make_error(ErrorCode::kUnsupported, "pattern, at byte {}: {} cannot be guaranteed", at_, what);
  }
  bool at_end() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  static RegexNode characters(CharacterSet set) {
    RegexNode node;
    node.kind = RegexNode::Kind::kCharacters;
    node.characters = std::move(set);
    return node;
  }

  // A node of several, with what follows from them.
  Result<RegexNode> joined(RegexNode::Kind kind, std::vector<RegexNode> parts) const {
    if (parts.size() == 1) return std::move(parts[0]);
    RegexNode node;
    node.kind = kind;
    for (const RegexNode& part : parts) {
      node.has_begin |= part.has_begin;
      node.has_end |= part.has_end;
      node.size += part.size;
    }
    node.parts = std::move(parts);
    HEARTH_TRY(check_size(node));
    return node;
  }
  Result<void> check_size(const RegexNode& node) const {
    if (node.size <= kMaxSize) return {};
    return make_error(
        ErrorCode::kResourceExhausted,
        "pattern, at byte {}: too large: expected at most {} characters with its repetitions written out",
        at_, kMaxSize);
  }

  Result<RegexNode> parse_choice(int depth) {
    if (depth > kMaxDepth) {
      return make_error(ErrorCode::kResourceExhausted,
                        "pattern, at byte {}: expected at most {} groups within each other", at_, kMaxDepth);
    }
    std::vector<RegexNode> alternatives;
    do {
      std::vector<RegexNode> parts;
      while (!at_end() && peek() != '|' && peek() != ')') {
        HEARTH_ASSIGN(RegexNode part, parse_term(depth));
        parts.push_back(std::move(part));
      }
      HEARTH_ASSIGN(RegexNode alternative, joined(RegexNode::Kind::kSequence, std::move(parts)));
      alternatives.push_back(std::move(alternative));
    } while (take("|"));
    return joined(RegexNode::Kind::kChoice, std::move(alternatives));
  }

  Result<RegexNode> parse_term(int depth) {
    if (take("^")) {
      RegexNode node;
      node.kind = RegexNode::Kind::kBegin;
      node.has_begin = true;
      return node;
    }
    if (take("$")) {
      RegexNode node;
      node.kind = RegexNode::Kind::kEnd;
      node.has_end = true;
      return node;
    }
    HEARTH_ASSIGN(RegexNode atom, parse_atom(depth));
    return parse_quantifier(std::move(atom));
  }

  Result<RegexNode> parse_quantifier(RegexNode atom) {
    uint32_t min = 0;
    std::optional<uint32_t> max;
    if (take("*")) {
    } else if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (peek() == '{' && peek(1) >= '0' && peek(1) <= '9') {
      take("{");
      HEARTH_ASSIGN(min, parse_count());
      max = min;
      if (take(",")) {
        max.reset();
        if (peek() != '}') {
          HEARTH_ASSIGN(max, parse_count());
        }
      }
      if (!take("}")) return invalid("expected } after a quantifier's numbers");
      if (max && *max < min) return invalid("a quantifier's numbers stand in the wrong order");
    } else {
      return atom;
    }
    take("?");  // how a match is found does not change whether there is one
    if (peek() == '*' || peek() == '+' || peek() == '?')
      return invalid("a quantifier without anything before it");
    RegexNode node;
    node.kind = RegexNode::Kind::kRepeat;
    node.min = min;
    node.max = max;
    node.has_begin = atom.has_begin;
    node.has_end = atom.has_end;
    node.size = 1 + atom.size * std::max<uint64_t>(max.value_or(uint64_t{min} + 1), 1);
    if ((node.has_begin || node.has_end) && (min > 1 || max.value_or(1) > 1))
      return unsupported("^ or $ within a repetition with a count");
    node.parts.push_back(std::move(atom));
    HEARTH_TRY(check_size(node));
    return node;
  }

  Result<uint32_t> parse_count() {
    uint64_t count = 0;
    if (peek() < '0' || peek() > '9') return invalid("expected a number in a quantifier");
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      count = count * 10 + static_cast<uint64_t>(peek() - '0');
      if (count > kMaxRepeat) {
        return make_error(ErrorCode::kResourceExhausted,
                          "pattern, at byte {}: expected a quantifier of at most {}", at_, kMaxRepeat);
      }
    }
    return static_cast<uint32_t>(count);
  }

  Result<RegexNode> parse_atom(int depth) {
    switch (peek()) {
      case '(':
        return parse_group(depth);
      case '[':
        return parse_class();
      case '.':
        ++at_;
        return characters(complement(line_terminators()));
      case '*':
      case '+':
      case '?':
        return invalid("a quantifier without anything before it");
      case '\\':
        return parse_escape();
      default: {
        // A brace that is no quantifier stands for itself, as everywhere but in the specification.
        if (peek() == '{' && peek(1) >= '0' && peek(1) <= '9')
          return invalid("a quantifier without anything before it");
        HEARTH_ASSIGN(const char32_t c, parse_character());
        return characters({{c, c}});
      }
    }
  }

  Result<RegexNode> parse_group(int depth) {
    if (take("(?=") || take("(?!")) return unsupported("look-ahead");
    if (take("(?<=") || take("(?<!")) return unsupported("look-behind");
    if (take("(?<")) {
      const size_t end = text_.find('>', at_);
      if (end == std::string_view::npos || end == at_) return invalid("a group's name without an end");
      at_ = end + 1;
    } else if (!take("(?:")) {
      take("(");
      if (peek() == '?') return invalid("an unknown kind of group");
    }
    HEARTH_ASSIGN(RegexNode node, parse_choice(depth + 1));
    if (!take(")")) return invalid("a group without a closing parenthesis");
    return node;
  }

  Result<char32_t> parse_character() {
    const DecodedCharacter character = decode_utf8(text_.substr(at_));
    if (!character.valid) return invalid("no UTF-8");
    at_ += character.length_bytes;
    return character.code_point;
  }

  // \d and its like, and \p: several characters. Nothing (and nothing read) where another escape stands.
  Result<std::optional<CharacterSet>> parse_class_escape() {
    const CharacterSet digits{{'0', '9'}};
    const CharacterSet word = normalised({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
    if (take("\\d")) return std::optional(digits);
    if (take("\\D")) return std::optional(complement(digits));
    if (take("\\w")) return std::optional(word);
    if (take("\\W")) return std::optional(complement(word));
    if (take("\\s")) return std::optional(white_space());
    if (take("\\S")) return std::optional(complement(white_space()));
    const bool negated = peek() == '\\' && peek(1) == 'P';
    if (!take("\\p") && !take("\\P")) return std::optional<CharacterSet>();
    const size_t end = text_.find('}', at_);
    if (!take("{") || end == std::string_view::npos) return invalid("expected a property's name in braces");
    const std::string_view name = text_.substr(at_, end - at_);
    const std::optional<CharacterSet> set = characters_with_property(name);
    if (!set) return unsupported(fmt::format("the property {}", excerpt(name)));
    at_ = end + 1;
    return std::optional(negated ? complement(*set) : *set);
  }

  Result<RegexNode> parse_escape() {
    HEARTH_ASSIGN(std::optional<CharacterSet> set, parse_class_escape());
    if (set) return characters(std::move(*set));
    const char next = peek(1);
    if (next == 'b' || next == 'B') return unsupported("a word boundary");
    if ((next >= '1' && next <= '9') || next == 'k') return unsupported("a back reference");
    HEARTH_ASSIGN(const char32_t c, parse_character_escape());
    return characters({{c, c}});
  }

  Result<char32_t> parse_hex(int digits) {
    char32_t value = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      if (c >= '0' && c <= '9') {
        value = value * 16 + static_cast<char32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        value = value * 16 + static_cast<char32_t>((static_cast<unsigned char>(c) | 0x20U) - 'a' + 10);
      } else {
        return invalid("expected a hexadecimal digit");
      }
    }
    return value;
  }

  Result<char32_t> parse_unicode_escape() {
    if (take("{")) {
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos || end == at_) return invalid("expected digits and }");
      while (peek() == '0' && at_ + 1 < end) ++at_;
      if (end - at_ > 6) return invalid("no character");
      HEARTH_ASSIGN(const char32_t c, parse_hex(static_cast<int>(end - at_)));
      if (c > kLargestCodePoint) return invalid("no character");
      take("}");
      return c;
    }
    HEARTH_ASSIGN(const char32_t c, parse_hex(4));
    if (c < 0xD800 || c > 0xDBFF) return c;
    const size_t behind = at_;
    if (take("\\u") && peek() != '{') {
      HEARTH_ASSIGN(const char32_t low, parse_hex(4));
      if (low >= 0xDC00 && low <= 0xDFFF) return 0x10000 + ((c - 0xD800) << 10U) + (low - 0xDC00);
    }
    at_ = behind;
    return c;  // half of a pair: no text has it
  }

  Result<char32_t> parse_character_escape() {
    take("\\");
    if (at_end()) return invalid("a backslash at the end");
    const char c = peek();
    constexpr std::string_view kLetters = "fnrtv0";
    constexpr std::string_view kValues("\f\n\r\t\v\0", 6);
    if (const size_t found = kLetters.find(c); found != std::string_view::npos) {
      ++at_;
      if (c == '0' && peek() >= '0' && peek() <= '9') return invalid("an octal escape");
      return static_cast<char32_t>(kValues[found]);
    }
    if (take("u")) return parse_unicode_escape();
    if (take("x")) return parse_hex(2);
    if (take("c")) {
      const auto letter = static_cast<unsigned char>(peek());
      if ((letter | 0x20U) < 'a' || (letter | 0x20U) > 'z') return invalid("expected a letter after \\c");
      ++at_;
      return static_cast<char32_t>(letter % 32);
    }
    const bool is_letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (is_letter) return invalid("an unknown escape");
    return parse_character();
  }

  // One of a class: a character, or several at once.
  struct ClassAtom {
    char32_t character = 0;
    std::optional<CharacterSet> set;
  };
  Result<ClassAtom> parse_class_atom() {
    if (at_end()) return invalid("a class without its end");
    ClassAtom atom;
    if (peek() != '\\') {
      HEARTH_ASSIGN(atom.character, parse_character());
      return atom;
    }
    HEARTH_ASSIGN(atom.set, parse_class_escape());
    if (atom.set) return atom;
    if (take("\\b")) {
      atom.character = U'\b';
      return atom;
    }
    HEARTH_ASSIGN(atom.character, parse_character_escape());
    return atom;
  }

  Result<RegexNode> parse_class() {
    take("[");
    const bool negated = take("^");
    CharacterSet set;
    const auto add = [&](const ClassAtom& atom) {
      if (atom.set) {
        set.insert(set.end(), atom.set->begin(), atom.set->end());
      } else {
        set.push_back({atom.character, atom.character});
      }
    };
    while (!take("]")) {
      HEARTH_ASSIGN(const ClassAtom first, parse_class_atom());
      if (peek() != '-' || peek(1) == ']' || peek(1) == '\0') {
        add(first);
        continue;
      }
      take("-");
      HEARTH_ASSIGN(const ClassAtom last, parse_class_atom());
      if (first.set || last.set) return invalid("a class as the end of a range");
      if (last.character < first.character) return invalid("a range in the wrong order");
      set.push_back({first.character, last.character});
    }
    set = normalised(std::move(set));
    return characters(negated ? complement(set) : std::move(set));
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<RegexNode> parse_regex(std::string_view pattern) {
  return RegexParser(pattern).parse();
}

}  // namespace hearth::text::grammar
