// Tokens to tree.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/chat_template/ast.h"
#include "text/chat_template/lexer.h"

namespace hearth::text::jinja {

// kMalformed for a syntax error or an unknown filter, test or tag; kUnsupported for tags that would reach
// other files; kResourceExhausted for one nested too deep. Messages begin with the line.
Result<Template> parse_template(std::string_view source, std::string name);

// Keeps a counter up while a scope is being parsed.
class Raised {
 public:
  explicit Raised(size_t& counter) : counter_(counter) { ++counter_; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;
  ~Raised() { --counter_; }

 private:
  size_t& counter_;
};

// Recursive descent over a template's tokens, in Jinja's order of precedence. For one template.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {
    for (const char* name : kPredefinedNames) name_id(name);
  }

  Result<Template> run(std::string name);

 private:
  // Statements (parser.cc). A body ends at one of `ends` (tag names), which is left to its caller.
  using Ends = std::initializer_list<std::string_view>;
  Result<Body> body(Ends ends);
  Result<void> statement(Body& out);
  Result<Statement> tag(std::string_view name);
  Result<Statement> if_tag();
  Result<Statement> for_tag();
  Result<Statement> set_tag();
  Result<Statement> with_tag();
  Result<Statement> macro_tag();
  Result<Statement> call_tag();
  Result<Statement> filter_tag();
  Result<Statement> generation_tag();
  Result<Statement> print_tag();
  Result<Statement> loop_control(std::string_view name);
  Result<Body> closed_body(std::string_view end);
  Result<void> block_end();
  Result<Target> target(bool allows_tuple);
  Result<Target> single_target();
  Result<std::vector<Parameter>> parameters();
  Result<void> macro_body(MacroDefinition& macro, std::string_view end);

  // Expressions (expression_parser.cc).
  enum class Conditionals { kAllowed, kRefused };
  Result<ExpressionPtr> expression();
  Result<ExpressionPtr> tuple_or_expression(Conditionals conditionals);
  Result<ExpressionPtr> conditional();
  Result<ExpressionPtr> logical(bool is_and);
  Result<ExpressionPtr> negation();
  Result<ExpressionPtr> comparison();
  Result<ExpressionPtr> sum();
  Result<ExpressionPtr> concatenation();
  Result<ExpressionPtr> product();
  Result<ExpressionPtr> power();
  Result<ExpressionPtr> unary(bool with_filters);
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> name();
  Result<ExpressionPtr> parenthesised();
  Result<ExpressionPtr> list();
  Result<ExpressionPtr> dict();
  Result<ExpressionPtr> postfix(ExpressionPtr object);
  Result<ExpressionPtr> attribute(ExpressionPtr object);
  Result<ExpressionPtr> subscript(ExpressionPtr object);
  Result<ExpressionPtr> call(ExpressionPtr callee);
  Result<ExpressionPtr> filters_and_tests(ExpressionPtr input);
  // A filter and what follows it through '|'; `input` null for a filter block's.
  Result<ExpressionPtr> filter_chain(ExpressionPtr input);
  Result<ExpressionPtr> filter(ExpressionPtr input);
  Result<ExpressionPtr> test(ExpressionPtr input);
  Result<CallArguments> call_arguments();
  Result<void> call_argument(CallArguments& arguments);
  using Operand = Result<ExpressionPtr> (Parser::*)();
  Result<ExpressionPtr> arithmetic(Operand operand,
                                   std::initializer_list<std::pair<std::string_view, BinaryOperator>>);
  Result<ExpressionPtr> make(Expression::Node node, Line line) const;

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take();
  bool is_operator(std::string_view text) const;
  bool is_name(std::string_view text) const;
  bool take_operator(std::string_view text);
  bool take_name(std::string_view text);
  Result<void> expect_operator(std::string_view text);
  Result<std::string> expect_name();
  Error error(std::string_view message) const;
  Error unexpected(std::string_view expected) const;
  void note_unknown(std::string_view what, std::string_view name);
  Result<void> enter();
  NameId name_id(const std::string& text);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  size_t depth_ = 0;
  size_t n_loops_ = 0;  // around what is being parsed
  // Within {% if %} and conditional expressions an unknown filter or test is an error only when it is
  // reached; elsewhere the first one is the template's error.
  size_t n_conditions_ = 0;
  std::optional<Error> unknown_;
  // References so far to names that mean something to the loop or macro around them.
  struct References {
    size_t loop = 0, varargs = 0, kwargs = 0, caller = 0;
  } references_;
  std::unordered_map<std::string, NameId> ids_;
  std::vector<std::string> names_;
};

}  // namespace hearth::text::jinja
