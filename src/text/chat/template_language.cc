#include "text/chat/template_language.h"

#include <algorithm>
#include <array>

namespace hearth::text {

bool is_go_template(std::string_view source) {
  static constexpr std::array<std::string_view, 9> kWords{"if ",   "range ", "else",     "end",   "with ",
                                                          "block", "define", "template", "slice "};
  for (size_t at = source.find("{{"); at != std::string_view::npos; at = source.find("{{", at + 2)) {
    std::string_view action = source.substr(at + 2);
    action.remove_prefix(std::min(action.find_first_not_of("- \t\r\n"), action.size()));
    const bool is_word = std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
      return action.starts_with(word) &&
             (word.back() == ' ' || action.substr(word.size()).find_first_of(" -}") == 0);
    });
    if (is_word || action.starts_with('.') || action.starts_with('$')) return true;
  }
  return false;
}

bool is_jinja_template(std::string_view source) {
  const bool has_statement = source.find("{%") != std::string_view::npos;
  return has_statement || (source.find("{{") != std::string_view::npos && !is_go_template(source));
}

}  // namespace hearth::text
