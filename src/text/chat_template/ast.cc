#include "text/chat_template/ast.h"

#include <algorithm>

namespace hearth::text::jinja {
namespace {

// The greatest height among the expressions it is shown.
class Highest {
 public:
  void operator()(const ExpressionPtr& child) {
    if (child != nullptr) height_ = std::max(height_, child->height);
  }
  void operator()(const std::vector<ExpressionPtr>& children) {
    for (const ExpressionPtr& child : children) (*this)(child);
  }
  void operator()(const CallArguments& arguments) {
    (*this)(arguments.positional);
    for (const auto& [name, value] : arguments.named) (*this)(value);
    (*this)(arguments.more_positional);
    (*this)(arguments.more_named);
  }
  template <typename Op>
  void operator()(const std::vector<std::pair<Op, ExpressionPtr>>& rest) {
    for (const auto& [op, operand] : rest) (*this)(operand);
  }
  uint32_t height() const { return height_; }

 private:
  uint32_t height_ = 0;
};

void visit_children(const Literal&, Highest&) {}
void visit_children(const Name&, Highest&) {}
void visit_children(const ListLiteral& node, Highest& visit) {
  visit(node.items);
}
void visit_children(const DictLiteral& node, Highest& visit) {
  for (const auto& [key, value] : node.entries) {
    visit(key);
    visit(value);
  }
}
void visit_children(const Unary& node, Highest& visit) {
  visit(node.operand);
}
void visit_children(const Arithmetic& node, Highest& visit) {
  visit(node.first);
  visit(node.rest);
}
void visit_children(const Concatenation& node, Highest& visit) {
  visit(node.parts);
}
void visit_children(const Logical& node, Highest& visit) {
  visit(node.operands);
}
void visit_children(const Comparisons& node, Highest& visit) {
  visit(node.first);
  visit(node.rest);
}
void visit_children(const Conditional& node, Highest& visit) {
  visit(node.condition);
  visit(node.then);
  visit(node.otherwise);
}
void visit_children(const Attribute& node, Highest& visit) {
  visit(node.object);
}
void visit_children(const Item& node, Highest& visit) {
  visit(node.object);
  visit(node.key);
}
void visit_children(const Slice& node, Highest& visit) {
  visit(node.object);
  visit(node.start);
  visit(node.stop);
  visit(node.step);
}
void visit_children(const Call& node, Highest& visit) {
  visit(node.callee);
  visit(node.arguments);
}
void visit_children(const Filter& node, Highest& visit) {
  visit(node.input);
  visit(node.arguments);
}
void visit_children(const Test& node, Highest& visit) {
  visit(node.input);
  visit(node.arguments);
}

}  // namespace

Expression::Expression(Node what, Line where) : node(std::move(what)), line(where) {
  Highest highest;
  std::visit([&](const auto& held) { visit_children(held, highest); }, node);
  height = highest.height() + 1;
}

}  // namespace hearth::text::jinja
