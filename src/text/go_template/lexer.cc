#include "text/go_template/lexer.h"

#include <algorithm>
#include <array>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::go_template {
namespace {

constexpr std::string_view kActionOpen = "{{";
constexpr std::string_view kActionClose = "}}";
constexpr std::string_view kSpaces = " \t\r\n";

bool is_space(char c) {
  return kSpaces.find(c) != std::string_view::npos;
}

bool begins_with_trim(std::string_view text) {
  return text.size() >= 2 && text[0] == '-' && is_space(text[1]);
}

// " -}}"
bool is_trimming_end(std::string_view text) {
  return text.size() >= 2 && is_space(text[0]) && text[1] == '-' && text.substr(2).starts_with(kActionClose);
}

TokenKind kind_of_word(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, TokenKind>, 13> kWords{
      {{"block", TokenKind::kBlock},
       {"break", TokenKind::kBreak},
       {"continue", TokenKind::kContinue},
       {"define", TokenKind::kDefine},
       {"else", TokenKind::kElse},
       {"end", TokenKind::kEnd},
       {"if", TokenKind::kIf},
       {"nil", TokenKind::kNil},
       {"range", TokenKind::kRange},
       {"template", TokenKind::kTemplate},
       {"with", TokenKind::kWith},
       {"true", TokenKind::kBool},
       {"false", TokenKind::kBool}}};
  const auto* const at = std::ranges::find(kWords, word, &std::pair<std::string_view, TokenKind>::first);
  return at == kWords.end() ? TokenKind::kIdentifier : at->second;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Token>> run();

 private:
  std::string_view rest() const { return source_.substr(at_); }
  bool at_end() const { return at_ >= source_.size(); }
  char here() const { return at_end() ? '\0' : source_[at_]; }
  void add(TokenKind kind, size_t from) {
    tokens_.push_back({kind, source_.substr(from, at_ - from), position(from)});
  }
  // Places are asked for in ascending order, but for errors.
  Position position(size_t at);
  size_t letters_from(size_t at) const;
  bool at_terminator() const;

  void text();
  Result<bool> comment();
  Result<void> action();
  Result<void> token();
  void end_action();
  Result<void> word();
  Result<void> field_or_variable(TokenKind kind);
  Result<void> number();
  bool scan_number();
  bool accept(std::string_view any);
  void accept_run(std::string_view any);
  Result<void> quoted(char quote, TokenKind kind, const char* what);
  Result<void> raw_string();

  std::string_view source_;
  size_t at_ = 0;
  size_t counted_ = 0;  // up to here lines are counted
  size_t line_begin_ = 0;
  uint32_t line_ = 1;
  std::vector<Token> tokens_;
};

Position Lexer::position(size_t at) {
  if (at < counted_) {
    counted_ = line_begin_ = 0;
    line_ = 1;
  }
  for (; counted_ < at; ++counted_) {
    if (source_[counted_] != '\n') continue;
    ++line_;
    line_begin_ = counted_ + 1;
  }
  return {line_, static_cast<uint32_t>(at - line_begin_ + 1)};
}

// The end of the letters, digits and underscores that begin at `at`.
size_t Lexer::letters_from(size_t at) const {
  while (at < source_.size()) {
    const DecodedCharacter c = decode_utf8(source_.substr(at));
    const bool is_word = c.code_point == '_' ||
                         (c.valid && (jinja::is_alphabetic(c.code_point) || jinja::is_digit(c.code_point)));
    if (!is_word) break;
    at += c.length_bytes;
  }
  return at;
}

bool Lexer::at_terminator() const {
  if (at_end() || is_space(here())) return true;
  return std::string_view(".,|:)(").find(here()) != std::string_view::npos ||
         rest().starts_with(kActionClose);
}

Result<std::vector<Token>> Lexer::run() {
  while (true) {
    text();
    if (at_end()) break;
    HEARTH_ASSIGN(const bool was_comment, comment());
    if (!was_comment) HEARTH_TRY(action());
  }
  tokens_.push_back({TokenKind::kSourceEnd, {}, position(source_.size())});
  return std::move(tokens_);
}

void Lexer::text() {
  const size_t from = at_;
  const size_t begin = std::min(source_.find(kActionOpen, at_), source_.size());
  size_t end = begin;
  if (begin < source_.size() && begins_with_trim(source_.substr(begin + kActionOpen.size()))) {
    while (end > from && is_space(source_[end - 1])) --end;
  }
  at_ = end;
  if (end > from) add(TokenKind::kText, from);
  at_ = begin;
}

// Whether a comment was there, and is passed.
Result<bool> Lexer::comment() {
  const size_t begin = at_;
  size_t from = begin + kActionOpen.size();
  if (begins_with_trim(source_.substr(from))) from += 2;
  if (!source_.substr(from).starts_with("/*")) return false;
  const size_t end = source_.find("*/", from + 2);
  if (end == std::string_view::npos) return malformed(position(begin), "unclosed comment");
  at_ = end + 2;
  if (!is_trimming_end(rest()) && !rest().starts_with(kActionClose))
    return malformed(position(begin), "comment ends before closing delimiter");
  const bool trims = !rest().starts_with(kActionClose);
  at_ += (trims ? 2 : 0) + kActionClose.size();
  while (trims && !at_end() && is_space(here())) ++at_;
  return true;
}

Result<void> Lexer::action() {
  const size_t begin = at_;
  at_ += kActionOpen.size();
  add(TokenKind::kActionBegin, begin);
  if (begins_with_trim(rest())) at_ += 2;
  int depth = 0;
  while (!rest().starts_with(kActionClose) && !is_trimming_end(rest())) {
    if (at_end()) return malformed(position(begin), "unclosed action");
    if (here() == '(') ++depth;
    if (here() == ')' && --depth < 0) return malformed(position(at_), "unexpected right parenthesis");
    HEARTH_TRY(token());
  }
  if (depth > 0) return malformed(position(at_), "unclosed left parenthesis");
  end_action();
  return {};
}

void Lexer::end_action() {
  const bool trims = !rest().starts_with(kActionClose);
  if (trims) at_ += 2;
  const size_t from = at_;
  at_ += kActionClose.size();
  add(TokenKind::kActionEnd, from);
  while (trims && !at_end() && is_space(here())) ++at_;
}

Result<void> Lexer::token() {
  const size_t from = at_;
  const char c = here();
  const auto single = [&](TokenKind kind) {
    ++at_;
    add(kind, from);
    return Result<void>();
  };
  if (is_space(c)) {
    // The space before "-}}" belongs to it.
    while (!at_end() && is_space(here()) && (at_ == from || !is_trimming_end(rest()))) ++at_;
    add(TokenKind::kSpace, from);
    return {};
  }
  switch (c) {
    case '=':
      return single(TokenKind::kAssign);
    case '|':
      return single(TokenKind::kPipe);
    case ',':
      return single(TokenKind::kComma);
    case '(':
      return single(TokenKind::kOpen);
    case ')':
      return single(TokenKind::kClose);
    case ':':
      if (!rest().starts_with(":=")) return malformed(position(at_), "expected :=");
      at_ += 2;
      add(TokenKind::kDeclare, from);
      return {};
    case '"':
      return quoted('"', TokenKind::kString, "quoted string");
    case '\'':
      return quoted('\'', TokenKind::kCharacter, "character constant");
    case '`':
      return raw_string();
    case '$':
      return field_or_variable(TokenKind::kVariable);
    default:
      break;
  }
  const bool next_is_digit = rest().size() > 1 && rest()[1] >= '0' && rest()[1] <= '9';
  if (c == '.' && !next_is_digit) return field_or_variable(TokenKind::kField);
  if (c == '.' || c == '+' || c == '-' || (c >= '0' && c <= '9')) return number();
  return word();
}

Result<void> Lexer::word() {
  const size_t from = at_;
  at_ = letters_from(at_);
  if (at_ == from) {
    return malformed(position(from), "unexpected character {}",
                     quoted_excerpt(rest().substr(0, decode_utf8(rest()).length_bytes)));
  }
  if (!at_terminator())
    return malformed(position(at_), "unexpected character {}", quoted_excerpt(rest().substr(0, 1)));
  add(kind_of_word(source_.substr(from, at_ - from)), from);
  return {};
}

// Behind a '.' or '$'.
Result<void> Lexer::field_or_variable(TokenKind kind) {
  const size_t from = at_++;
  at_ = letters_from(at_);
  if (!at_terminator())
    return malformed(position(at_), "unexpected character {}", quoted_excerpt(rest().substr(0, 1)));
  add(kind == TokenKind::kField && at_ == from + 1 ? TokenKind::kDot : kind, from);
  return {};
}

bool Lexer::accept(std::string_view any) {
  if (at_end() || any.find(here()) == std::string_view::npos) return false;
  ++at_;
  return true;
}

void Lexer::accept_run(std::string_view any) {
  while (accept(any)) {
  }
}

bool Lexer::scan_number() {
  accept("+-");
  std::string_view digits = "0123456789_";
  bool is_hexadecimal = false;
  if (accept("0")) {
    if (accept("xX")) {
      digits = "0123456789abcdefABCDEF_";
      is_hexadecimal = true;
    } else if (accept("oO")) {
      digits = "01234567_";
    } else if (accept("bB")) {
      digits = "01_";
    }
  }
  accept_run(digits);
  if (accept(".")) accept_run(digits);
  const bool is_decimal = digits == "0123456789_";
  if (is_hexadecimal ? accept("pP") : is_decimal && accept("eE")) {
    accept("+-");
    accept_run("0123456789_");
  }
  accept("i");
  return letters_from(at_) == at_;
}

Result<void> Lexer::number() {
  const size_t from = at_;
  // "1+2i" is one constant, of a type that is refused later.
  const bool is_number = scan_number() && (!(here() == '+' || here() == '-') || at_end() || scan_number());
  if (!is_number)
    return malformed(position(from), "bad number {}", quoted_excerpt(source_.substr(from, at_ + 1 - from)));
  add(TokenKind::kNumber, from);
  return {};
}

Result<void> Lexer::quoted(char quote, TokenKind kind, const char* what) {
  const size_t from = at_++;
  for (; !at_end() && here() != '\n'; ++at_) {
    if (here() == quote) {
      ++at_;
      add(kind, from);
      return {};
    }
    if (here() != '\\') continue;
    ++at_;
    if (at_end() || here() == '\n') break;
  }
  return malformed(position(from), "unterminated {}", what);
}

Result<void> Lexer::raw_string() {
  const size_t from = at_;
  const size_t end = source_.find('`', from + 1);
  if (end == std::string_view::npos) return malformed(position(from), "unterminated raw quoted string");
  at_ = end + 1;
  add(TokenKind::kRawString, from);
  return {};
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace hearth::text::go_template
