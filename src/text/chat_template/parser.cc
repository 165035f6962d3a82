#include "text/chat_template/parser.h"

#include <algorithm>

#include "text/chat_template/limits.h"

namespace hearth::text::jinja {
namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_constant(std::string_view name) {
  return is_one_of(name, {"true", "false", "none", "True", "False", "None"});
}

}  // namespace

Token Parser::take() {
  Token token = std::move(tokens_[at_]);
  if (at_ + 1 < tokens_.size()) {
    ++at_;
  } else {
    tokens_[at_] = {TokenKind::kEnd, token.line, {}, {}};
  }
  return token;
}

bool Parser::is_operator(std::string_view text) const {
  return current().kind == TokenKind::kOperator && current().text == text;
}

bool Parser::is_name(std::string_view text) const {
  return current().kind == TokenKind::kName && current().text == text;
}

bool Parser::take_operator(std::string_view text) {
  return is_operator(text) && (take(), true);
}

bool Parser::take_name(std::string_view text) {
  return is_name(text) && (take(), true);
}

Result<void> Parser::expect_operator(std::string_view text) {
  if (take_operator(text)) return {};
  return unexpected(fmt::format("'{}'", text));
}

Result<std::string> Parser::expect_name() {
  if (current().kind == TokenKind::kName) return take().text;
  return unexpected("a name");
}

Error Parser::error(std::string_view message) const {
  return make_error(ErrorCode::kMalformed, "{}: {}", current().line, message);
}

Error Parser::unexpected(std::string_view expected) const {
  const auto describe = [&]() -> std::string {
    switch (current().kind) {
      case TokenKind::kText:
        return "text";
      case TokenKind::kOutputBegin:
        return "'{{'";
      case TokenKind::kOutputEnd:
        return "'}}'";
      case TokenKind::kBlockBegin:
        return "'{%'";
      case TokenKind::kBlockEnd:
        return "'%}'";
      case TokenKind::kName:
      case TokenKind::kOperator:
        return "'" + shortened(current().text) + "'";
      case TokenKind::kLiteral:
        return "a " + std::string(current().value.is_string() ? "string" : "number");
      case TokenKind::kEnd:
        return "the end of the template";
    }
    return "";
  };
  return error(fmt::format("expected {}, found {}", expected, describe()));
}

Result<void> Parser::enter() {
  if (depth_ <= kMaxDepth) return {};
  return make_error(ErrorCode::kResourceExhausted, "{}: nested more than {} deep", current().line, kMaxDepth);
}

NameId Parser::name_id(const std::string& text) {
  const auto [at, added] = ids_.try_emplace(text, static_cast<NameId>(names_.size()));
  if (added) names_.push_back(text);
  return at->second;
}

Result<Template> Parser::run(std::string name) {
  HEARTH_ASSIGN(Body all, body({}));
  if (current().kind != TokenKind::kEnd) return unexpected("the end of the template");
  if (unknown_) return *unknown_;
  return Template{std::move(name), std::move(names_), std::move(all)};
}

Result<Body> Parser::body(Ends ends) {
  const Raised nesting(depth_);
  HEARTH_TRY(enter());
  Body out;
  while (current().kind != TokenKind::kEnd) {
    const bool ends_here = current().kind == TokenKind::kBlockBegin && next().kind == TokenKind::kName &&
                           is_one_of(next().text, ends);
    if (ends_here) {
      take();
      return out;
    }
    HEARTH_TRY(statement(out));
  }
  if (ends.size() > 0) return unexpected(fmt::format("{{% {} %}}", *(ends.end() - 1)));
  return out;
}

Result<void> Parser::statement(Body& out) {
  const Token token = take();
  if (token.kind == TokenKind::kText) {
    out.push_back({Text{token.text}, token.line});
    return {};
  }
  if (token.kind == TokenKind::kOutputBegin) {
    HEARTH_ASSIGN(ExpressionPtr value, tuple_or_expression(Conditionals::kAllowed));
    if (current().kind != TokenKind::kOutputEnd) return unexpected("'}}'");
    take();
    Output output;
    output.values.push_back(std::move(value));
    out.push_back({std::move(output), token.line});
    return {};
  }
  HEARTH_ASSIGN(const std::string name, expect_name());
  HEARTH_ASSIGN(Statement made, tag(name));
  made.line = token.line;
  out.push_back(std::move(made));
  return block_end();
}

Result<void> Parser::block_end() {
  if (current().kind != TokenKind::kBlockEnd) return unexpected("'%}'");
  take();
  return {};
}

Result<Statement> Parser::tag(std::string_view name) {
  if (name == "if") return if_tag();
  if (name == "for") return for_tag();
  if (name == "set") return set_tag();
  if (name == "with") return with_tag();
  if (name == "macro") return macro_tag();
  if (name == "call") return call_tag();
  if (name == "filter") return filter_tag();
  if (name == "generation") return generation_tag();
  if (name == "print") return print_tag();
  if (name == "break" || name == "continue") return loop_control(name);
  if (name == "do") {
    HEARTH_ASSIGN(ExpressionPtr value, tuple_or_expression(Conditionals::kAllowed));
    return Statement{Evaluate{std::move(value)}, 0};
  }
  if (is_one_of(name, {"include", "import", "from", "extends", "block"})) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: a chat template stands alone: {{% {} %}} reaches other templates", current().line,
                      name);
  }
  return error(fmt::format("unknown tag '{}'", shortened(name)));
}

// The body up to {% end %}, that tag's name included.
Result<Body> Parser::closed_body(std::string_view end) {
  HEARTH_TRY(block_end());
  HEARTH_ASSIGN(Body inside, body({end}));
  take();
  return inside;
}

Result<Statement> Parser::if_tag() {
  const Raised condition(n_conditions_);
  If made;
  while (true) {
    HEARTH_ASSIGN(ExpressionPtr test, tuple_or_expression(Conditionals::kRefused));
    HEARTH_TRY(block_end());
    HEARTH_ASSIGN(Body then, body({"elif", "else", "endif"}));
    made.branches.emplace_back(std::move(test), std::move(then));
    if (!take_name("elif")) break;
  }
  if (take_name("else")) {
    HEARTH_TRY(block_end());
    HEARTH_ASSIGN(made.otherwise, body({"endif"}));
  }
  take();
  return Statement{std::move(made), 0};
}

Result<Statement> Parser::for_tag() {
  For made;
  HEARTH_ASSIGN(made.target, target(true));
  if (!take_name("in")) return unexpected("'in'");
  HEARTH_ASSIGN(made.iterable, tuple_or_expression(Conditionals::kRefused));
  if (take_name("if")) {
    HEARTH_ASSIGN(made.condition, expression());
  }
  made.recursive = take_name("recursive");
  HEARTH_TRY(block_end());
  const size_t references_before = references_.loop;
  {
    const Raised loop(n_loops_);
    HEARTH_ASSIGN(made.body, body({"else", "endfor"}));
  }
  made.uses_loop = made.recursive || references_.loop != references_before;
  if (take_name("else")) {
    HEARTH_TRY(block_end());
    HEARTH_ASSIGN(made.otherwise, body({"endfor"}));
  }
  take();
  return Statement{std::move(made), 0};
}

Result<Statement> Parser::set_tag() {
  HEARTH_ASSIGN(Target assigned, target(true));
  if (take_operator("=")) {
    HEARTH_ASSIGN(ExpressionPtr value, tuple_or_expression(Conditionals::kAllowed));
    return Statement{Set{std::move(assigned), std::move(value)}, 0};
  }
  SetBlock made{std::move(assigned), nullptr, {}};
  if (take_operator("|")) {
    HEARTH_ASSIGN(made.filter, filter_chain(nullptr));
  }
  HEARTH_ASSIGN(made.body, closed_body("endset"));
  return Statement{std::move(made), 0};
}

Result<Statement> Parser::with_tag() {
  With made;
  while (current().kind != TokenKind::kBlockEnd) {
    if (!made.bindings.empty()) HEARTH_TRY(expect_operator(","));
    HEARTH_ASSIGN(Target assigned, target(false));
    HEARTH_TRY(expect_operator("="));
    HEARTH_ASSIGN(ExpressionPtr value, expression());
    made.bindings.emplace_back(std::move(assigned), std::move(value));
  }
  HEARTH_ASSIGN(made.body, closed_body("endwith"));
  return Statement{std::move(made), 0};
}

Result<std::vector<Parameter>> Parser::parameters() {
  std::vector<Parameter> all;
  HEARTH_TRY(expect_operator("("));
  while (!is_operator(")")) {
    if (!all.empty()) HEARTH_TRY(expect_operator(","));
    if (current().kind == TokenKind::kName && is_constant(current().text)) return unexpected("a parameter");
    HEARTH_ASSIGN(const std::string name, expect_name());
    Parameter made{name_id(name), nullptr};
    if (take_operator("=")) {
      HEARTH_ASSIGN(made.fallback, expression());
    } else if (!all.empty() && all.back().fallback != nullptr) {
      return error("a parameter without a default follows one with a default");
    }
    all.push_back(std::move(made));
  }
  take();
  return all;
}

Result<void> Parser::macro_body(MacroDefinition& macro, std::string_view end) {
  const References before = references_;
  const size_t loops_outside = std::exchange(n_loops_, 0);
  HEARTH_ASSIGN(macro.body, closed_body(end));
  n_loops_ = loops_outside;
  macro.uses_varargs = references_.varargs != before.varargs;
  macro.uses_kwargs = references_.kwargs != before.kwargs;
  macro.uses_caller = references_.caller != before.caller;
  return {};
}

Result<Statement> Parser::macro_tag() {
  auto macro = std::make_shared<MacroDefinition>();
  HEARTH_ASSIGN(macro->name, expect_name());
  HEARTH_ASSIGN(macro->parameters, parameters());
  const NameId name = name_id(macro->name);
  HEARTH_TRY(macro_body(*macro, "endmacro"));
  return Statement{Macro{name, std::move(macro)}, 0};
}

Result<Statement> Parser::call_tag() {
  auto caller = std::make_shared<MacroDefinition>();
  caller->name = "caller";
  if (is_operator("(")) {
    HEARTH_ASSIGN(caller->parameters, parameters());
  }
  HEARTH_ASSIGN(ExpressionPtr call, expression());
  if (!std::holds_alternative<Call>(call->node)) return error("expected a call in a call block");
  HEARTH_TRY(macro_body(*caller, "endcall"));
  return Statement{CallBlock{std::move(call), std::move(caller)}, 0};
}

Result<Statement> Parser::filter_tag() {
  FilterBlock made;
  HEARTH_ASSIGN(made.filter, filter_chain(nullptr));
  HEARTH_ASSIGN(made.body, closed_body("endfilter"));
  return Statement{std::move(made), 0};
}

Result<Statement> Parser::generation_tag() {
  HEARTH_ASSIGN(Body inside, closed_body("endgeneration"));
  return Statement{Generation{std::move(inside)}, 0};
}

Result<Statement> Parser::print_tag() {
  Output made;
  while (current().kind != TokenKind::kBlockEnd) {
    if (!made.values.empty()) HEARTH_TRY(expect_operator(","));
    HEARTH_ASSIGN(ExpressionPtr value, expression());
    made.values.push_back(std::move(value));
  }
  return Statement{std::move(made), 0};
}

Result<Statement> Parser::loop_control(std::string_view name) {
  if (n_loops_ == 0) return error(fmt::format("{{% {} %}} outside a loop", name));
  if (name == "break") return Statement{Break{}, 0};
  return Statement{Continue{}, 0};
}

Result<Target> Parser::single_target() {
  const Raised nesting(depth_);
  HEARTH_TRY(enter());
  if (take_operator("(")) {
    HEARTH_ASSIGN(Target inner, target(true));
    HEARTH_TRY(expect_operator(")"));
    return inner;
  }
  Target made;
  HEARTH_ASSIGN(const std::string name, expect_name());
  if (is_constant(name)) return error(fmt::format("cannot assign to '{}'", name));
  made.name = name_id(name);
  if (take_operator(".")) {
    HEARTH_ASSIGN(made.attribute, expect_name());
  }
  return made;
}

Result<Target> Parser::target(bool allows_tuple) {
  HEARTH_ASSIGN(Target first, single_target());
  if (!allows_tuple || !is_operator(",")) return first;
  Target all;
  all.is_tuple = true;
  all.parts.push_back(std::move(first));
  while (take_operator(",")) {
    if (current().kind != TokenKind::kName && !is_operator("(")) break;
    if (is_name("in")) break;
    HEARTH_ASSIGN(Target part, single_target());
    all.parts.push_back(std::move(part));
  }
  return all;
}

Result<Template> parse_template(std::string_view source, std::string name) {
  if (source.size() > kMaxSourceBytes) {
    return make_error(ErrorCode::kResourceExhausted, "1: expected at most {} bytes, found {}",
                      kMaxSourceBytes, source.size());
  }
  HEARTH_ASSIGN(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens)).run(std::move(name));
}

}  // namespace hearth::text::jinja
