#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "text/chat_template/arguments.h"
#include "text/chat_template/filters.h"
#include "text/chat_template/format.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/text_operations.h"

namespace hearth::text::jinja {
namespace {

// The input of a text filter: str(value), and whether it is markup.
struct TextInput {
  std::string text;
  bool markup;
};

Result<TextInput> text_input(Runtime& runtime, const Value& input) {
  HEARTH_ASSIGN(std::string text, to_text(runtime, input));
  return TextInput{std::move(text), input.is_string() && input.string_data().markup};
}

template <std::string (*change)(std::string_view)>
Result<Value> changed(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("filter", arguments));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  HEARTH_TRY(runtime.budget().characters(in.text.size()));
  return runtime.text(change(in.text), in.markup);
}

// Unlike str.title, a word begins only behind white space or an opening bracket or hyphen.
std::string title_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t n = 0;
    const auto separates = [&] {
      const DecodedCharacter c = decode_utf8(text.substr(n));
      return is_space(c.code_point) ||
             (c.code_point < 0x80 && std::string_view("-({[<").find(text[n]) != text.npos);
    };
    while (n < text.size() && separates()) n += decode_utf8(text.substr(n)).length_bytes;
    out += text.substr(0, n);
    text.remove_prefix(n);
    n = 0;
    while (n < text.size() && !separates()) n += decode_utf8(text.substr(n)).length_bytes;
    const size_t first = n == 0 ? 0 : decode_utf8(text).length_bytes;
    out += to_upper(text.substr(0, first)) + to_lower(text.substr(first, n - first));
    text.remove_prefix(n);
  }
  return out;
}

Result<Value> string(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("string", arguments));
  if (input.is_string()) return input;
  HEARTH_ASSIGN(std::string text, to_text(runtime, input));
  return runtime.text(std::move(text));
}

Result<Value> trim(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("trim", arguments, {"chars"}));
  const bool space = bound[0] == nullptr || bound[0]->is_none();
  HEARTH_ASSIGN(const std::string_view characters, string_or("trim", space ? nullptr : bound[0], ""));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  HEARTH_ASSIGN(const std::string_view stripped,
                strip_text(runtime, in.text, !space, characters, Side::kBoth));
  return runtime.text(std::string(stripped), in.markup);
}

Result<Value> replace(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("replace", arguments, {"old", "new", "count"}, 2));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  HEARTH_ASSIGN(const TextInput wanted, text_input(runtime, *bound[0]));
  HEARTH_ASSIGN(const TextInput substitute, text_input(runtime, *bound[1]));
  const bool all = bound[2] == nullptr || bound[2]->is_none();
  HEARTH_ASSIGN(const int64_t most, integer_or("replace", all ? nullptr : bound[2], -1));
  HEARTH_ASSIGN(std::string text, replace_text(runtime, in.text, wanted.text, substitute.text, most));
  return runtime.text(std::move(text));
}

Result<Value> center(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("center", arguments, {"width"}));
  HEARTH_ASSIGN(const int64_t width, integer_or("center", bound[0], 80));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  HEARTH_ASSIGN(std::string text, pad(runtime, in.text, width, 'c', " "));
  return runtime.text(std::move(text), in.markup);
}

Result<std::string> indentation(Runtime& runtime, std::string_view callee, const Value* width,
                                int64_t fallback) {
  if (width != nullptr && width->is_string()) return std::string(width->as_string());
  HEARTH_ASSIGN(const int64_t n, integer_or(callee, width, fallback));
  return pad(runtime, "", n, '<', " ");
}

Result<Value> indent(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("indent", arguments, {"width", "first", "blank"}));
  HEARTH_ASSIGN(const std::string_view text, string_or("indent", &input, ""));
  HEARTH_ASSIGN(const std::string prefix, indentation(runtime, "indent", bound[0], 4));
  // The newline at the end keeps a last line that is empty.
  HEARTH_TRY(runtime.budget().bytes(text.size()));
  const std::string terminated = std::string(text) + "\n";
  HEARTH_ASSIGN(const auto lines, split_lines(runtime, terminated, false));
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool indents = i == 0 ? flag_or(bound[1], false) : !lines[i].empty() || flag_or(bound[2], false);
    HEARTH_TRY(runtime.budget().bytes(prefix.size() + lines[i].size()));
    if (i > 0) out += "\n";
    if (indents) out += prefix;
    out += lines[i];
  }
  return runtime.text(std::move(out), input.string_data().markup);
}

Result<Value> truncate(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound, bind("truncate", arguments, {"length", "killwords", "end", "leeway"}));
  HEARTH_ASSIGN(const int64_t most, integer_or("truncate", bound[0], 255));
  HEARTH_ASSIGN(const std::string_view end, string_or("truncate", bound[2], "..."));
  HEARTH_ASSIGN(const int64_t leeway, integer_or("truncate", bound[3], 5));
  const auto end_length = static_cast<int64_t>(length_in_code_points(end));
  if (most < end_length || leeway < 0) {
    return template_error("truncate: expected a length of at least {} and a leeway of at least 0",
                          end_length);
  }
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  const StringData text(in.text);
  const auto length = static_cast<int64_t>(length_in_code_points(text));
  if (length - leeway <= most) return runtime.text(in.text, in.markup);
  std::string kept = in.text.substr(0, byte_offset(text, static_cast<size_t>(most - end_length)));
  if (!flag_or(bound[1], false)) kept = kept.substr(0, kept.rfind(' '));
  return runtime.text(kept + std::string(end), in.markup);
}

Result<Value> wordcount(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("wordcount", arguments));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  HEARTH_TRY(runtime.budget().characters(in.text.size()));
  std::string_view rest = in.text;
  int64_t count = 0;
  for (bool in_word = false; !rest.empty();) {
    const DecodedCharacter c = decode_utf8(rest);
    const bool word = c.code_point == '_' || is_alphabetic(c.code_point) || is_digit(c.code_point);
    count += static_cast<int64_t>(word && !in_word);
    in_word = word;
    rest.remove_prefix(c.length_bytes);
  }
  return Value::integer(count);
}

Result<Value> safe(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("safe", arguments));
  HEARTH_ASSIGN(std::string text, to_text(runtime, input));
  return runtime.text(std::move(text), true);
}

template <bool again>
Result<Value> escape(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("escape", arguments));
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  if (in.markup && !again) return input;
  HEARTH_TRY(runtime.budget().bytes(5 * in.text.size()));
  return runtime.text(escape_html(in.text), true);
}

Result<Value> format(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
  if (!arguments.named.empty() && !arguments.positional.empty()) {
    return template_error("format: positional and keyword arguments at the same time");
  }
  Value values = tuple(arguments.positional);
  if (!arguments.named.empty()) values = Value::dict(arguments.named);
  HEARTH_ASSIGN(std::string text, format_percent(runtime, in.text, values));
  return runtime.text(std::move(text), in.markup);
}

// Percent-encodes what may not stand in a URL's path, or with `in_query` in its query.
std::string quote_url(std::string_view text, bool in_query) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !in_query);
    if (plain) {
      out.push_back(c);
    } else if (c == ' ' && in_query) {
      out.push_back('+');
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Result<Value> urlencode(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("urlencode", arguments));
  if (!input.is_dict()) {
    HEARTH_ASSIGN(const TextInput in, text_input(runtime, input));
    HEARTH_TRY(runtime.budget().bytes(3 * in.text.size()));
    return runtime.text(quote_url(in.text, false));
  }
  std::string out;
  for (const auto& [key, value] : input.dict_data().entries) {
    HEARTH_ASSIGN(const std::string key_text, to_text(runtime, key));
    HEARTH_ASSIGN(const std::string value_text, to_text(runtime, value));
    HEARTH_TRY(runtime.budget().bytes(3 * (key_text.size() + value_text.size())));
    out += (out.empty() ? "" : "&") + quote_url(key_text, true) + "=" + quote_url(value_text, true);
  }
  return runtime.text(std::move(out));
}

Result<Value> tojson(Runtime& runtime, const Value& input, const Arguments& arguments) {
  HEARTH_ASSIGN(const auto bound,
                bind("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"}));
  JsonStyle style;
  style.ensure_ascii = flag_or(bound[0], false);
  style.sort_keys = flag_or(bound[3], false);
  if (bound[1] != nullptr && !bound[1]->is_none()) {
    HEARTH_ASSIGN(style.indent, indentation(runtime, "tojson", bound[1], 0));
    style.item_separator = ",";
  }
  if (bound[2] != nullptr && !bound[2]->is_none()) {
    const bool is_pair = (is_tuple(*bound[2]) || is_list(*bound[2])) && bound[2]->items().size() == 2;
    if (!is_pair) return template_error("tojson: expected two separators");
    HEARTH_ASSIGN(style.item_separator, string_or("tojson", &bound[2]->items()[0], ""));
    HEARTH_ASSIGN(style.key_separator, string_or("tojson", &bound[2]->items()[1], ""));
  }
  HEARTH_ASSIGN(std::string text, to_json(runtime, input, style));
  return runtime.text(std::move(text));
}

constexpr auto kFilters = std::to_array<NamedFilter>({
    {"capitalize", changed<capitalize>},
    {"center", center},
    {"e", escape<false>},
    {"escape", escape<false>},
    {"forceescape", escape<true>},
    {"format", format},
    {"indent", indent},
    {"lower", changed<to_lower>},
    {"replace", replace},
    {"safe", safe},
    {"string", string},
    {"title", changed<title_words>},
    {"tojson", tojson},
    {"trim", trim},
    {"truncate", truncate},
    {"upper", changed<to_upper>},
    {"urlencode", urlencode},
    {"wordcount", wordcount},
});

}  // namespace

FilterFunction find_text_filter(std::string_view name) {
  for (const NamedFilter& each : kFilters) {
    if (each.name == name) return each.function;
  }
  return nullptr;
}

}  // namespace hearth::text::jinja
