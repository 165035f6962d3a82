#include "text/tokenizer/huggingface/pattern.h"

#include <algorithm>
#include <vector>

namespace hearth::text {
namespace {

constexpr std::string_view kHexDigits = "0-9a-fA-F";
constexpr std::string_view kWordCharacters = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
// Classes nest; a limit keeps hostile ones from the stack.
constexpr int kMaxNesting = 32;

class Translator {
 public:
  explicit Translator(std::string_view expression) : rest_(expression) {}

  std::string translate() {
    std::string out;
    while (!rest_.empty()) {
      if (rest_.front() == '\\') {
        append_escape(out, false);
      } else if (rest_.front() == '[') {
        out += read_class(0);
      } else {
        out.push_back(take());
      }
    }
    return out;
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  void append_escape(std::string& out, bool in_class) {
    if (rest_.size() < 2) {
      out.push_back(take());
      return;
    }
    const char c = rest_[1];
    const auto replace_by = [&](std::string_view members, bool negated) {
      rest_.remove_prefix(2);
      if (in_class) {
        out += members;
      } else {
        out += negated ? "[^" : "[";
        out += members;
        out += "]";
      }
    };
    if (c == 'h') return replace_by(kHexDigits, false);
    if (c == 'H' && !in_class) return replace_by(kHexDigits, true);
    if (c == 'w') return replace_by(kWordCharacters, false);
    if (c == 'W' && !in_class) return replace_by(kWordCharacters, true);
    if (c == 'u' && rest_.size() >= 6 && is_hexadecimal(rest_.substr(2, 4))) {
      out += "\\x{";
      out += rest_.substr(2, 4);
      out += "}";
      rest_.remove_prefix(6);
      return;
    }
    out += rest_.substr(0, 2);
    rest_.remove_prefix(2);
  }

  static bool is_hexadecimal(std::string_view digits) {
    return digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
  }

  // One side of &&: what stands in it directly, and the classes in it.
  struct Operand {
    std::string members;
    std::vector<std::string> classes;

    std::string expression() const {
      if (classes.empty()) return "[" + members + "]";
      std::string all = "(?:";
      if (!members.empty()) all += "[" + members + "]|";
      for (const std::string& one : classes) all += one + "|";
      all.back() = ')';
      return all;
    }
  };

  // From its bracket to the matching one. A class that PCRE2 reads as Oniguruma does stays as it is.
  std::string read_class(int depth) {
    take();
    const bool negated = !rest_.empty() && rest_.front() == '^';
    if (negated) take();
    std::vector<Operand> operands(1);
    if (!rest_.empty() && rest_.front() == ']') operands.back().members += "\\" + std::string(1, take());
    while (!rest_.empty() && rest_.front() != ']') {
      if (rest_.substr(0, 2) == "&&") {
        rest_.remove_prefix(2);
        operands.emplace_back();
      } else if (rest_.substr(0, 2) == "[:" && rest_.find(":]") != std::string_view::npos) {
        const size_t n = rest_.find(":]") + 2;
        operands.back().members += rest_.substr(0, n);
        rest_.remove_prefix(n);
      } else if (rest_.front() == '[' && depth < kMaxNesting) {
        operands.back().classes.push_back(read_class(depth + 1));
      } else if (rest_.front() == '\\') {
        append_escape(operands.back().members, true);
      } else {
        operands.back().members.push_back(take());
      }
    }
    if (rest_.empty()) return negated ? "[^" + operands[0].members : "[" + operands[0].members;  // no bracket
    take();
    if (operands.size() == 1 && operands[0].classes.empty()) {
      return (negated ? "[^" : "[") + operands[0].members + "]";
    }
    // A character of which all operands hold: the last one reads it.
    std::string all;
    for (size_t i = 0; i + 1 < operands.size(); ++i) all += "(?=" + operands[i].expression() + ")";
    all += operands.back().expression();
    return negated ? "(?:(?!" + all + ")[\\s\\S])" : "(?:" + all + ")";
  }

  std::string_view rest_;
};

}  // namespace

std::string translate_oniguruma(std::string_view expression) {
  return Translator(expression).translate();
}

std::string quote_for_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!is_plain) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

Result<Regex> read_pattern(const JsonPlace& place) {
  HEARTH_ASSIGN(const auto string, place.find("String"));
  HEARTH_ASSIGN(const auto expression, place.find("Regex"));
  if (!string == !expression) return place.malformed("either a \"String\" or a \"Regex\"");
  const JsonPlace& given = string ? *string : *expression;
  HEARTH_ASSIGN(const std::string_view text, given.string());
  auto regex = string ? Regex::compile(quote_for_regex(text))
                      : Regex::compile(translate_oniguruma(text), Regex::Anchors::kLines);
  if (!regex) return regex.error().in(given.path());
  return regex;
}

}  // namespace hearth::text
