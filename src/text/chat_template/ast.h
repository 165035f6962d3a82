// The tree of a template. Immutable once parsed, so one tree serves any number of renderings at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/chat_template/value.h"

namespace hearth::text::jinja {

using NameId = uint32_t;  // an index into Template::names
using Line = uint32_t;

// Names that loops and macros define stand first in every template's names, in this order.
constexpr const char* kPredefinedNames[] = {"loop", "caller", "varargs", "kwargs"};
constexpr NameId kLoopName = 0;
constexpr NameId kCallerName = 1;
constexpr NameId kVarargsName = 2;
constexpr NameId kKwargsName = 3;

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using Body = std::vector<Statement>;

enum class BinaryOperator { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class UnaryOperator { kNot, kMinus, kPlus };
enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

// f(positional, name=value, *list, **dict)
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more_positional;
  ExpressionPtr more_named;
};

struct Literal {
  Value value;
};
struct Name {
  NameId id;
};
struct ListLiteral {
  std::vector<ExpressionPtr> items;
  bool is_tuple;
};
struct DictLiteral {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
// first op operand op operand ...: a chain of one precedence, so that long sums are no deep trees.
struct Arithmetic {
  ExpressionPtr first;
  std::vector<std::pair<BinaryOperator, ExpressionPtr>> rest;
};
struct Concatenation {
  std::vector<ExpressionPtr> parts;
};
struct Logical {
  bool is_and;
  std::vector<ExpressionPtr> operands;
};
// a < b <= c, as in Python: every neighbouring pair holds.
struct Comparisons {
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr condition;
  ExpressionPtr then;
  ExpressionPtr otherwise;  // absent: undefined
};
struct Attribute {
  ExpressionPtr object;
  std::string name;
};
struct Item {
  ExpressionPtr object;
  ExpressionPtr key;
};
struct Slice {
  ExpressionPtr object;
  ExpressionPtr start, stop, step;  // each may be absent
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {
  ExpressionPtr input;  // absent only for the first of a filter block or a filtered set block
  std::string name;
  CallArguments arguments;
};
struct Test {
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};

struct Expression {
  using Node = std::variant<Literal, Name, ListLiteral, DictLiteral, Unary, Arithmetic, Concatenation,
                            Logical, Comparisons, Conditional, Attribute, Item, Slice, Call, Filter, Test>;

  Expression(Node what, Line where);

  Node node;
  Line line;
  uint32_t height;  // 1 for a leaf; the parser bounds it, and so the recursion over the tree
};

// What can be assigned to: a name, an attribute of a namespace, or a tuple of those.
struct Target {
  NameId name = 0;
  std::string attribute;      // ns.attribute; empty otherwise
  std::vector<Target> parts;  // a tuple; empty otherwise
  bool is_tuple = false;
};

struct Parameter {
  NameId name;
  ExpressionPtr fallback;  // absent: undefined
};
// A macro, or the body of a call block.
struct MacroDefinition {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  // Whether the body names them; without that a macro refuses surplus arguments.
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct Text {
  std::string text;
};
struct Output {
  std::vector<ExpressionPtr> values;
};
struct Evaluate {  // {% do %}
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr iterable;
  ExpressionPtr condition;  // may be absent
  Body body;
  Body otherwise;
  bool recursive = false;
  bool uses_loop = false;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;  // a chain whose innermost input is absent; may be absent itself
  Body body;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> bindings;
  Body body;
};
struct Macro {
  NameId name;
  std::shared_ptr<const MacroDefinition> definition;
};
struct CallBlock {
  ExpressionPtr call;
  std::shared_ptr<const MacroDefinition> caller;
};
// {% generation %}: what the assistant said.
struct Generation {
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Text, Output, Evaluate, If, For, Set, SetBlock, FilterBlock, With, Macro, CallBlock,
               Generation, Break, Continue>
      node;
  Line line;
};

struct Template {
  std::string name;
  std::vector<std::string> names;
  Body body;
};

}  // namespace hearth::text::jinja
