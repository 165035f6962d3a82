#include "text/chat/template_language.h"

#include <algorithm>
#include <array>

namespace hearth::text {
namespace {

bool has_jinja_statement(std::string_view source) {
  return source.find("{%") != std::string_view::npos;
}

// An action behind its {{.
bool begins_as_in_go(std::string_view action) {
  static constexpr std::array<std::string_view, 9> kWords{"if ",   "range ", "else",     "end",   "with ",
                                                          "block", "define", "template", "slice "};
  // Jinja has neither a value nor a dot right behind a name.
  static constexpr std::array<std::string_view, 13> kFunctions{
      "json", "print", "printf", "println", "len", "index",           "html",
      "eq",   "ne",    "and",    "or",      "not", "toTypeScriptType"};
  if (action.starts_with('.') || action.starts_with('$') || action.starts_with("/*")) return true;
  const bool is_word = std::ranges::any_of(kWords, [&](std::string_view word) {
    return action.starts_with(word) &&
           (word.back() == ' ' || action.substr(word.size()).find_first_of(" -}") == 0);
  });
  const bool is_date = action.starts_with("currentDate") || action.starts_with("yesterdayDate");
  const bool is_call = std::ranges::any_of(kFunctions, [&](std::string_view name) {
    if (!action.starts_with(name)) return false;
    const size_t behind = action.find_first_not_of(" \t\r\n", name.size());
    return behind != std::string_view::npos && behind > name.size() &&
           std::string_view(".$\"`").find(action[behind]) != std::string_view::npos;
  });
  return is_word || is_date || (is_call && !action.starts_with("not \""));
}

}  // namespace

bool is_go_template(std::string_view source) {
  if (has_jinja_statement(source)) return false;
  for (size_t at = source.find("{{"); at != std::string_view::npos; at = source.find("{{", at + 2)) {
    std::string_view action = source.substr(at + 2);
    action.remove_prefix(std::min(action.find_first_not_of("- \t\r\n"), action.size()));
    if (begins_as_in_go(action)) return true;
  }
  return false;
}

bool is_jinja_template(std::string_view source) {
  return has_jinja_statement(source) ||
         (source.find("{{") != std::string_view::npos && !is_go_template(source));
}

bool is_template(std::string_view source) {
  return is_go_template(source) || is_jinja_template(source);
}

}  // namespace hearth::text
