#include "text/go_template/parser.h"

#include <algorithm>
#include <utility>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "text/chat_template/limits.h"
#include "text/go_template/lexer.h"
#include "text/go_template/literals.h"

namespace hearth::text::go_template {
namespace {

using IsFunction = std::function<bool(std::string_view)>;
using OperandKind = Operand::Kind;

bool is_blank(const NodeList& nodes) {
  return std::ranges::all_of(nodes, [](const Node& node) {
    return node.kind == Node::Kind::kText && node.text.find_first_not_of(" \t\r\n\v\f") == std::string::npos;
  });
}

std::vector<std::string> names_of_field(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t end = std::min(text.find('.'), text.size());
    if (end > 0) names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

class Parser {
 public:
  Parser(std::vector<Token> tokens, const IsFunction& is_function)
      : tokens_(std::move(tokens)), is_function_(is_function) {}

  Result<Tree> run();

 private:
  // What a list of nodes ended with.
  enum class Ending { kEnd, kElse };
  struct List {
    NodeList nodes;
    Ending ending = Ending::kEnd;
    Token token{};
  };
  // The names and loops that a `define` does not see.
  struct Scope {
    std::vector<std::string_view> variables{"$"};
    int n_loops = 0;
  };

  const Token& peek() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  const Token& peek_past_space() {
    if (peek().kind == TokenKind::kSpace) ++at_;
    return peek();
  }
  const Token& next_past_space() { return (peek_past_space(), next()); }
  static Error unexpected(const Token& token, std::string_view where);
  Result<void> expect(TokenKind kind, std::string_view where);

  Result<void> deepen(const Token& token);
  Result<List> list();
  Result<NodeList> list_to_end(std::string_view where);
  Result<Node> action();
  Result<Node> control(Node::Kind kind, const Token& token);
  Result<void> otherwise(Node& node);
  Result<Node> jump(Node::Kind kind, const Token& token);
  Result<Node> call(const Token& token);
  Result<Node> block(const Token& token);
  Result<void> definition();
  Result<void> define(const std::string& name, NodeList nodes, Position at);
  Result<std::string> template_name(std::string_view where);

  Result<Pipeline> pipeline(std::string_view where, TokenKind end);
  Result<void> declarations(Pipeline& pipeline, std::string_view where);
  Result<Command> command(TokenKind end);
  Result<bool> operand(Command& command);
  Result<bool> term(Operand& operand);
  Result<Operand> with_fields(Operand term);
  Result<void> constant(const Token& token, Operand& operand);

  std::vector<Token> tokens_;
  const IsFunction& is_function_;
  size_t at_ = 0;
  size_t depth_ = 0;
  Scope scope_;
  Tree tree_;
};

Error Parser::unexpected(const Token& token, std::string_view where) {
  if (token.kind == TokenKind::kSourceEnd)
    return malformed(token.at, "unexpected end of the template in {}", where);
  return malformed(token.at, "unexpected {} in {}", quoted_excerpt(token.text, 40), where);
}

Result<void> Parser::expect(TokenKind kind, std::string_view where) {
  const Token& token = next_past_space();
  if (token.kind != kind) return unexpected(token, where);
  return {};
}

Result<void> Parser::deepen(const Token& token) {
  if (++depth_ <= jinja::kMaxDepth) return {};
  return make_error(ErrorCode::kResourceExhausted, "{}:{}: nested more than {} deep", token.at.line,
                    token.at.column, jinja::kMaxDepth);
}

Result<Tree> Parser::run() {
  while (peek().kind != TokenKind::kSourceEnd) {
    const size_t begin = at_;
    if (peek().kind == TokenKind::kActionBegin) {
      next();
      if (peek_past_space().kind == TokenKind::kDefine) {
        next();
        HEARTH_TRY(definition());
        continue;
      }
      at_ = begin;
    }
    if (peek().kind == TokenKind::kText) {
      const Token& token = next();
      tree_.root.push_back({.kind = Node::Kind::kText, .at = token.at, .text = std::string(token.text)});
      continue;
    }
    next();
    const Token& word = peek_past_space();
    if (word.kind == TokenKind::kEnd || word.kind == TokenKind::kElse)
      return malformed(word.at, "unexpected {{{{{}}}}}", word.text);
    HEARTH_ASSIGN(Node node, action());
    tree_.root.push_back(std::move(node));
  }
  return std::move(tree_);
}

// Until {{end}}, which is passed, or {{else}}, of which what follows the word is left.
Result<Parser::List> Parser::list() {
  List list;
  while (peek().kind != TokenKind::kSourceEnd) {
    const Token& token = next();
    if (token.kind == TokenKind::kText) {
      list.nodes.push_back({.kind = Node::Kind::kText, .at = token.at, .text = std::string(token.text)});
      continue;
    }
    const Token& word = peek_past_space();
    list.token = word;
    if (word.kind == TokenKind::kEnd) {
      next();
      HEARTH_TRY(expect(TokenKind::kActionEnd, "end"));
      return list;
    }
    if (word.kind == TokenKind::kElse) {
      next();
      list.ending = Ending::kElse;
      const TokenKind behind = peek_past_space().kind;
      if (behind != TokenKind::kIf && behind != TokenKind::kWith)
        HEARTH_TRY(expect(TokenKind::kActionEnd, "else"));
      return list;
    }
    HEARTH_ASSIGN(Node node, action());
    list.nodes.push_back(std::move(node));
  }
  return malformed(peek().at, "unexpected end of the template: expected {{{{end}}}}");
}

Result<NodeList> Parser::list_to_end(std::string_view where) {
  HEARTH_ASSIGN(List read, list());
  if (read.ending != Ending::kEnd) return unexpected(read.token, where);
  return std::move(read.nodes);
}

// Behind {{.
Result<Node> Parser::action() {
  const Token token = peek_past_space();
  switch (token.kind) {
    case TokenKind::kIf:
      return (next(), control(Node::Kind::kIf, token));
    case TokenKind::kRange:
      return (next(), control(Node::Kind::kRange, token));
    case TokenKind::kWith:
      return (next(), control(Node::Kind::kWith, token));
    case TokenKind::kTemplate:
      return (next(), call(token));
    case TokenKind::kBlock:
      return (next(), block(token));
    case TokenKind::kBreak:
      return (next(), jump(Node::Kind::kBreak, token));
    case TokenKind::kContinue:
      return (next(), jump(Node::Kind::kContinue, token));
    default:
      break;
  }
  Node node{.kind = Node::Kind::kAction, .at = token.at};
  HEARTH_ASSIGN(Pipeline read, pipeline("command", TokenKind::kActionEnd));
  node.pipeline.push_back(std::move(read));
  return node;
}

Result<Node> Parser::control(Node::Kind kind, const Token& token) {
  HEARTH_TRY(deepen(token));
  const size_t n_variables = scope_.variables.size();
  Node node{.kind = kind, .at = token.at};
  HEARTH_ASSIGN(Pipeline read, pipeline(token.text, TokenKind::kActionEnd));
  node.pipeline.push_back(std::move(read));
  if (kind == Node::Kind::kRange) ++scope_.n_loops;
  HEARTH_ASSIGN(List body, list());
  if (kind == Node::Kind::kRange) --scope_.n_loops;
  node.body = std::move(body.nodes);
  if (body.ending == Ending::kElse) HEARTH_TRY(otherwise(node));
  scope_.variables.resize(n_variables);
  --depth_;
  return node;
}

// Behind {{else}}, or the else of {{else if ...}} and {{else with ...}}.
Result<void> Parser::otherwise(Node& node) {
  const Token token = peek();
  const bool goes_on = (node.kind == Node::Kind::kIf && token.kind == TokenKind::kIf) ||
                       (node.kind == Node::Kind::kWith && token.kind == TokenKind::kWith);
  if (goes_on) {
    next();
    HEARTH_ASSIGN(Node inner, control(node.kind, token));
    node.otherwise.push_back(std::move(inner));
    return {};
  }
  if (token.kind == TokenKind::kIf || token.kind == TokenKind::kWith) return unexpected(token, "else");
  HEARTH_ASSIGN(node.otherwise, list_to_end("else: expected {{end}}"));
  return {};
}

Result<Node> Parser::jump(Node::Kind kind, const Token& token) {
  HEARTH_TRY(expect(TokenKind::kActionEnd, token.text));
  if (scope_.n_loops == 0) return malformed(token.at, "{{{{{}}}}} outside {{{{range}}}}", token.text);
  return Node{.kind = kind, .at = token.at};
}

Result<std::string> Parser::template_name(std::string_view where) {
  const Token& token = next_past_space();
  if (token.kind != TokenKind::kString && token.kind != TokenKind::kRawString)
    return unexpected(token, where);
  auto name = unquote(token.text);
  if (!name) return malformed(token.at, "{}", name.error().message());
  return name;
}

Result<Node> Parser::call(const Token& token) {
  Node node{.kind = Node::Kind::kTemplate, .at = token.at};
  HEARTH_ASSIGN(node.text, template_name("template"));
  if (peek_past_space().kind == TokenKind::kActionEnd) {
    next();
    return node;
  }
  HEARTH_ASSIGN(Pipeline read, pipeline("template", TokenKind::kActionEnd));
  node.pipeline.push_back(std::move(read));
  return node;
}

Result<void> Parser::definition() {
  const Position at = peek().at;
  HEARTH_ASSIGN(const std::string name, template_name("define"));
  HEARTH_TRY(expect(TokenKind::kActionEnd, "define"));
  const Scope outer = std::exchange(scope_, Scope());
  HEARTH_ASSIGN(NodeList nodes, list_to_end("define"));
  scope_ = outer;
  return define(name, std::move(nodes), at);
}

Result<Node> Parser::block(const Token& token) {
  HEARTH_TRY(deepen(token));
  Node node{.kind = Node::Kind::kTemplate, .at = token.at};
  HEARTH_ASSIGN(node.text, template_name("block"));
  HEARTH_ASSIGN(Pipeline read, pipeline("block", TokenKind::kActionEnd));
  node.pipeline.push_back(std::move(read));
  const Scope outer = std::exchange(scope_, Scope());
  HEARTH_ASSIGN(NodeList nodes, list_to_end("block"));
  scope_ = outer;
  --depth_;
  HEARTH_TRY(define(node.text, std::move(nodes), token.at));
  return node;
}

// One that is blank gives way to one that is not.
Result<void> Parser::define(const std::string& name, NodeList nodes, Position at) {
  const auto there = tree_.defined.find(name);
  if (there == tree_.defined.end() || is_blank(there->second)) {
    tree_.defined.insert_or_assign(name, std::move(nodes));
  } else if (!is_blank(nodes)) {
    return malformed(at, "template {} is defined twice", quoted_excerpt(name));
  }
  return {};
}

// `$x :=`, `$x =`, and of range `$i, $x :=`.
Result<void> Parser::declarations(Pipeline& pipeline, std::string_view where) {
  const bool is_range = where == "range";
  while (peek_past_space().kind == TokenKind::kVariable) {
    const size_t begin = at_;
    const Token variable = next();
    const Token behind = peek_past_space();
    const bool ends = behind.kind == TokenKind::kAssign || behind.kind == TokenKind::kDeclare;
    if (!ends && behind.kind != TokenKind::kComma) {
      at_ = begin;  // the first operand
      return {};
    }
    next();
    pipeline.assigns = behind.kind == TokenKind::kAssign;
    pipeline.variables.emplace_back(variable.text);
    scope_.variables.push_back(variable.text);
    if (ends) return {};
    if (!is_range || pipeline.variables.size() > 1)
      return malformed(behind.at, "too many declarations in {}", where);
    if (peek_past_space().kind != TokenKind::kVariable)
      return malformed(peek().at, "range can only initialize variables");
  }
  return {};
}

// Up to `end`, which is passed.
Result<Pipeline> Parser::pipeline(std::string_view where, TokenKind end) {
  Pipeline pipeline;
  pipeline.at = peek_past_space().at;
  HEARTH_TRY(declarations(pipeline, where));
  while (true) {
    const Token token = peek_past_space();
    if (token.kind == end) {
      next();
      break;
    }
    HEARTH_ASSIGN(Command read, command(end));
    if (read.operands.empty()) return unexpected(peek(), where);
    if (!pipeline.commands.empty()) {
      const Operand::Kind first = read.operands.front().kind;
      if (first == Operand::Kind::kConstant || first == Operand::Kind::kDot || first == Operand::Kind::kNil)
        return malformed(token.at, "stage {} of the pipeline can not be called",
                         pipeline.commands.size() + 1);
    }
    pipeline.commands.push_back(std::move(read));
  }
  if (pipeline.commands.empty()) return malformed(pipeline.at, "missing value for {}", where);
  return pipeline;
}

// Operands up to a `|`, which is passed, or the end of the pipeline, which is not.
Result<Command> Parser::command(TokenKind end) {
  Command command;
  while (true) {
    peek_past_space();
    HEARTH_ASSIGN(const bool was_there, operand(command));
    const Token& token = peek();
    if (token.kind == TokenKind::kSpace) continue;
    if (token.kind == TokenKind::kPipe && (was_there || !command.operands.empty())) {
      next();
      // In Go, a pipeline may end with a `|`.
      return command;
    }
    if (token.kind == end && !command.operands.empty()) return command;
    return unexpected(token, "operand");
  }
}

// Whether one was there.
Result<bool> Parser::operand(Command& command) {
  Operand read;
  HEARTH_ASSIGN(const bool was_there, term(read));
  if (!was_there) return false;
  if (peek().kind == TokenKind::kField) {
    HEARTH_ASSIGN(read, with_fields(std::move(read)));
  }
  command.operands.push_back(std::move(read));
  return true;
}

// A term with the fields that follow it without a space.
Result<Operand> Parser::with_fields(Operand term) {
  if (term.kind == OperandKind::kConstant || term.kind == OperandKind::kNil || term.kind == OperandKind::kDot)
    return malformed(peek().at, "unexpected . after {}", quoted_excerpt(term.text, 40));
  if (term.kind == OperandKind::kFunction) {
    Operand chain;
    chain.kind = OperandKind::kChain;
    chain.at = term.at;
    chain.text = term.text;
    chain.inner_term.push_back(std::move(term));
    term = std::move(chain);
  } else if (term.kind == OperandKind::kPipeline) {
    term.kind = OperandKind::kChain;
  }
  while (peek().kind == TokenKind::kField) {
    const Token& token = next();
    term.text += token.text;
    for (std::string& name : names_of_field(token.text)) term.names.push_back(std::move(name));
  }
  return term;
}

Result<bool> Parser::term(Operand& operand) {
  const Token token = peek();
  operand.at = token.at;
  operand.text = token.text;
  switch (token.kind) {
    case TokenKind::kIdentifier:
      if (!is_function_(token.text))
        return malformed(token.at, "function {} not defined", quoted_excerpt(token.text));
      operand.kind = OperandKind::kFunction;
      operand.names.emplace_back(token.text);
      break;
    case TokenKind::kDot:
      operand.kind = OperandKind::kDot;
      break;
    case TokenKind::kNil:
      operand.kind = OperandKind::kNil;
      break;
    case TokenKind::kVariable:
      if (std::ranges::find(scope_.variables, token.text) == scope_.variables.end())
        return malformed(token.at, "undefined variable {}", quoted_excerpt(token.text));
      operand.kind = OperandKind::kVariable;
      operand.names.emplace_back(token.text);
      break;
    case TokenKind::kField:
      operand.kind = OperandKind::kField;
      operand.names = names_of_field(token.text);
      break;
    case TokenKind::kOpen: {
      HEARTH_TRY(deepen(token));
      next();
      operand.kind = OperandKind::kPipeline;
      HEARTH_ASSIGN(Pipeline inner, pipeline("parenthesized pipeline", TokenKind::kClose));
      operand.inner.push_back(std::move(inner));
      operand.text = "(...)";
      --depth_;
      return true;
    }
    case TokenKind::kBool:
    case TokenKind::kNumber:
    case TokenKind::kCharacter:
    case TokenKind::kString:
    case TokenKind::kRawString:
      HEARTH_TRY(constant(token, operand));
      break;
    default:
      return false;
  }
  next();
  return true;
}

Result<void> Parser::constant(const Token& token, Operand& operand) {
  operand.kind = Operand::Kind::kConstant;
  if (token.kind == TokenKind::kBool) {
    operand.value = Value::boolean(token.text == "true");
    return {};
  }
  if (token.kind == TokenKind::kNumber) {
    auto number = number_of(token.text);
    if (!number)
      return make_error(number.error().code(), "{}:{}: {}", token.at.line, token.at.column,
                        number.error().message());
    operand.value = *number;
    return {};
  }
  auto text = unquote(token.text);
  if (!text) return malformed(token.at, "{}", text.error().message());
  if (token.kind != TokenKind::kCharacter) {
    operand.value = Value::string(std::move(*text));
    return {};
  }
  // Of a character that was written as one byte ('\xff'), the byte counts.
  const bool is_byte = text->size() == 1;
  const DecodedCharacter c = text->empty() ? DecodedCharacter{} : decode_utf8(*text);
  if (text->empty() || c.length_bytes != text->size())
    return malformed(token.at, "malformed character constant: {}", quoted_excerpt(token.text));
  operand.value = Value::integer(is_byte ? static_cast<uint8_t>(text->front()) : c.code_point);
  return {};
}

}  // namespace

Result<Tree> parse(std::string_view source, const std::function<bool(std::string_view)>& is_function) {
  if (source.size() > jinja::kMaxSourceBytes) {
    return make_error(ErrorCode::kResourceExhausted, "1:1: the template has {} bytes, and {} are the most",
                      source.size(), jinja::kMaxSourceBytes);
  }
  HEARTH_ASSIGN(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens), is_function).run();
}

}  // namespace hearth::text::go_template
