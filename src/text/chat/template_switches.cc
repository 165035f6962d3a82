#include "text/chat/template_switches.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <utility>

#include "text/chat/ollama_template.h"
#include "text/chat/reasoning.h"
#include "text/chat/template_language.h"
#include "text/chat_template/lexer.h"

namespace hearth::text {
namespace {

using jinja::Token;
using jinja::TokenKind;

constexpr std::array<std::string_view, 4> kYesOrNo{"enable_thinking", "thinking", "reasoning",
                                                   "add_thoughts"};
constexpr std::string_view kEffort = "reasoning_effort";
constexpr std::string_view kBudget = "thinking_budget";

std::vector<Token> tokens_of(std::string_view source) {
  auto tokens = jinja::tokenize(source);
  return tokens ? std::move(*tokens) : std::vector<Token>();
}

bool is_operator(const Token& token, std::string_view text) {
  return token.kind == TokenKind::kOperator && token.text == text;
}

bool is_name(const Token& token, std::string_view text) {
  return token.kind == TokenKind::kName && token.text == text;
}

using Names = std::set<std::string, std::less<>>;

Names literals_of(const std::vector<Token>& tokens) {
  Names literals;
  for (const Token& token : tokens) {
    if (token.kind == TokenKind::kLiteral && token.value.is_string())
      literals.emplace(token.value.as_string());
  }
  return literals;
}

// The word that a template has for this much thinking; nothing: its own choice will do.
std::optional<std::string> effort_word(const std::vector<Token>& tokens, bool enabled,
                                       std::string_view effort) {
  const auto known = literals_of(tokens);
  if (!enabled) {
    for (const char* word : {"none", "minimal"}) {
      if (known.contains(word)) return word;
    }
    return "low";
  }
  // A template that says "none" may say it by itself, and may refuse words that it does not name.
  const bool is_choosy = known.contains("none");
  if (!effort.empty() && (!is_choosy || known.contains(effort))) return std::string(effort);
  if (is_choosy) return "high";
  return std::nullopt;
}

// Words of the language are among them.
Names names_read(const std::vector<Token>& tokens) {
  Names read;
  // Names that the template sets itself, of the whole text and of each condition around this place: what is
  // set under one may come from the context behind it.
  std::vector<Names> own(1);
  Names set_here;  // take effect behind the tag
  for (size_t i = 1; i + 1 < tokens.size(); ++i) {
    const Token& token = tokens[i];
    const Token& before = tokens[i - 1];
    if (token.kind == TokenKind::kBlockEnd) own.back().merge(std::exchange(set_here, {}));
    if (token.kind != TokenKind::kName) continue;
    if (before.kind == TokenKind::kBlockBegin) {
      if (own.size() > 1 && (token.text == "elif" || token.text == "else")) own.back().clear();
      if (own.size() > 1 && token.text == "endif") own.pop_back();
      if (token.text == "if") own.emplace_back();
      continue;
    }
    const bool is_named_argument = is_operator(tokens[i + 1], "=");
    if (is_name(before, "set") || is_name(before, "for") || is_name(before, "macro")) {
      // `set a.b = ...` changes an object that exists.
      if (!is_operator(tokens[i + 1], ".")) set_here.insert(token.text);
    } else if (!is_operator(before, ".") && !is_named_argument) {
      const auto sets_it = [&](const Names& names) { return names.contains(token.text); };
      if (std::none_of(own.begin(), own.end(), sets_it)) read.insert(token.text);
    }
  }
  return read;
}

// Whether a template in Go's language names one of these fields.
bool names_any_of(std::string_view go_source, std::initializer_list<std::string_view> fields) {
  const auto parsed = OllamaTemplate::parse(go_source, "template");
  return parsed && std::ranges::any_of(fields, [&](std::string_view field) { return parsed->names(field); });
}

std::vector<std::pair<std::string, Value>> go_think_switches(std::string_view source, bool enabled,
                                                             std::string_view effort) {
  if (!names_any_of(source, {"think", "thinklevel", "isthinkset"})) return {};
  const std::string_view level = !enabled ? "" : effort.empty() ? "medium" : effort;
  return {{"think", Value::boolean(enabled)}, {"think_level", Value::string(std::string(level))}};
}

}  // namespace

bool template_knows_suffix(std::string_view template_source) {
  return template_source.find(is_go_template(template_source) ? ".Suffix" : "suffix") !=
         std::string_view::npos;
}

bool template_knows_tools(std::string_view template_source) {
  if (is_go_template(template_source)) return names_any_of(template_source, {"tools"});
  return names_read(tokens_of(template_source)).contains("tools");
}

bool template_knows_thinking(std::string_view template_source) {
  return find_reasoning_format(template_source) || !think_switches(template_source, true, "high").empty();
}

std::vector<std::pair<std::string, Value>> think_switches(std::string_view template_source, bool enabled,
                                                          std::string_view effort) {
  if (is_go_template(template_source)) return go_think_switches(template_source, enabled, effort);
  const std::vector<Token> tokens = tokens_of(template_source);
  const Names read = names_read(tokens);
  std::vector<std::pair<std::string, Value>> switches;
  for (const std::string_view name : kYesOrNo) {
    if (read.contains(name)) switches.emplace_back(name, Value::boolean(enabled));
  }
  if (read.contains(kEffort)) {
    if (auto word = effort_word(tokens, enabled, effort))
      switches.emplace_back(kEffort, Value::string(std::move(*word)));
  }
  if (read.contains(kBudget) && !enabled) switches.emplace_back(kBudget, Value::integer(0));
  return switches;
}

}  // namespace hearth::text
