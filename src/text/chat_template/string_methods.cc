#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/chat_template/arguments.h"
#include "text/chat_template/format.h"
#include "text/chat_template/methods.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/text_operations.h"
#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {
namespace {

constexpr size_t kAbsent = std::string_view::npos;

// str -> str methods without arguments.
template <std::string (*change)(std::string_view)>
Result<Value> changed(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("str method", arguments));
  HEARTH_TRY(runtime.budget().characters(self.as_string().size()));
  return runtime.text(change(self.as_string()), self.string_data().markup);
}

template <Side side>
Result<Value> strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.strip", arguments, {"chars"}));
  const bool space = bound[0] == nullptr || bound[0]->is_none();
  HEARTH_ASSIGN(const std::string_view characters, string_or("str.strip", space ? nullptr : bound[0], ""));
  HEARTH_ASSIGN(const std::string_view stripped,
                strip_text(runtime, self.as_string(), !space, characters, side));
  return runtime.text(std::string(stripped), self.string_data().markup);
}

Result<Value> split_with(Runtime& runtime, const Value& self, const Arguments& arguments, bool from_right) {
  HEARTH_ASSIGN(const auto bound, bind("str.split", arguments, {"sep", "maxsplit"}));
  const bool space = bound[0] == nullptr || bound[0]->is_none();
  HEARTH_ASSIGN(const std::string_view separator, string_or("str.split", space ? nullptr : bound[0], ""));
  HEARTH_ASSIGN(const int64_t most, integer_or("str.split", bound[1], -1));
  if (!space && separator.empty()) return template_error("str.split: empty separator");
  HEARTH_ASSIGN(const auto parts, from_right ? split_from_right(runtime, self.as_string(), separator, most)
                                             : split_from_left(runtime, self.as_string(), separator, most));
  HEARTH_TRY(runtime.budget().elements(parts.size()));
  std::vector<Value> values;
  values.reserve(parts.size());
  for (const std::string_view part : parts) {
    HEARTH_ASSIGN(Value value, runtime.text(std::string(part), self.string_data().markup));
    values.push_back(std::move(value));
  }
  return runtime.sequence(std::move(values));
}

Result<Value> split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_with(runtime, self, arguments, false);
}

Result<Value> rsplit(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return split_with(runtime, self, arguments, true);
}

Result<Value> splitlines(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.splitlines", arguments, {"keepends"}));
  HEARTH_ASSIGN(const auto lines, split_lines(runtime, self.as_string(), flag_or(bound[0], false)));
  std::vector<Value> values;
  values.reserve(lines.size());
  for (const std::string_view line : lines) values.push_back(Value::string(std::string(line)));
  return runtime.sequence(std::move(values));
}

template <bool from_right>
Result<Value> partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.partition", arguments, {"sep"}, 1));
  HEARTH_ASSIGN(const std::string_view separator, string_or("str.partition", bound[0], ""));
  if (separator.empty()) return template_error("str.partition: empty separator");
  const std::string_view text = self.as_string();
  HEARTH_TRY(runtime.budget().bytes(3 * text.size()));
  HEARTH_ASSIGN(const auto parts, from_right ? split_from_right(runtime, text, separator, 1)
                                             : split_from_left(runtime, text, separator, 1));
  const auto string = [](std::string_view part) { return Value::string(std::string(part)); };
  if (parts.size() == 2)
    return runtime.sequence({string(parts[0]), *bound[0], string(parts[1])}, SequenceData::Form::kTuple);
  const Value empty = string("");
  return runtime.sequence(from_right ? std::vector{empty, empty, self} : std::vector{self, empty, empty},
                          SequenceData::Form::kTuple);
}

// The part of `self` from code point `start` to `stop`, and where it begins, in bytes.
struct Part {
  std::string_view text;
  size_t offset = 0;
  bool exists = true;  // false where start lies behind the end
};

Result<Part> part_of(Runtime& runtime, const Value& self, const Value* start, const Value* stop) {
  if (start == nullptr && stop == nullptr) return Part{self.as_string()};
  const StringData& text = self.string_data();
  if (!text.ascii) HEARTH_TRY(runtime.budget().bytes(text.bytes.size()));
  const auto n = static_cast<int64_t>(length_in_code_points(text));
  const auto resolve = [&](const Value* bound, int64_t absent) -> Result<int64_t> {
    if (bound != nullptr && bound->is_none()) return absent;
    HEARTH_ASSIGN(const int64_t index, integer_or("str method", bound, absent));
    return index < 0 ? std::max<int64_t>(std::max(index, -n) + n, 0) : index;
  };
  HEARTH_ASSIGN(const int64_t first, resolve(start, 0));
  HEARTH_ASSIGN(const int64_t last, resolve(stop, n));
  if (first > n || first > last) return Part{{}, 0, false};
  const size_t begin = byte_offset(text, static_cast<size_t>(first));
  const size_t end = byte_offset(text, static_cast<size_t>(std::min(last, n)));
  return Part{std::string_view(text.bytes).substr(begin, end - begin), begin};
}

template <bool at_end>
Result<Value> has_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  constexpr std::string_view kName = at_end ? "str.endswith" : "str.startswith";
  HEARTH_ASSIGN(const auto bound, bind(kName, arguments, {"affix", "start", "end"}, 1));
  HEARTH_ASSIGN(const Part part, part_of(runtime, self, bound[1], bound[2]));
  if (is_tuple(*bound[0])) HEARTH_TRY(runtime.budget().steps(bound[0]->items().size()));
  const std::vector<Value> affixes = is_tuple(*bound[0]) ? bound[0]->items() : std::vector{*bound[0]};
  for (const Value& affix : affixes) {
    HEARTH_ASSIGN(const std::string_view wanted, string_or(kName, &affix, ""));
    HEARTH_TRY(runtime.budget().bytes(std::min(part.text.size(), wanted.size())));
    if (part.exists && (at_end ? part.text.ends_with(wanted) : part.text.starts_with(wanted))) {
      return Value::boolean(true);
    }
  }
  return Value::boolean(false);
}

template <bool at_end>
Result<Value> remove_affix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.removeprefix", arguments, {"affix"}, 1));
  HEARTH_ASSIGN(const std::string_view affix, string_or("str.removeprefix", bound[0], ""));
  std::string_view text = self.as_string();
  if (!at_end && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (at_end && text.ends_with(affix)) text.remove_suffix(affix.size());
  return runtime.text(std::string(text), self.string_data().markup);
}

enum class Missing { kMinusOne, kError };

template <bool from_right, Missing missing>
Result<Value> find(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.find", arguments, {"sub", "start", "end"}, 1));
  HEARTH_ASSIGN(const std::string_view wanted, string_or("str.find", bound[0], ""));
  HEARTH_ASSIGN(const Part part, part_of(runtime, self, bound[1], bound[2]));
  HEARTH_TRY(runtime.budget().bytes(part.text.size()));
  size_t at = kAbsent;
  if (part.exists) {
    if (from_right) {
      HEARTH_ASSIGN(at, find_last(runtime, part.text, wanted));
    } else {
      at = find_text(part.text, wanted);
    }
  }
  if (at == kAbsent) {
    if (missing == Missing::kError) return template_error("str.index: substring not found");
    return Value::integer(-1);
  }
  HEARTH_TRY(runtime.budget().bytes(self.as_string().size()));
  return Value::integer(
      static_cast<int64_t>(length_in_code_points(self.as_string().substr(0, part.offset + at))));
}

Result<Value> count(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.count", arguments, {"sub", "start", "end"}, 1));
  HEARTH_ASSIGN(const std::string_view wanted, string_or("str.count", bound[0], ""));
  HEARTH_ASSIGN(const Part part, part_of(runtime, self, bound[1], bound[2]));
  HEARTH_TRY(runtime.budget().bytes(part.text.size()));
  if (!part.exists) return Value::integer(0);
  if (wanted.empty()) return Value::integer(static_cast<int64_t>(length_in_code_points(part.text)) + 1);
  HEARTH_ASSIGN(const auto pieces, split_from_left(runtime, part.text, wanted, -1));
  return Value::integer(static_cast<int64_t>(pieces.size()) - 1);
}

Result<Value> replace(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.replace", arguments, {"old", "new", "count"}, 2));
  HEARTH_ASSIGN(const std::string_view wanted, string_or("str.replace", bound[0], ""));
  HEARTH_ASSIGN(const std::string_view substitute, string_or("str.replace", bound[1], ""));
  HEARTH_ASSIGN(const int64_t most, integer_or("str.replace", bound[2], -1));
  HEARTH_ASSIGN(std::string text, replace_text(runtime, self.as_string(), wanted, substitute, most));
  return runtime.text(std::move(text), self.string_data().markup);
}

Result<Value> join(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.join", arguments, {"iterable"}, 1));
  HEARTH_ASSIGN(const std::vector<Value> items, iterate(runtime, *bound[0]));
  for (const Value& item : items) {
    if (!item.is_string()) return template_error("str.join: expected strings, found {}", type_name(item));
  }
  HEARTH_ASSIGN(std::string text, join_text(runtime, items, self.as_string()));
  return runtime.text(std::move(text), self.string_data().markup);
}

template <char align>
Result<Value> justify(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.ljust", arguments, {"width", "fillchar"}, 1));
  HEARTH_ASSIGN(const int64_t width, integer_or("str.ljust", bound[0], 0));
  HEARTH_ASSIGN(const std::string_view fill, string_or("str.ljust", bound[1], " "));
  if (fill.empty() || decode_utf8(fill).length_bytes != fill.size()) {
    return template_error("str.ljust: the fill character must be exactly one character long");
  }
  HEARTH_ASSIGN(std::string text, pad(runtime, self.as_string(), width, align, fill));
  return runtime.text(std::move(text), self.string_data().markup);
}

Result<Value> zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("str.zfill", arguments, {"width"}, 1));
  HEARTH_ASSIGN(const int64_t width, integer_or("str.zfill", bound[0], 0));
  std::string_view text = self.as_string();
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  const std::string sign(text.substr(0, static_cast<size_t>(has_sign)));
  text.remove_prefix(sign.size());
  if (width < 0) return self;
  HEARTH_ASSIGN(const std::string digits,
                pad(runtime, text, width - static_cast<int64_t>(sign.size()), '>', "0"));
  return runtime.text(sign + digits);
}

Result<Value> format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_ASSIGN(std::string text, format_braces(runtime, self.as_string(), arguments));
  return runtime.text(std::move(text), self.string_data().markup);
}

// str.isX of one character class: at least one character, and all in it.
template <bool (*in_class)(char32_t)>
Result<Value> all_in_class(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("str.isX", arguments));
  std::string_view rest = self.as_string();
  HEARTH_TRY(runtime.budget().characters(rest.size()));
  bool all = !rest.empty();
  while (all && !rest.empty()) {
    const DecodedCharacter c = decode_utf8(rest);
    all = c.valid && in_class(c.code_point);
    rest.remove_prefix(c.length_bytes);
  }
  return Value::boolean(all);
}

bool is_alphanumeric(char32_t c) {
  return is_alphabetic(c) || is_digit(c);
}

// str.isupper, str.islower: no character of the other case, and at least one of this.
template <bool (*wanted)(char32_t), bool (*other)(char32_t)>
Result<Value> is_cased(Runtime& runtime, const Value& self, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("str.isupper", arguments));
  HEARTH_TRY(runtime.budget().characters(self.as_string().size()));
  return Value::boolean(has_only_case(self.as_string(), wanted, other));
}

struct NamedMethod {
  std::string_view name;
  Method method;
};

constexpr auto kMethods = std::to_array<NamedMethod>({
    {"capitalize", changed<capitalize>},
    {"casefold", changed<to_lower>},
    {"center", justify<'c'>},
    {"count", count},
    {"endswith", has_affix<true>},
    {"find", find<false, Missing::kMinusOne>},
    {"format", format},
    {"index", find<false, Missing::kError>},
    {"isalnum", all_in_class<is_alphanumeric>},
    {"isalpha", all_in_class<is_alphabetic>},
    {"isdecimal", all_in_class<is_digit>},
    {"isdigit", all_in_class<is_digit>},
    {"islower", is_cased<is_lower, is_upper>},
    {"isnumeric", all_in_class<is_digit>},
    {"isspace", all_in_class<is_space>},
    {"isupper", is_cased<is_upper, is_lower>},
    {"join", join},
    {"ljust", justify<'<'>},
    {"lower", changed<to_lower>},
    {"lstrip", strip<Side::kLeft>},
    {"partition", partition<false>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"replace", replace},
    {"rfind", find<true, Missing::kMinusOne>},
    {"rindex", find<true, Missing::kError>},
    {"rjust", justify<'>'>},
    {"rpartition", partition<true>},
    {"rsplit", rsplit},
    {"rstrip", strip<Side::kRight>},
    {"split", split},
    {"splitlines", splitlines},
    {"startswith", has_affix<false>},
    {"strip", strip<Side::kBoth>},
    {"swapcase", changed<swap_case>},
    {"title", changed<title_case>},
    {"upper", changed<to_upper>},
    {"zfill", zfill},
});

}  // namespace

Method find_string_method(std::string_view name) {
  const auto at =
      std::lower_bound(kMethods.begin(), kMethods.end(), name,
                       [](const NamedMethod& method, std::string_view n) { return method.name < n; });
  return at != kMethods.end() && at->name == name ? at->method : nullptr;
}

}  // namespace hearth::text::jinja
