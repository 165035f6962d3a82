// Expressions of the interpreter.
#include "text/chat_template/filters.h"
#include "text/chat_template/interpreter.h"
#include "text/chat_template/methods.h"
#include "text/chat_template/operators.h"
#include "text/chat_template/representation.h"

namespace hearth::text::jinja {

Result<Value> Interpreter::evaluate(const Expression& expression) {
  line_ = expression.line;
  HEARTH_TRY(runtime_.budget().steps(1));
  if (depth_ >= kMaxEvaluationDepth) {
    return make_error(ErrorCode::kResourceExhausted, "evaluation is nested more than {} deep",
                      kMaxEvaluationDepth);
  }
  ++depth_;
  Result<Value> value = std::visit([&](const auto& node) { return value_of(node); }, expression.node);
  --depth_;
  return value;
}

Result<Value> Interpreter::evaluate_or_none(const ExpressionPtr& expression) {
  return expression == nullptr ? Value() : evaluate(*expression);
}

Result<Value> Interpreter::look_up(NameId name) {
  if (const Value* local = scope_->find(name)) return *local;
  std::optional<Value>& outer = outer_names_[name];
  if (outer) return *outer;
  const std::string& text = template_.names[name];
  const Value* given = context_.is_dict() ? context_.dict_data().find(text) : nullptr;
  if (given != nullptr) {
    outer = *given;
  } else if (const Function::Body function = find_global(text)) {
    HEARTH_ASSIGN(Function * object, runtime_.make<Function>(function));
    outer = Value::of(object);
  } else {
    outer = undefined_name(text);
  }
  return *outer;
}

Result<Value> Interpreter::value_of(const Literal& node) {
  return node.value;
}

Result<Value> Interpreter::value_of(const Name& node) {
  return look_up(node.id);
}

Result<Value> Interpreter::value_of(const ListLiteral& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExpressionPtr& each : node.items) {
    HEARTH_ASSIGN(Value item, evaluate(*each));
    items.push_back(std::move(item));
  }
  return runtime_.sequence(std::move(items),
                           node.is_tuple ? SequenceData::Form::kTuple : SequenceData::Form::kList);
}

Result<Value> Interpreter::value_of(const DictLiteral& node) {
  std::vector<DictData::Entry> entries;
  entries.reserve(node.entries.size());
  for (const auto& [key_expression, value_expression] : node.entries) {
    HEARTH_ASSIGN(Value key, evaluate(*key_expression));
    HEARTH_ASSIGN(Value value, evaluate(*value_expression));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return runtime_.dict(std::move(entries));
}

Result<Value> Interpreter::value_of(const Unary& node) {
  HEARTH_ASSIGN(const Value operand, evaluate(*node.operand));
  if (node.op == UnaryOperator::kNot) return Value::boolean(!is_truthy(operand));
  HEARTH_ASSIGN(const Value negated, negate(operand));
  if (node.op == UnaryOperator::kMinus) return negated;
  return operand.is(Value::Kind::kBool) ? Value::integer(operand.as_int()) : operand;
}

Result<Value> Interpreter::value_of(const Arithmetic& node) {
  HEARTH_ASSIGN(Value value, evaluate(*node.first));
  for (const auto& [op, expression] : node.rest) {
    HEARTH_ASSIGN(const Value operand, evaluate(*expression));
    HEARTH_ASSIGN(value, arithmetic(runtime_, op, value, operand));
  }
  return value;
}

Result<Value> Interpreter::value_of(const Concatenation& node) {
  std::string text;
  for (const ExpressionPtr& part : node.parts) {
    HEARTH_ASSIGN(const Value value, evaluate(*part));
    HEARTH_TRY(append_text(runtime_, text, value));
  }
  return Value::string(std::move(text));
}

Result<Value> Interpreter::value_of(const Logical& node) {
  Value value;
  for (const ExpressionPtr& operand : node.operands) {
    HEARTH_ASSIGN(value, evaluate(*operand));
    if (is_truthy(value) != node.is_and) break;
  }
  return value;
}

Result<Value> Interpreter::value_of(const Comparisons& node) {
  HEARTH_ASSIGN(Value left, evaluate(*node.first));
  for (const auto& [op, expression] : node.rest) {
    HEARTH_ASSIGN(Value right, evaluate(*expression));
    HEARTH_ASSIGN(const bool holds, compare(runtime_, op, left, right));
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::value_of(const Conditional& node) {
  HEARTH_ASSIGN(const Value condition, evaluate(*node.condition));
  if (is_truthy(condition)) return evaluate(*node.then);
  if (node.otherwise != nullptr) return evaluate(*node.otherwise);
  return undefined("the condition of an inline if without else is false");
}

Result<Value> Interpreter::value_of(const Attribute& node) {
  HEARTH_ASSIGN(const Value object, evaluate(*node.object));
  return get_attribute(runtime_, object, node.name);
}

Result<Value> Interpreter::value_of(const Item& node) {
  HEARTH_ASSIGN(const Value object, evaluate(*node.object));
  HEARTH_ASSIGN(const Value key, evaluate(*node.key));
  return get_item(runtime_, object, key);
}

Result<Value> Interpreter::value_of(const Slice& node) {
  HEARTH_ASSIGN(const Value object, evaluate(*node.object));
  HEARTH_ASSIGN(const Value start, evaluate_or_none(node.start));
  HEARTH_ASSIGN(const Value stop, evaluate_or_none(node.stop));
  HEARTH_ASSIGN(const Value step, evaluate_or_none(node.step));
  return get_slice(runtime_, object, start, stop, step);
}

Result<Arguments> Interpreter::evaluate_arguments(const CallArguments& arguments) {
  Arguments evaluated;
  for (const ExpressionPtr& each : arguments.positional) {
    HEARTH_ASSIGN(Value value, evaluate(*each));
    evaluated.positional.push_back(std::move(value));
  }
  if (arguments.more_positional != nullptr) {
    HEARTH_ASSIGN(const Value more, evaluate(*arguments.more_positional));
    HEARTH_ASSIGN(const std::vector<Value> items, iterate(runtime_, more));
    evaluated.positional.insert(evaluated.positional.end(), items.begin(), items.end());
  }
  for (const auto& [name, expression] : arguments.named) {
    HEARTH_ASSIGN(Value value, evaluate(*expression));
    evaluated.named.emplace_back(name, std::move(value));
  }
  if (arguments.more_named != nullptr) {
    HEARTH_ASSIGN(const Value more, evaluate(*arguments.more_named));
    if (!more.is_dict())
      return template_error("argument after ** must be a mapping, not {}", type_name(more));
    HEARTH_TRY(runtime_.budget().elements(more.dict_data().entries.size()));
    for (const auto& [key, value] : more.dict_data().entries) {
      if (!key.is_string()) return template_error("keywords must be strings");
      HEARTH_TRY(runtime_.budget().bytes(key.as_string().size()));
      evaluated.named.emplace_back(std::string(key.as_string()), value);
    }
  }
  return evaluated;
}

Result<Value> Interpreter::value_of(const Call& node) {
  return call(node, std::nullopt);
}

Result<Value> Interpreter::call(const Call& node, std::optional<Value> caller) {
  // A method is called without a value being made of it first.
  const auto* method = std::get_if<Attribute>(&node.callee->node);
  HEARTH_ASSIGN(Value callee, evaluate(method == nullptr ? *node.callee : *method->object));
  const bool is_method = method != nullptr && has_method(callee, method->name);
  if (method != nullptr && !is_method) {
    HEARTH_ASSIGN(callee, get_attribute(runtime_, callee, method->name));
  }
  HEARTH_ASSIGN(Arguments arguments, evaluate_arguments(node.arguments));
  if (caller) arguments.named.emplace_back("caller", *std::move(caller));
  if (is_method) return call_method(runtime_, callee, method->name, arguments);
  if (callee.is_undefined()) return undefined_error(callee);
  if (!callee.is(Value::Kind::kObject))
    return template_error("'{}' object is not callable", type_name(callee));
  return callee.object().call(runtime_, arguments);
}

Result<Value> Interpreter::value_of(const Filter& node) {
  Value input;
  if (node.input == nullptr) {
    HEARTH_CHECK(block_input_ != nullptr);
    input = *block_input_;
  } else {
    HEARTH_ASSIGN(input, evaluate(*node.input));
  }
  const FilterFunction filter = find_filter(node.name);
  if (filter == nullptr) return template_error("no filter named '{}'", shortened(node.name));
  HEARTH_ASSIGN(const Arguments arguments, evaluate_arguments(node.arguments));
  return filter(runtime_, input, arguments);
}

Result<Value> Interpreter::value_of(const Test& node) {
  HEARTH_ASSIGN(const Value input, evaluate(*node.input));
  const TestFunction test = find_test(node.name);
  if (test == nullptr) return template_error("no test named '{}'", shortened(node.name));
  HEARTH_ASSIGN(const Arguments arguments, evaluate_arguments(node.arguments));
  HEARTH_ASSIGN(const bool holds, test(runtime_, input, arguments));
  return Value::boolean(holds);
}

}  // namespace hearth::text::jinja
