// fmt's printer of one value, with the flags of a verb.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/chat_template/limits.h"
#include "text/go_template/value.h"

namespace hearth::text::go_template {

struct Flags {
  bool minus = false;
  bool plus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  bool plus_v = false;   // %+v
  bool sharp_v = false;  // %#v
  std::optional<size_t> width{};
  std::optional<size_t> precision{};
};

class Printer {
 public:
  explicit Printer(jinja::Budget& budget) : budget_(budget) {}

  Flags flags{};

  // Text as it is.
  Result<void> write(std::string_view text);
  // One operand.
  Result<void> print(const Value& value, char32_t verb);
  std::string take() && { return std::move(out_); }

 private:
  Result<void> pad(std::string_view text);
  Result<void> pad_with_spaces(std::string_view text);
  Result<void> padding(size_t n);
  Result<void> print_inner(const Value& value, char32_t verb, int depth);
  Result<void> print_typed(const Value& value, char32_t verb, int depth);
  Result<void> bad_verb(char32_t verb, const Value& value);
  Result<void> print_bool(const Value& value, char32_t verb);
  Result<void> print_integer(const Value& value, char32_t verb);
  Result<void> integer_in_base(const Value& value, unsigned base, bool is_upper, char32_t verb);
  Result<void> print_character(const Value& value, char32_t verb);
  Result<void> print_float(const Value& value, char32_t verb);
  Result<void> pad_number(std::string text);
  Result<void> print_string(std::string_view text, char32_t verb, const Value& value);
  Result<void> print_hex(std::string_view text, bool is_upper);
  Result<void> print_list(const List& list, char32_t verb, int depth);
  Result<void> print_map(const Map& map, char32_t verb, int depth);
  Result<void> print_record(const Record& record, char32_t verb, int depth);
  std::string_view truncated(std::string_view text) const;

  std::string out_;
  jinja::Budget& budget_;
};

}  // namespace hearth::text::go_template
