#include "text/chat_template/representation.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

void append_escape(std::string& out, char32_t c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c < 0x100) {
    out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
  } else if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  } else {
    out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
  }
}

void append_string_repr(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != text.npos;
  const char quote = has_single && text.find('"') == text.npos ? '"' : '\'';
  out.push_back(quote);
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    if (c.code_point == static_cast<char32_t>(quote) || c.code_point == '\\') out.push_back('\\');
    if (!c.valid || is_printable(c.code_point)) {
      out.append(text.substr(0, c.length_bytes));
    } else {
      append_escape(out, c.code_point);
    }
    text.remove_prefix(c.length_bytes);
  }
  out.push_back(quote);
}

Result<void> append_sequence(Runtime& runtime, std::string& out, const Value& value) {
  const SequenceData& sequence = value.sequence();
  const bool round = sequence.form == SequenceData::Form::kTuple;
  if (sequence.is_view()) out += type_name(value) + "(";
  out.push_back(round ? '(' : '[');
  for (size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0) out += ", ";
    HEARTH_TRY(append_repr(runtime, out, sequence.items[i]));
  }
  if (round && sequence.items.size() == 1) out.push_back(',');
  out.push_back(round ? ')' : ']');
  if (sequence.is_view()) out.push_back(')');
  return {};
}

Result<void> append_dict(Runtime& runtime, std::string& out, const DictData& dict) {
  out.push_back('{');
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out += ", ";
    HEARTH_TRY(append_repr(runtime, out, dict.entries[i].first));
    out += ": ";
    HEARTH_TRY(append_repr(runtime, out, dict.entries[i].second));
  }
  out.push_back('}');
  return {};
}

std::string range_text(const RangeData& range) {
  if (range.step == 1) return fmt::format("range({}, {})", range.start, range.stop);
  return fmt::format("range({}, {}, {})", range.start, range.stop, range.step);
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[32];
  const auto scientific =
      std::to_chars(std::begin(digits), std::end(digits), value, std::chars_format::scientific);
  std::string text(std::begin(digits), scientific.ptr);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  // Python changes to exponents at 1e16 and below 1e-4.
  if (exponent < -4 || exponent >= 16) return text;
  const auto fixed = std::to_chars(std::begin(digits), std::end(digits), value, std::chars_format::fixed);
  text.assign(std::begin(digits), fixed.ptr);
  return text.find('.') == text.npos ? text + ".0" : text;
}

Result<void> append_repr(Runtime& runtime, std::string& out, const Value& value) {
  HEARTH_TRY(runtime.budget().steps(1));
  if (value.is_string()) {
    HEARTH_TRY(runtime.budget().characters(value.as_string().size()));
    const StringData& text = value.string_data();
    if (text.markup) out += "Markup(";
    append_string_repr(out, text.bytes);
    if (text.markup) out.push_back(')');
    return {};
  }
  return append_text(runtime, out, value);
}

Result<void> append_text(Runtime& runtime, std::string& out, const Value& value) {
  HEARTH_TRY(runtime.budget().bytes(16));
  switch (value.kind()) {
    case Value::Kind::kNone:
      out += "None";
      return {};
    case Value::Kind::kBool:
      out += value.as_bool() ? "True" : "False";
      return {};
    case Value::Kind::kInt:
      out += fmt::format("{}", value.as_int());
      return {};
    case Value::Kind::kFloat:
      out += float_text(value.as_float());
      return {};
    case Value::Kind::kString:
      HEARTH_TRY(runtime.budget().bytes(value.as_string().size()));
      out += value.as_string();
      return {};
    case Value::Kind::kSequence:
      return append_sequence(runtime, out, value);
    case Value::Kind::kDict:
      return append_dict(runtime, out, value.dict_data());
    case Value::Kind::kRange:
      out += range_text(value.range());
      return {};
    case Value::Kind::kUndefined:
      return {};
    case Value::Kind::kObject:
      out += value.object().text();
      return {};
  }
  return {};
}

Result<std::string> to_text(Runtime& runtime, const Value& value) {
  std::string out;
  HEARTH_TRY(append_text(runtime, out, value));
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace hearth::text::jinja
