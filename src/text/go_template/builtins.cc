#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/chat_template/unicode.h"
#include "text/go_template/functions.h"
#include "text/go_template/printing.h"

namespace hearth::text::go_template {
namespace {

using Kind = Value::Kind;
using Arguments = std::span<const Value>;

Result<size_t> index_of(const Value& index, size_t most) {
  if (index.is_nothing()) return execution_error("cannot index slice/array with nil");
  if (!index.is(Kind::kInt) && !index.is(Kind::kByte))
    return execution_error("cannot index slice/array with type {}", type_name(index));
  const int64_t number = index.is(Kind::kInt) ? index.as_int() : index.as_byte();
  if (number < 0 || static_cast<uint64_t>(number) > most)
    return execution_error("index out of range: {}", number);
  return static_cast<size_t>(number);
}

Result<Value> element_of(const Value& item, const Value& index) {
  if (item.is_nothing()) return execution_error("index of nil pointer");
  if (item.is(Kind::kMap)) {
    if (!index.is(Kind::kString))
      return execution_error("value has type {}; should be string", type_name(index));
    const Map& map = item.as_map();
    const Value* found = map.find(index.as_string());
    return found != nullptr ? *found : map.missing;
  }
  if (item.is(Kind::kString)) {
    const std::string& text = item.as_string();
    HEARTH_ASSIGN(const size_t at, index_of(index, text.size()));
    if (at == text.size()) return execution_error("index out of range: {}", at);
    return Value::byte(static_cast<uint8_t>(text[at]));
  }
  if (!item.is(Kind::kList)) return execution_error("can't index item of type {}", type_name(item));
  const std::vector<Value>& items = item.as_list().items;
  HEARTH_ASSIGN(const size_t at, index_of(index, items.size()));
  if (at == items.size()) return execution_error("index out of range: {}", at);
  return items[at];
}

Result<Value> index(Environment& /*environment*/, Arguments arguments) {
  Value item = arguments[0];
  if (item.is_nothing()) return execution_error("index of untyped nil");
  for (const Value& index : arguments.subspan(1)) {
    HEARTH_ASSIGN(item, element_of(item, index));
  }
  return item;
}

Result<Value> slice(Environment& environment, Arguments arguments) {
  const Value& item = arguments[0];
  if (item.is_nothing()) return execution_error("slice of untyped nil");
  if (arguments.size() > 4) return execution_error("too many slice indexes: {}", arguments.size() - 1);
  const bool is_text = item.is(Kind::kString);
  if (is_text && arguments.size() == 4) return execution_error("cannot 3-index slice a string");
  if (!is_text && !item.is(Kind::kList))
    return execution_error("can't slice item of type {}", type_name(item));
  const size_t length = is_text ? item.as_string().size() : item.as_list().items.size();
  std::array<size_t, 3> bounds{0, length, length};
  for (size_t i = 1; i < arguments.size(); ++i) {
    HEARTH_ASSIGN(bounds[i - 1], index_of(arguments[i], length));
  }
  const auto [begin, end, capacity] = bounds;
  if (begin > end) return execution_error("invalid slice index: {} > {}", begin, end);
  if (end > capacity) return execution_error("invalid slice index: {} > {}", end, capacity);
  if (is_text) {
    HEARTH_TRY(environment.budget.bytes(end - begin));
    return Value::string(item.as_string().substr(begin, end - begin));
  }
  HEARTH_TRY(environment.budget.elements(end - begin));
  const List& list = item.as_list();
  List part{.type = list.type, .string_method = list.string_method};
  part.items.assign(list.items.begin() + static_cast<std::ptrdiff_t>(begin),
                    list.items.begin() + static_cast<std::ptrdiff_t>(end));
  return Value::list(std::move(part));
}

Result<Value> len(Environment& /*environment*/, Arguments arguments) {
  const Value& item = arguments[0];
  switch (item.kind()) {
    case Kind::kString:
      return Value::integer(static_cast<int64_t>(item.as_string().size()));
    case Kind::kList:
      return Value::integer(static_cast<int64_t>(item.as_list().items.size()));
    case Kind::kMap:
      return Value::integer(static_cast<int64_t>(item.as_map().entries.size()));
    default:
      return item.is_nothing() ? execution_error("len of nil pointer")
                               : execution_error("len of type {}", type_name(item));
  }
}

// There are no functions among the values of a template.
Result<Value> call(Environment& /*environment*/, Arguments arguments) {
  if (arguments[0].is_nothing()) return execution_error("call of nil");
  return execution_error("non-function of type {}", type_name(arguments[0]));
}

Result<Value> negation(Environment& /*environment*/, Arguments arguments) {
  return Value::boolean(!is_true(arguments[0]));
}

// --- Comparisons
// --------------------------------------------------------------------------------------------

bool is_integer(const Value& value) {
  return value.is(Kind::kInt) || value.is(Kind::kByte);
}

bool is_basic(const Value& value) {
  return is_integer(value) || value.is(Kind::kBool) || value.is(Kind::kFloat) || value.is(Kind::kString);
}

int64_t integer_of(const Value& value) {
  return value.is(Kind::kInt) ? value.as_int() : value.as_byte();
}

bool is_nil(const Value& value) {
  return value.is_nothing() || (value.is(Kind::kList) && value.as_list().is_nil) ||
         (value.is(Kind::kMap) && value.as_map().is_nil);
}

// Both are nothing, lists, maps or structs.
Result<bool> are_equal_composites(const Value& a, const Value& b) {
  if (!a.is_nothing() && !b.is_nothing() && a.kind() != b.kind())
    return execution_error("non-comparable types {} and {}", type_name(a), type_name(b));
  if (is_nil(a) || is_nil(b)) return is_nil(a) == is_nil(b);
  if (!b.is(Kind::kRecord) || !b.as_record().is_pointer)
    return execution_error("non-comparable type {}", type_name(b));
  return &a.as_record() == &b.as_record();
}

Result<bool> are_equal(const Value& a, const Value& b) {
  if (is_integer(a) && is_integer(b)) return integer_of(a) == integer_of(b);
  if (a.kind() == b.kind() && is_basic(a)) {
    switch (a.kind()) {
      case Kind::kBool:
        return a.as_bool() == b.as_bool();
      case Kind::kFloat:
        return a.as_float() == b.as_float();
      default:
        return a.as_string() == b.as_string();
    }
  }
  if (!is_basic(a) && !is_basic(b)) return are_equal_composites(a, b);
  if (a.is_nothing() || b.is_nothing()) return false;
  return execution_error("incompatible types for comparison: {} and {}", type_name(a), type_name(b));
}

// Both as long as the longer one costs that much to compare.
Result<void> pay(Environment& environment, const Value& a, const Value& b) {
  if (!a.is(Kind::kString) || !b.is(Kind::kString)) return {};
  return environment.budget.bytes(std::min(a.as_string().size(), b.as_string().size()));
}

Result<Value> eq(Environment& environment, Arguments arguments) {
  if (arguments.size() == 1) return execution_error("missing argument for comparison");
  for (const Value& other : arguments.subspan(1)) {
    HEARTH_TRY(pay(environment, arguments[0], other));
    HEARTH_ASSIGN(const bool equal, are_equal(arguments[0], other));
    if (equal) return Value::boolean(true);
  }
  return Value::boolean(false);
}

Result<Value> ne(Environment& environment, Arguments arguments) {
  HEARTH_TRY(pay(environment, arguments[0], arguments[1]));
  HEARTH_ASSIGN(const bool equal, are_equal(arguments[0], arguments[1]));
  return Value::boolean(!equal);
}

Result<bool> is_less(Environment& environment, const Value& a, const Value& b) {
  HEARTH_TRY(pay(environment, a, b));
  for (const Value* value : {&a, &b}) {
    if (!is_basic(*value)) return execution_error("invalid type for comparison: {}", type_name(*value));
  }
  if (is_integer(a) && is_integer(b)) return integer_of(a) < integer_of(b);
  if (a.kind() != b.kind())
    return execution_error("incompatible types for comparison: {} and {}", type_name(a), type_name(b));
  if (a.is(Kind::kBool)) return execution_error("invalid type for comparison: bool");
  return a.is(Kind::kFloat) ? a.as_float() < b.as_float() : a.as_string() < b.as_string();
}

Result<Value> lt(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const bool less, is_less(environment, arguments[0], arguments[1]));
  return Value::boolean(less);
}

Result<bool> is_at_most(Environment& environment, const Value& a, const Value& b) {
  HEARTH_ASSIGN(const bool less, is_less(environment, a, b));
  if (less) return true;
  return are_equal(a, b);
}

Result<Value> le(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const bool at_most, is_at_most(environment, arguments[0], arguments[1]));
  return Value::boolean(at_most);
}

Result<Value> gt(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const bool at_most, is_at_most(environment, arguments[0], arguments[1]));
  return Value::boolean(!at_most);
}

Result<Value> ge(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const bool less, is_less(environment, arguments[0], arguments[1]));
  return Value::boolean(!less);
}

// --- Text
// ---------------------------------------------------------------------------------------------------

Result<Value> print(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(std::string text, sprint(arguments, environment.budget));
  return Value::string(std::move(text));
}

Result<Value> println(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(std::string text, sprintln(arguments, environment.budget));
  return Value::string(std::move(text));
}

Result<Value> printf(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(std::string text,
                sprintf(arguments[0].as_string(), arguments.subspan(1), environment.budget));
  return Value::string(std::move(text));
}

// What the escaping functions make one text of.
Result<std::string> text_of(Environment& environment, Arguments arguments) {
  std::vector<Value> shown;
  for (const Value& value : arguments) {
    const bool is_pointer = value.is(Kind::kRecord) && value.as_record().is_pointer;
    if (!value.is_nothing() && !is_pointer) {
      shown.push_back(value);
      continue;
    }
    HEARTH_ASSIGN(std::string text, printed(value, environment.budget));
    shown.push_back(Value::string(std::move(text)));
  }
  HEARTH_ASSIGN(std::string text, sprint(shown, environment.budget));
  HEARTH_TRY(environment.budget.characters(text.size()));
  return text;
}

// `replacement(character, its bytes)` is appended for each.
template <typename Replace>
Value replaced(std::string_view text, const Replace& replacement) {
  std::string out;
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    out += replacement(c, text.substr(0, c.length_bytes));
    text.remove_prefix(c.length_bytes);
  }
  return Value::string(std::move(out));
}

Result<Value> html(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const std::string text, text_of(environment, arguments));
  return replaced(text, [](const DecodedCharacter&, std::string_view bytes) -> std::string {
    switch (bytes.front()) {
      case '\0':
        return "\xEF\xBF\xBD";
      case '"':
        return "&#34;";
      case '\'':
        return "&#39;";
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      default:
        return std::string(bytes);
    }
  });
}

Result<Value> js(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const std::string text, text_of(environment, arguments));
  return replaced(text, [](const DecodedCharacter& c, std::string_view bytes) -> std::string {
    const char first = bytes.front();
    if (first == '\\' || first == '\'' || first == '"') return {'\\', first};
    if (c.code_point < ' ' || std::string_view("<>&=").find(first) != std::string_view::npos)
      return fmt::format("\\u{:04X}", static_cast<uint32_t>(c.code_point));
    if (c.code_point >= 0x80 && c.valid && !jinja::is_printable(c.code_point))
      return fmt::format("\\u{:04X}", static_cast<uint32_t>(c.code_point));
    return std::string(bytes);
  });
}

Result<Value> urlquery(Environment& environment, Arguments arguments) {
  HEARTH_ASSIGN(const std::string text, text_of(environment, arguments));
  std::string out;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter || std::string_view("-_.~").find(c) != std::string_view::npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
    }
  }
  return Value::string(std::move(out));
}

constexpr std::array kBuiltins{
    Function{.name = "call", .least = 1, .call = call},
    Function{.name = "html", .call = html},
    Function{.name = "index", .least = 1, .call = index},
    Function{.name = "slice", .least = 1, .call = slice},
    Function{.name = "js", .call = js},
    Function{.name = "len", .least = 1, .most = 1, .call = len},
    Function{.name = "not", .least = 1, .most = 1, .call = negation},
    Function{.name = "print", .call = print},
    Function{.name = "printf", .least = 1, .n_strings = 1, .call = printf},
    Function{.name = "println", .call = println},
    Function{.name = "urlquery", .call = urlquery},
    Function{.name = "eq", .least = 1, .call = eq},
    Function{.name = "ge", .least = 2, .most = 2, .call = ge},
    Function{.name = "gt", .least = 2, .most = 2, .call = gt},
    Function{.name = "le", .least = 2, .most = 2, .call = le},
    Function{.name = "lt", .least = 2, .most = 2, .call = lt},
    Function{.name = "ne", .least = 2, .most = 2, .call = ne},
};

}  // namespace

std::span<const Function> builtin_functions() {
  return kBuiltins;
}

}  // namespace hearth::text::go_template
