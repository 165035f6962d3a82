#include "text/go_template/printing.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/chat_template/unicode.h"
#include "text/go_template/printer.h"

namespace hearth::text::go_template {
namespace {

// A width or precision beyond this is none.
constexpr size_t kMostWidth = 1'000'000;

struct Number {
  std::optional<size_t> value;
  size_t end;  // behind its digits
};

Number number_at(std::string_view text, size_t at) {
  Number number{std::nullopt, at};
  size_t value = 0;
  for (; number.end < text.size() && text[number.end] >= '0' && text[number.end] <= '9'; ++number.end) {
    value = value * 10 + static_cast<size_t>(text[number.end] - '0');
    if (value > kMostWidth) return {std::nullopt, text.size()};
    number.value = value;
  }
  return number;
}

// Sprintf's way through its format.
class Formatter {
 public:
  Formatter(std::string_view format, std::span<const Value> values, jinja::Budget& budget)
      : format_(format), values_(values), printer_(budget) {}

  Result<std::string> run();

 private:
  bool at_end() const { return at_ >= format_.size(); }
  bool takes(char c) {
    if (at_end() || format_[at_] != c) return false;
    ++at_;
    return true;
  }
  Result<void> verb();
  void flags();
  void index();
  Result<void> width();
  Result<void> precision();
  Result<void> operand(char32_t verb, std::string_view text);
  Result<void> extra();
  std::optional<int64_t> number_from_operand();

  std::string_view format_;
  std::span<const Value> values_;
  Printer printer_;
  size_t at_ = 0;
  size_t next_ = 0;         // the operand that comes next
  bool reordered_ = false;  // an index was given
  bool after_index_ = false;
  bool good_index_ = true;
};

Result<std::string> Formatter::run() {
  while (!at_end()) {
    good_index_ = true;
    const size_t percent = std::min(format_.find('%', at_), format_.size());
    HEARTH_TRY(printer_.write(format_.substr(at_, percent - at_)));
    at_ = percent;
    if (at_end()) break;
    ++at_;
    HEARTH_TRY(verb());
  }
  if (!reordered_ && next_ < values_.size()) HEARTH_TRY(extra());
  return std::move(printer_).take();
}

void Formatter::flags() {
  Flags& flags = printer_.flags;
  flags = Flags();
  for (; !at_end(); ++at_) {
    switch (format_[at_]) {
      case '#':
        flags.sharp = true;
        break;
      case '0':
        flags.zero = true;
        break;
      case '+':
        flags.plus = true;
        break;
      case '-':
        flags.minus = true;
        break;
      case ' ':
        flags.space = true;
        break;
      default:
        return;
    }
  }
}

// [n]: the operand with this number comes next.
void Formatter::index() {
  after_index_ = false;
  if (at_end() || format_[at_] != '[') return;
  reordered_ = true;
  const size_t end = format_.find(']', at_);
  if (format_.size() - at_ < 3 || end == std::string_view::npos) {
    good_index_ = false;
    ++at_;
    return;
  }
  const Number number = number_at(format_, at_ + 1);
  const bool is_number = number.value && number.end == end;
  after_index_ = is_number;
  at_ = end + 1;
  if (is_number && *number.value >= 1 && *number.value <= values_.size()) {
    next_ = *number.value - 1;
  } else {
    good_index_ = false;
  }
}

// An operand that is a width or a precision.
std::optional<int64_t> Formatter::number_from_operand() {
  if (next_ >= values_.size()) return std::nullopt;
  const Value& value = values_[next_++];
  if (value.is(Value::Kind::kByte)) return value.as_byte();
  if (!value.is(Value::Kind::kInt)) return std::nullopt;
  const int64_t number = value.as_int();
  constexpr auto kMost = static_cast<int64_t>(kMostWidth);
  if (number > kMost || number < -kMost) return std::nullopt;
  return number;
}

Result<void> Formatter::width() {
  Flags& flags = printer_.flags;
  if (!takes('*')) {
    const Number number = number_at(format_, at_);
    flags.width = number.value;
    at_ = number.end;
    if (after_index_ && flags.width) good_index_ = false;
    return {};
  }
  after_index_ = false;
  const auto number = number_from_operand();
  if (!number) return printer_.write("%!(BADWIDTH)");
  flags.width = static_cast<size_t>(*number < 0 ? -*number : *number);
  flags.minus = flags.minus || *number < 0;
  return {};
}

Result<void> Formatter::precision() {
  Flags& flags = printer_.flags;
  if (!takes('.')) return {};
  if (after_index_) good_index_ = false;
  index();
  if (!takes('*')) {
    const Number number = number_at(format_, at_);
    flags.precision = number.value.value_or(0);
    at_ = number.end;
    return {};
  }
  after_index_ = false;
  const auto number = number_from_operand();
  if (number && *number >= 0) flags.precision = static_cast<size_t>(*number);
  return flags.precision ? Result<void>() : printer_.write("%!(BADPREC)");
}

// Behind a '%'.
Result<void> Formatter::verb() {
  flags();
  index();
  HEARTH_TRY(width());
  HEARTH_TRY(precision());
  if (!after_index_) index();
  if (at_end()) return printer_.write("%!(NOVERB)");
  const DecodedCharacter verb = decode_utf8(format_.substr(at_));
  const std::string_view text = format_.substr(at_, verb.length_bytes);
  at_ += verb.length_bytes;
  return operand(verb.code_point, text);
}

Result<void> Formatter::operand(char32_t verb, std::string_view text) {
  if (verb == '%') return printer_.write("%");
  if (!good_index_) return printer_.write(fmt::format("%!{}(BADINDEX)", text));
  if (next_ >= values_.size()) return printer_.write(fmt::format("%!{}(MISSING)", text));
  Flags& flags = printer_.flags;
  if (verb == 'v') {
    flags.sharp_v = std::exchange(flags.sharp, false);
    flags.plus_v = std::exchange(flags.plus, false);
  }
  return printer_.print(values_[next_++], verb);
}

Result<void> Formatter::extra() {
  printer_.flags = Flags();
  HEARTH_TRY(printer_.write("%!(EXTRA "));
  for (size_t i = next_; i < values_.size(); ++i) {
    if (i > next_) HEARTH_TRY(printer_.write(", "));
    if (!values_[i].is_nothing()) HEARTH_TRY(printer_.write(type_name(values_[i]) + "="));
    HEARTH_TRY(printer_.print(values_[i], 'v'));
  }
  return printer_.write(")");
}

}  // namespace

Result<std::string> sprint(std::span<const Value> values, jinja::Budget& budget) {
  Printer printer(budget);
  bool was_string = true;
  for (const Value& value : values) {
    const bool is_string = value.is(Value::Kind::kString);
    if (!is_string && !was_string) HEARTH_TRY(printer.write(" "));
    HEARTH_TRY(printer.print(value, 'v'));
    was_string = is_string;
  }
  return std::move(printer).take();
}

Result<std::string> sprintln(std::span<const Value> values, jinja::Budget& budget) {
  Printer printer(budget);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) HEARTH_TRY(printer.write(" "));
    HEARTH_TRY(printer.print(values[i], 'v'));
  }
  HEARTH_TRY(printer.write("\n"));
  return std::move(printer).take();
}

Result<std::string> sprintf(std::string_view format, std::span<const Value> values, jinja::Budget& budget) {
  return Formatter(format, values, budget).run();
}

Result<std::string> printed(const Value& value, jinja::Budget& budget) {
  if (value.is_nothing()) return std::string("<no value>");
  Printer printer(budget);
  if (value.is(Value::Kind::kRecord) && value.as_record().is_pointer) {
    // What a pointer points at is printed.
    Record pointed = value.as_record();
    pointed.is_pointer = false;
    HEARTH_TRY(printer.print(Value::record(std::move(pointed)), 'v'));
  } else {
    HEARTH_TRY(printer.print(value, 'v'));
  }
  return std::move(printer).take();
}

std::string quoted(std::string_view text, bool only_ascii) {
  static constexpr std::string_view kEscaped = "\"\\\a\b\f\n\r\t\v";
  static constexpr std::string_view kLetters = "\"\\abfnrtv";
  std::string out = "\"";
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    const auto code = static_cast<uint32_t>(c.code_point);
    const bool shows = c.valid && jinja::is_printable(c.code_point) && (code < 0x80 || !only_ascii);
    if (const size_t at = kEscaped.find(text.front()); at != std::string_view::npos) {
      out += '\\';
      out += kLetters[at];
    } else if (shows) {
      out += text.substr(0, c.length_bytes);
    } else if (!c.valid || code < 0x20 || code == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text.front()));
    } else {
      out += code < 0x10000 ? fmt::format("\\u{:04x}", code) : fmt::format("\\U{:08x}", code);
    }
    text.remove_prefix(c.length_bytes);
  }
  return out + '"';
}

}  // namespace hearth::text::go_template
