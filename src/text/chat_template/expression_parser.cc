// Expressions, loosest operator first: if-else, or, and, not, comparisons, + -, ~, * / // %, **, sign, then
// what binds to a value: .attribute [item] (call) |filter and is-tests.
#include <algorithm>

#include "text/chat_template/filters.h"
#include "text/chat_template/limits.h"
#include "text/chat_template/parser.h"

namespace hearth::text::jinja {
Result<ExpressionPtr> Parser::make(Expression::Node node, Line line) const {
  auto made = std::make_unique<Expression>(std::move(node), line);
  if (made->height > kMaxDepth) {
    return make_error(ErrorCode::kResourceExhausted, "{}: an expression is nested more than {} deep", line,
                      kMaxDepth);
  }
  return made;
}

void Parser::note_unknown(std::string_view what, std::string_view name) {
  if (n_conditions_ == 0 && !unknown_)
    unknown_ = error(fmt::format("no {} named '{}'", what, shortened(name)));
}

Result<ExpressionPtr> Parser::expression() {
  const Raised nesting(depth_);
  HEARTH_TRY(enter());
  return conditional();
}

Result<ExpressionPtr> Parser::conditional() {
  const Line line = current().line;
  const bool all_known = !unknown_;
  HEARTH_ASSIGN(ExpressionPtr value, logical(false));
  while (take_name("if")) {
    // Only now it shows that the first part was conditional.
    if (all_known) unknown_.reset();
    const Raised condition(n_conditions_);
    Conditional made;
    HEARTH_ASSIGN(made.condition, logical(false));
    made.then = std::move(value);
    if (take_name("else")) {
      HEARTH_ASSIGN(made.otherwise, expression());
    }
    HEARTH_ASSIGN(value, make(std::move(made), line));
  }
  return value;
}

Result<ExpressionPtr> Parser::tuple_or_expression(Conditionals conditionals) {
  const Line line = current().line;
  const auto item = [&] { return conditionals == Conditionals::kAllowed ? expression() : logical(false); };
  HEARTH_ASSIGN(ExpressionPtr first, item());
  if (!is_operator(",")) return first;
  ListLiteral items{{}, true};
  items.items.push_back(std::move(first));
  while (take_operator(",")) {
    const TokenKind kind = current().kind;
    if (kind == TokenKind::kBlockEnd || kind == TokenKind::kOutputEnd || is_operator(")")) break;
    HEARTH_ASSIGN(ExpressionPtr next_item, item());
    items.items.push_back(std::move(next_item));
  }
  return make(std::move(items), line);
}

Result<ExpressionPtr> Parser::logical(bool is_and) {
  const Line line = current().line;
  const auto operand = [&] { return is_and ? negation() : logical(true); };
  HEARTH_ASSIGN(ExpressionPtr first, operand());
  if (!is_name(is_and ? "and" : "or")) return first;
  Logical made{is_and, {}};
  made.operands.push_back(std::move(first));
  while (take_name(is_and ? "and" : "or")) {
    HEARTH_ASSIGN(ExpressionPtr more, operand());
    made.operands.push_back(std::move(more));
  }
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::negation() {
  const Line line = current().line;
  if (!take_name("not")) return comparison();
  const Raised nesting(depth_);
  HEARTH_TRY(enter());
  HEARTH_ASSIGN(ExpressionPtr operand, negation());
  return make(Unary{UnaryOperator::kNot, std::move(operand)}, line);
}

Result<ExpressionPtr> Parser::comparison() {
  static constexpr std::pair<std::string_view, Comparison> kOperators[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual}};
  const Line line = current().line;
  HEARTH_ASSIGN(ExpressionPtr first, sum());
  Comparisons made;
  const auto take_comparison = [&]() -> std::optional<Comparison> {
    for (const auto& [text, op] : kOperators) {
      if (take_operator(text)) return op;
    }
    if (take_name("in")) return Comparison::kIn;
    if (is_name("not") && next().kind == TokenKind::kName && next().text == "in") {
      take();
      take();
      return Comparison::kNotIn;
    }
    return std::nullopt;
  };
  while (const auto op = take_comparison()) {
    HEARTH_ASSIGN(ExpressionPtr operand, sum());
    made.rest.emplace_back(*op, std::move(operand));
  }
  if (made.rest.empty()) return first;
  made.first = std::move(first);
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::arithmetic(
    Operand operand, std::initializer_list<std::pair<std::string_view, BinaryOperator>> operators) {
  const Line line = current().line;
  HEARTH_ASSIGN(ExpressionPtr first, (this->*operand)());
  Arithmetic made;
  const auto take_operator_of = [&]() -> std::optional<BinaryOperator> {
    for (const auto& [text, op] : operators) {
      if (take_operator(text)) return op;
    }
    return std::nullopt;
  };
  while (const auto op = take_operator_of()) {
    HEARTH_ASSIGN(ExpressionPtr more, (this->*operand)());
    made.rest.emplace_back(*op, std::move(more));
  }
  if (made.rest.empty()) return first;
  made.first = std::move(first);
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::sum() {
  return arithmetic(&Parser::concatenation, {{"+", BinaryOperator::kAdd}, {"-", BinaryOperator::kSubtract}});
}

Result<ExpressionPtr> Parser::concatenation() {
  const Line line = current().line;
  HEARTH_ASSIGN(ExpressionPtr first, product());
  if (!is_operator("~")) return first;
  Concatenation made;
  made.parts.push_back(std::move(first));
  while (take_operator("~")) {
    HEARTH_ASSIGN(ExpressionPtr part, product());
    made.parts.push_back(std::move(part));
  }
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::product() {
  return arithmetic(&Parser::power, {{"*", BinaryOperator::kMultiply},
                                     {"/", BinaryOperator::kDivide},
                                     {"//", BinaryOperator::kFloorDivide},
                                     {"%", BinaryOperator::kModulo}});
}

Result<ExpressionPtr> Parser::power() {
  const Line line = current().line;
  HEARTH_ASSIGN(ExpressionPtr first, unary(true));
  Arithmetic made;
  while (take_operator("**")) {
    HEARTH_ASSIGN(ExpressionPtr more, unary(true));
    made.rest.emplace_back(BinaryOperator::kPower, std::move(more));
  }
  if (made.rest.empty()) return first;
  made.first = std::move(first);
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::unary(bool with_filters) {
  const Line line = current().line;
  ExpressionPtr value;
  if (is_operator("-") || is_operator("+")) {
    const Raised nesting(depth_);
    HEARTH_TRY(enter());
    const bool minus = take().text == "-";
    HEARTH_ASSIGN(ExpressionPtr operand, unary(false));
    HEARTH_ASSIGN(
        value, make(Unary{minus ? UnaryOperator::kMinus : UnaryOperator::kPlus, std::move(operand)}, line));
  } else {
    HEARTH_ASSIGN(value, primary());
  }
  HEARTH_ASSIGN(value, postfix(std::move(value)));
  if (!with_filters) return value;
  return filters_and_tests(std::move(value));
}

Result<ExpressionPtr> Parser::primary() {
  const Line line = current().line;
  if (current().kind == TokenKind::kName) return name();
  if (current().kind == TokenKind::kLiteral) {
    Value value = take().value;
    if (value.is_string() && current().kind == TokenKind::kLiteral && current().value.is_string()) {
      std::string joined(value.as_string());
      while (current().kind == TokenKind::kLiteral && current().value.is_string())
        joined += take().value.as_string();
      value = Value::string(std::move(joined));
    }
    return make(Literal{std::move(value)}, line);
  }
  if (is_operator("(")) return parenthesised();
  if (is_operator("[")) return list();
  if (is_operator("{")) return dict();
  return unexpected("an expression");
}

Result<ExpressionPtr> Parser::name() {
  const Token token = take();
  const std::string& text = token.text;
  if (text == "true" || text == "True") return make(Literal{Value::boolean(true)}, token.line);
  if (text == "false" || text == "False") return make(Literal{Value::boolean(false)}, token.line);
  if (text == "none" || text == "None") return make(Literal{Value()}, token.line);
  if (text == "loop") ++references_.loop;
  if (text == "varargs") ++references_.varargs;
  if (text == "kwargs") ++references_.kwargs;
  if (text == "caller") ++references_.caller;
  return make(Name{name_id(text)}, token.line);
}

Result<ExpressionPtr> Parser::parenthesised() {
  const Line line = take().line;
  if (take_operator(")")) return make(ListLiteral{{}, true}, line);
  HEARTH_ASSIGN(ExpressionPtr value, tuple_or_expression(Conditionals::kAllowed));
  HEARTH_TRY(expect_operator(")"));
  return value;
}

Result<ExpressionPtr> Parser::list() {
  const Line line = take().line;
  ListLiteral made{{}, false};
  while (!is_operator("]")) {
    if (!made.items.empty()) HEARTH_TRY(expect_operator(","));
    if (is_operator("]")) break;
    HEARTH_ASSIGN(ExpressionPtr item, expression());
    made.items.push_back(std::move(item));
  }
  take();
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::dict() {
  const Line line = take().line;
  DictLiteral made;
  while (!is_operator("}")) {
    if (!made.entries.empty()) HEARTH_TRY(expect_operator(","));
    if (is_operator("}")) break;
    HEARTH_ASSIGN(ExpressionPtr key, expression());
    HEARTH_TRY(expect_operator(":"));
    HEARTH_ASSIGN(ExpressionPtr value, expression());
    made.entries.emplace_back(std::move(key), std::move(value));
  }
  take();
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::postfix(ExpressionPtr object) {
  while (true) {
    if (is_operator(".")) {
      HEARTH_ASSIGN(object, attribute(std::move(object)));
    } else if (is_operator("[")) {
      HEARTH_ASSIGN(object, subscript(std::move(object)));
    } else if (is_operator("(")) {
      HEARTH_ASSIGN(object, call(std::move(object)));
    } else {
      return object;
    }
  }
}

Result<ExpressionPtr> Parser::attribute(ExpressionPtr object) {
  const Line line = take().line;
  if (current().kind == TokenKind::kName) return make(Attribute{std::move(object), take().text}, line);
  if (current().kind != TokenKind::kLiteral || !current().value.is_integral()) return unexpected("a name");
  HEARTH_ASSIGN(ExpressionPtr index, make(Literal{take().value}, line));
  return make(Item{std::move(object), std::move(index)}, line);
}

Result<ExpressionPtr> Parser::subscript(ExpressionPtr object) {
  const Line line = take().line;
  // Up to three parts between colons; without a colon it is an item.
  ExpressionPtr parts[3];
  size_t n_colons = 0;
  while (!is_operator("]")) {
    if (take_operator(":")) {
      if (++n_colons > 2) return error("a slice has at most three parts");
      continue;
    }
    if (parts[n_colons] != nullptr) return unexpected("']'");
    HEARTH_ASSIGN(parts[n_colons], tuple_or_expression(Conditionals::kAllowed));
  }
  take();
  if (n_colons > 0) {
    return make(Slice{std::move(object), std::move(parts[0]), std::move(parts[1]), std::move(parts[2])},
                line);
  }
  if (parts[0] == nullptr) return error("expected an index between '[' and ']'");
  return make(Item{std::move(object), std::move(parts[0])}, line);
}

Result<ExpressionPtr> Parser::call(ExpressionPtr callee) {
  const Line line = current().line;
  HEARTH_ASSIGN(CallArguments arguments, call_arguments());
  return make(Call{std::move(callee), std::move(arguments)}, line);
}

Result<CallArguments> Parser::call_arguments() {
  CallArguments arguments;
  HEARTH_TRY(expect_operator("("));
  for (bool first = true; !is_operator(")"); first = false) {
    if (!first) HEARTH_TRY(expect_operator(","));
    if (is_operator(")")) break;
    HEARTH_TRY(call_argument(arguments));
  }
  take();
  return arguments;
}

Result<void> Parser::call_argument(CallArguments& arguments) {
  if (is_operator("*") || is_operator("**")) {
    ExpressionPtr& more = take().text == "*" ? arguments.more_positional : arguments.more_named;
    if (more != nullptr) return error("a call takes one *list and one **dict");
    HEARTH_ASSIGN(more, expression());
    return {};
  }
  if (current().kind == TokenKind::kName && next().kind == TokenKind::kOperator && next().text == "=") {
    std::string name = take().text;
    take();
    HEARTH_ASSIGN(ExpressionPtr value, expression());
    arguments.named.emplace_back(std::move(name), std::move(value));
    return {};
  }
  if (!arguments.named.empty() || arguments.more_named != nullptr || arguments.more_positional != nullptr) {
    return error("a positional argument follows a keyword argument");
  }
  HEARTH_ASSIGN(ExpressionPtr value, expression());
  arguments.positional.push_back(std::move(value));
  return {};
}

Result<ExpressionPtr> Parser::filters_and_tests(ExpressionPtr input) {
  while (true) {
    if (take_operator("|")) {
      HEARTH_ASSIGN(input, filter(std::move(input)));
    } else if (is_name("is")) {
      HEARTH_ASSIGN(input, test(std::move(input)));
    } else if (is_operator("(")) {
      HEARTH_ASSIGN(input, call(std::move(input)));
    } else {
      return input;
    }
  }
}

Result<ExpressionPtr> Parser::filter_chain(ExpressionPtr input) {
  do {
    HEARTH_ASSIGN(input, filter(std::move(input)));
  } while (take_operator("|"));
  return input;
}

Result<ExpressionPtr> Parser::filter(ExpressionPtr input) {
  const Line line = current().line;
  Filter made{std::move(input), {}, {}};
  HEARTH_ASSIGN(made.name, expect_name());
  while (take_operator(".")) {
    HEARTH_ASSIGN(const std::string part, expect_name());
    made.name += "." + part;
  }
  if (find_filter(made.name) == nullptr) note_unknown("filter", made.name);
  if (is_operator("(")) {
    HEARTH_ASSIGN(made.arguments, call_arguments());
  }
  return make(std::move(made), line);
}

Result<ExpressionPtr> Parser::test(ExpressionPtr input) {
  const Line line = take().line;
  const bool negated = take_name("not");
  Test made{std::move(input), {}, {}};
  HEARTH_ASSIGN(made.name, expect_name());
  if (find_test(made.name) == nullptr) note_unknown("test", made.name);
  const bool starts_operand = current().kind == TokenKind::kName || current().kind == TokenKind::kLiteral ||
                              is_operator("[") || is_operator("{");
  const bool is_keyword = is_name("else") || is_name("or") || is_name("and");
  if (is_operator("(")) {
    HEARTH_ASSIGN(made.arguments, call_arguments());
  } else if (starts_operand && !is_keyword) {
    if (is_name("is")) return error("tests cannot be chained with 'is'");
    HEARTH_ASSIGN(ExpressionPtr argument, primary());
    HEARTH_ASSIGN(argument, postfix(std::move(argument)));
    made.arguments.positional.push_back(std::move(argument));
  }
  HEARTH_ASSIGN(ExpressionPtr result, make(std::move(made), line));
  if (!negated) return result;
  return make(Unary{UnaryOperator::kNot, std::move(result)}, line);
}

}  // namespace hearth::text::jinja
