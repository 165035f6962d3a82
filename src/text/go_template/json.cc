#include "text/go_template/json.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace hearth::text::go_template {
namespace {

class Writer {
 public:
  Writer(std::string& out, jinja::Budget& budget) : out_(out), budget_(budget) {}

  Result<void> write(const Value& value);

 private:
  Result<void> write_string(std::string_view text);
  Result<void> write_list(const List& list);
  Result<void> write_map(const Map& map);
  Result<void> write_record(const Record& record);

  std::string& out_;
  jinja::Budget& budget_;
};

// Whether `omitempty` leaves it out.
bool is_empty(const Value& value) {
  return !is_true(value) || (value.is(Value::Kind::kFloat) && value.as_float() == 0);
}

Result<void> Writer::write(const Value& value) {
  HEARTH_TRY(budget_.steps(1));
  switch (value.kind()) {
    case Value::Kind::kInvalid:
    case Value::Kind::kNil:
      out_ += "null";
      break;
    case Value::Kind::kBool:
      out_ += value.as_bool() ? "true" : "false";
      break;
    case Value::Kind::kInt:
      out_ += fmt::format("{}", value.as_int());
      break;
    case Value::Kind::kByte:
      out_ += fmt::format("{}", value.as_byte());
      break;
    case Value::Kind::kFloat:
      out_ += json_number(value.as_float());
      break;
    case Value::Kind::kString:
      return write_string(value.as_string());
    case Value::Kind::kList:
      return write_list(value.as_list());
    case Value::Kind::kMap:
      return write_map(value.as_map());
    case Value::Kind::kRecord:
      return write_record(value.as_record());
  }
  return {};
}

Result<void> Writer::write_string(std::string_view text) {
  HEARTH_TRY(budget_.characters(text.size()));
  static constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b";
  static constexpr std::string_view kLetters = "\"\\nrtfb";
  out_ += '"';
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    const char first = text.front();
    const bool is_for_html = first == '<' || first == '>' || first == '&';
    if (const size_t at = kEscaped.find(first); at != std::string_view::npos) {
      out_ += '\\';
      out_ += kLetters[at];
    } else if (!c.valid) {
      out_ += "\\ufffd";
    } else if (c.code_point < 0x20 || is_for_html || c.code_point == 0x2028 || c.code_point == 0x2029) {
      out_ += fmt::format("\\u{:04x}", static_cast<uint32_t>(c.code_point));
    } else {
      out_ += text.substr(0, c.length_bytes);
    }
    text.remove_prefix(c.length_bytes);
  }
  out_ += '"';
  return {};
}

Result<void> Writer::write_list(const List& list) {
  if (list.string_method == StringMethod::kNames && list.items.size() == 1) return write(list.items.front());
  if (list.is_nil) {
    out_ += "null";
    return {};
  }
  out_ += '[';
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out_ += ',';
    HEARTH_TRY(write(list.items[i]));
  }
  out_ += ']';
  return {};
}

Result<void> Writer::write_map(const Map& map) {
  if (map.is_nil) {
    out_ += "null";
    return {};
  }
  out_ += '{';
  for (size_t i = 0; i < map.entries.size(); ++i) {
    if (i > 0) out_ += ',';
    HEARTH_TRY(write_string(map.entries[i].first));
    out_ += ':';
    HEARTH_TRY(write(map.entries[i].second));
  }
  out_ += '}';
  return {};
}

Result<void> Writer::write_record(const Record& record) {
  out_ += '{';
  bool is_first = true;
  for (const Record::Field& field : record.fields) {
    // A struct is never empty, and encoding/json knows no method that says so.
    const bool is_left_out = field.omit_empty && is_empty(field.value);
    if (is_left_out) continue;
    if (!is_first) out_ += ',';
    is_first = false;
    HEARTH_TRY(write_string(field.json_name));
    out_ += ':';
    HEARTH_TRY(write(field.value));
  }
  out_ += '}';
  return {};
}

}  // namespace

std::string json_number(double value) {
  if (std::isnan(value) || std::isinf(value)) return "null";
  const double magnitude = std::fabs(value);
  const bool is_plain = magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
  char digits[400];
  const auto [end, problem] =
      std::to_chars(digits, digits + sizeof digits, value,
                    is_plain ? std::chars_format::fixed : std::chars_format::scientific);
  HEARTH_CHECK(problem == std::errc());
  std::string text(digits, end);
  // 1e-09 is written as 1e-9.
  if (const size_t at = text.find("e-0"); at != std::string::npos) text.erase(at + 2, 1);
  return text;
}

Result<void> append_json(std::string& out, const Value& value, jinja::Budget& budget) {
  const size_t before = out.size();
  HEARTH_TRY(Writer(out, budget).write(value));
  return budget.bytes(out.size() - before);
}

}  // namespace hearth::text::go_template
