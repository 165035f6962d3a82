#include "text/tools/json_scanner.h"

#include <fmt/format.h>

namespace hearth::text {
namespace {

bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\b':
      out += "\\b";
      break;
    case '\f':
      out += "\\f";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out += c;
      }
  }
}

}  // namespace

size_t JsonScanner::read(std::string_view text, std::string& out) {
  size_t n = 0;
  while (n < text.size() && status_ == Status::kMore && take(text[n], out)) ++n;
  return n;
}

JsonScanner::Status JsonScanner::finish() {
  if (status_ == Status::kMore && open_.empty() && expected_ == Expected::kInNumber && number_is_whole()) {
    status_ = Status::kWhole;
  }
  return status_;
}

// Reads `c`, or says no: the value ended before it, or is malformed.
bool JsonScanner::take(char c, std::string& out) {
  if (expected_ == Expected::kInNumber && !in_number(c)) {
    if (!number_is_whole()) {
      status_ = Status::kMalformed;
      return false;
    }
    end_value();
    if (status_ == Status::kWhole) return false;
  } else if (expected_ == Expected::kInNumber) {
    out += c;
    return true;
  }
  const bool in_text = expected_ == Expected::kInString || expected_ == Expected::kEscaped ||
                       expected_ == Expected::kHexDigit || expected_ == Expected::kInWord;
  if (!in_text && is_json_space(c)) {
    out += c;
    return true;
  }
  bool good = false;
  switch (expected_) {
    case Expected::kValue:
      good = begin_value(c);
      break;
    case Expected::kItemOrEnd:
      good = c == ']' ? close(c) : begin_value(c);
      break;
    case Expected::kKeyOrEnd:
    case Expected::kKey:
      if (c == '}' && expected_ == Expected::kKeyOrEnd) {
        good = close(c);
      } else if (c == '"') {
        is_key_ = good = true;
        expected_ = Expected::kInString;
      }
      break;
    case Expected::kColon:
      good = c == ':';
      expected_ = Expected::kValue;
      break;
    case Expected::kCommaOrEnd:
      good = c == ',' || close(c);
      if (c == ',') expected_ = open_.back() == '{' ? Expected::kKey : Expected::kValue;
      break;
    case Expected::kInString:
    case Expected::kEscaped:
    case Expected::kHexDigit:
      if (!in_string(c, out)) {
        status_ = Status::kMalformed;
        return false;
      }
      return true;
    case Expected::kInWord:
      good = c == word_.front();
      word_.remove_prefix(1);
      if (good && word_.empty()) end_value();
      break;
    case Expected::kInNumber:
      break;  // dealt with above
  }
  if (!good) {
    status_ = Status::kMalformed;
    return false;
  }
  out += c;
  return true;
}

bool JsonScanner::begin_value(char c) {
  is_key_ = false;
  if (c == '{' || c == '[') return open(c);
  if (c == '"') {
    expected_ = Expected::kInString;
    return true;
  }
  if (c == '-' || is_digit(c)) {
    expected_ = Expected::kInNumber;
    number_ = c == '-' ? Number::kMinus : c == '0' ? Number::kZero : Number::kInteger;
    return true;
  }
  for (const std::string_view word : {"true", "false", "null"}) {
    if (c != word.front()) continue;
    expected_ = Expected::kInWord;
    word_ = word.substr(1);
    return true;
  }
  return false;
}

bool JsonScanner::open(char c) {
  if (open_.size() == kMaxDepth) return false;
  open_ += c;
  expected_ = c == '{' ? Expected::kKeyOrEnd : Expected::kItemOrEnd;
  return true;
}

bool JsonScanner::close(char c) {
  if (open_.empty() || c != (open_.back() == '{' ? '}' : ']')) return false;
  open_.pop_back();
  end_value();
  return true;
}

void JsonScanner::end_value() {
  expected_ = Expected::kCommaOrEnd;
  if (open_.empty()) status_ = Status::kWhole;
}

bool JsonScanner::in_string(char c, std::string& out) {
  if (expected_ == Expected::kHexDigit) {
    if (!is_hex_digit(c)) return false;
    out += c;
    if (--n_hex_digits_ == 0) expected_ = Expected::kInString;
    return true;
  }
  if (expected_ == Expected::kEscaped) {
    if (std::string_view("\"\\/bfnrtu").find(c) == std::string_view::npos) return false;
    out += c;
    expected_ = c == 'u' ? Expected::kHexDigit : Expected::kInString;
    n_hex_digits_ = 4;
    return true;
  }
  if (c == '"') {
    out += c;
    if (is_key_) {
      expected_ = Expected::kColon;
    } else {
      end_value();
    }
  } else if (c == '\\') {
    out += c;
    expected_ = Expected::kEscaped;
  } else {
    append_escaped(out, c);
  }
  return true;
}

bool JsonScanner::in_number(char c) {
  const bool digit = is_digit(c);
  const bool exponent = c == 'e' || c == 'E';
  switch (number_) {
    case Number::kMinus:
      if (digit) number_ = c == '0' ? Number::kZero : Number::kInteger;
      return digit;
    case Number::kZero:
    case Number::kInteger:
      if (digit) return number_ == Number::kInteger;
      if (c != '.' && !exponent) return false;
      number_ = c == '.' ? Number::kPoint : Number::kExponent;
      return true;
    case Number::kPoint:
      if (digit) number_ = Number::kFraction;
      return digit;
    case Number::kFraction:
      if (exponent) number_ = Number::kExponent;
      return digit || exponent;
    case Number::kExponent:
      if (digit || c == '+' || c == '-') number_ = digit ? Number::kPower : Number::kSign;
      return digit || c == '+' || c == '-';
    case Number::kSign:
      if (digit) number_ = Number::kPower;
      return digit;
    case Number::kPower:
      return digit;
  }
  return false;
}

bool JsonScanner::number_is_whole() const {
  return number_ == Number::kZero || number_ == Number::kInteger || number_ == Number::kFraction ||
         number_ == Number::kPower;
}

bool is_json(std::string_view text, std::string& scanned) {
  scanned.clear();
  JsonScanner scanner;
  const size_t n = scanner.read(text, scanned);
  return scanner.finish() == JsonScanner::Status::kWhole &&
         text.substr(n).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

void append_json_escaped(std::string& out, std::string_view text) {
  for (const char c : text) append_escaped(out, c);
}

}  // namespace hearth::text
