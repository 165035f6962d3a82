#include "text/go_template/interpreter.h"

#include <algorithm>

#include "base/excerpt.h"
#include "text/go_template/json.h"
#include "text/go_template/printing.h"

namespace hearth::text::go_template {
namespace {

using Kind = Value::Kind;

Error at(Position position, const Error& error) {
  return {error.code(), fmt::format("{}:{}: {}", position.line, position.column, error.message())};
}

template <typename... Args>
Error error_at(Position position, fmt::format_string<Args...> format, Args&&... args) {
  return at(position, execution_error(format, std::forward<Args>(args)...));
}

// Counts what is being evaluated at a time, which bounds the stack.
class DepthGuard {
 public:
  explicit DepthGuard(size_t& depth) : depth_(++depth) {}
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  ~DepthGuard() { --depth_; }

  Result<void> check(Position position) const {
    if (depth_ <= jinja::kMaxEvaluationDepth) return {};
    return make_error(ErrorCode::kResourceExhausted, "{}:{}: nested more than {} deep", position.line,
                      position.column, jinja::kMaxEvaluationDepth);
  }

 private:
  size_t& depth_;
};

// What a step of a pipeline passes on: an interface that holds nothing is no value.
Value without_interface(Value value) {
  return value.is(Kind::kNil) ? Value() : std::move(value);
}

}  // namespace

Result<std::string> Interpreter::run(const Value& data) {
  variables_.push_back({"$", data});
  HEARTH_TRY(walk(data, tree_.root));
  n_written_ = out_.size();
  return std::move(out_);
}

Result<void> Interpreter::write(std::string_view text) {
  if (text.size() > limits_.max_output_bytes - out_.size()) {
    return make_error(ErrorCode::kResourceExhausted, "the template writes more than {} bytes",
                      limits_.max_output_bytes);
  }
  out_ += text;
  return {};
}

Result<Interpreter::Flow> Interpreter::walk(const Value& dot, const NodeList& nodes) {
  for (const Node& node : nodes) {
    HEARTH_ASSIGN(const Flow flow, walk(dot, node));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::walk(const Value& dot, const Node& node) {
  const DepthGuard guard(depth_);
  HEARTH_TRY(guard.check(node.at));
  if (const auto paid = budget_.steps(1); !paid) return at(node.at, paid.error());
  switch (node.kind) {
    case Node::Kind::kText:
      if (const auto written = write(node.text); !written) return at(node.at, written.error());
      return Flow::kNext;
    case Node::Kind::kAction: {
      HEARTH_ASSIGN(const Value value, pipeline(dot, node.pipeline.front()));
      if (!node.pipeline.front().variables.empty()) return Flow::kNext;
      const auto text = printed(value, budget_);
      if (!text) return at(node.at, text.error());
      if (const auto written = write(*text); !written) return at(node.at, written.error());
      return Flow::kNext;
    }
    case Node::Kind::kIf:
    case Node::Kind::kWith:
      return walk_branch(dot, node);
    case Node::Kind::kRange:
      return walk_range(dot, node);
    case Node::Kind::kTemplate:
      HEARTH_TRY(walk_call(dot, node));
      return Flow::kNext;
    case Node::Kind::kBreak:
      return Flow::kBreak;
    case Node::Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::walk_branch(const Value& dot, const Node& node) {
  const size_t n_variables = variables_.size();
  HEARTH_ASSIGN(const Value value, pipeline(dot, node.pipeline.front()));
  const bool is_with = node.kind == Node::Kind::kWith;
  auto flow = is_true(value) ? walk(is_with ? value : dot, node.body) : walk(dot, node.otherwise);
  variables_.resize(n_variables);
  return flow;
}

Result<Interpreter::Flow> Interpreter::walk_element(const Node& node, const Value& index,
                                                    const Value& element) {
  if (const auto paid = budget_.steps(1); !paid) return at(node.at, paid.error());
  const Pipeline& pipe = node.pipeline.front();
  const size_t n_variables = variables_.size();
  const size_t n_named = pipe.variables.size();
  // With one variable, it is the element's.
  for (size_t i = 0; i < n_named; ++i) {
    const Value& value = i + 1 < n_named ? index : element;
    if (pipe.assigns) {
      HEARTH_ASSIGN(Value* const there, variable(pipe.variables[i], pipe.at));
      *there = value;
    } else {
      variables_[n_variables - n_named + i].value = value;
    }
  }
  auto flow = walk(element, node.body);
  variables_.resize(n_variables);
  return flow;
}

Result<Interpreter::Flow> Interpreter::walk_range(const Value& dot, const Node& node) {
  const Pipeline& pipe = node.pipeline.front();
  const size_t n_variables = variables_.size();
  HEARTH_ASSIGN(const Value over, pipeline(dot, pipe));
  const auto go_through = [&](size_t n, auto&& element_at) -> Result<Flow> {
    for (size_t i = 0; i < n; ++i) {
      const std::pair<Value, Value> element = element_at(i);
      HEARTH_ASSIGN(const Flow flow, walk_element(node, element.first, element.second));
      if (flow == Flow::kBreak) break;
    }
    return Flow::kNext;
  };
  Result<Flow> flow = Flow::kNext;
  bool is_empty = false;
  if (over.is(Kind::kList)) {
    const std::vector<Value>& items = over.as_list().items;
    is_empty = items.empty();
    flow = go_through(items.size(),
                      [&](size_t i) { return std::pair(Value::integer(static_cast<int64_t>(i)), items[i]); });
  } else if (over.is(Kind::kMap)) {
    const std::vector<Map::Entry>& entries = over.as_map().entries;
    is_empty = entries.empty();
    flow = go_through(entries.size(), [&](size_t i) {
      return std::pair(Value::string(entries[i].first), entries[i].second);
    });
  } else if (over.is(Kind::kInt) || over.is(Kind::kByte)) {
    if (pipe.variables.size() > 1)
      return error_at(pipe.at, "can't use a number to iterate over more than one variable");
    const int64_t n = over.is(Kind::kInt) ? over.as_int() : over.as_byte();
    is_empty = n <= 0;
    flow = go_through(is_empty ? 0 : static_cast<size_t>(n),
                      [&](size_t i) { return std::pair(Value(), Value::integer(static_cast<int64_t>(i))); });
  } else if (over.is_nothing()) {
    is_empty = true;
  } else {
    return error_at(pipe.at, "range can't iterate over a value of type {}", type_name(over));
  }
  if (!flow) return flow.error();
  if (is_empty) flow = walk(dot, node.otherwise);
  variables_.resize(n_variables);
  return flow;
}

Result<void> Interpreter::walk_call(const Value& dot, const Node& node) {
  const auto defined = tree_.defined.find(node.text);
  if (defined == tree_.defined.end())
    return error_at(node.at, "template {} not defined", quoted_excerpt(node.text));
  Value data;
  if (!node.pipeline.empty()) {
    HEARTH_ASSIGN(data, pipeline(dot, node.pipeline.front()));
  }
  const size_t n_variables = variables_.size();
  const size_t frame = std::exchange(frame_, n_variables);
  variables_.push_back({"$", data});
  HEARTH_TRY(walk(data, defined->second));
  variables_.resize(n_variables);
  frame_ = frame;
  return {};
}

// --- Pipelines
// ----------------------------------------------------------------------------------------------

Result<Value> Interpreter::pipeline(const Value& dot, const Pipeline& pipe) {
  const DepthGuard guard(depth_);
  HEARTH_TRY(guard.check(pipe.at));
  Value value;
  Final final = nullptr;
  for (const Command& step : pipe.commands) {
    HEARTH_ASSIGN(Value next, command(dot, step, final));
    value = without_interface(std::move(next));
    final = &value;
  }
  for (const std::string& name : pipe.variables) {
    if (pipe.assigns) {
      HEARTH_ASSIGN(Value* const there, variable(name, pipe.at));
      *there = value;
    } else {
      variables_.push_back({name, value});
    }
  }
  return value;
}

Result<Value> Interpreter::command(const Value& dot, const Command& command, Final final) {
  const Operand& first = command.operands.front();
  if (const auto paid = budget_.steps(1); !paid) return at(first.at, paid.error());
  const bool has_arguments = command.operands.size() > 1 || final != nullptr;
  const auto not_callable = [&] {
    return error_at(first.at, "can't give argument to non-function {}", quoted_excerpt(first.text, 40));
  };
  switch (first.kind) {
    case Operand::Kind::kFunction:
      return call(dot, first, std::span(command.operands).subspan(1), final);
    case Operand::Kind::kField:
    case Operand::Kind::kChain:
      return named(dot, first, has_arguments);
    case Operand::Kind::kVariable:
      if (has_arguments && first.names.size() == 1) return not_callable();
      return named(dot, first, has_arguments);
    case Operand::Kind::kNil:
      return error_at(first.at, "nil is not a command");
    default:
      if (has_arguments) return not_callable();
      return argument(dot, first);
  }
}

Result<Value> Interpreter::argument(const Value& dot, const Operand& operand) {
  const DepthGuard guard(depth_);
  HEARTH_TRY(guard.check(operand.at));
  if (const auto paid = budget_.steps(1); !paid) return at(operand.at, paid.error());
  switch (operand.kind) {
    case Operand::Kind::kDot:
      return dot;
    case Operand::Kind::kNil:
      return Value::nil();
    case Operand::Kind::kConstant:
      return operand.value;
    case Operand::Kind::kPipeline:
      return pipeline(dot, operand.inner.front());
    case Operand::Kind::kFunction:
      return call(dot, operand, {}, nullptr);
    default:
      return named(dot, operand, false);
  }
}

// A field of dot, of a variable or of a term in front of it.
Result<Value> Interpreter::named(const Value& dot, const Operand& operand, bool has_arguments) {
  switch (operand.kind) {
    case Operand::Kind::kField:
      return fields(dot, operand, 0, has_arguments);
    case Operand::Kind::kVariable: {
      HEARTH_ASSIGN(const Value* const value, variable(operand));
      return fields(*value, operand, 1, has_arguments);
    }
    default:
      break;
  }
  Value receiver;
  if (operand.inner_term.empty()) {
    HEARTH_ASSIGN(receiver, pipeline(dot, operand.inner.front()));
  } else {
    HEARTH_ASSIGN(receiver, argument(dot, operand.inner_term.front()));
  }
  return fields(std::move(receiver), operand, 0, has_arguments);
}

Result<Value> Interpreter::fields(Value receiver, const Operand& operand, size_t first, bool has_arguments) {
  for (size_t i = first; i < operand.names.size(); ++i) {
    const bool is_last = i + 1 == operand.names.size();
    HEARTH_ASSIGN(receiver, field(receiver, operand.names[i], operand, is_last && has_arguments));
  }
  return receiver;
}

Result<Value> Interpreter::field(const Value& receiver, const std::string& name, const Operand& operand,
                                 bool has_arguments) {
  if (receiver.is(Kind::kInvalid)) return Value();
  if (receiver.is(Kind::kNil)) return error_at(operand.at, "nil pointer evaluating interface {{}}.{}", name);
  if (name == "String" && string_method_of(receiver) != StringMethod::kNone) {
    if (has_arguments) return error_at(operand.at, "wrong number of args for String: want 0");
    auto text = printed(receiver, budget_);
    if (!text) return at(operand.at, text.error());
    return Value::string(std::move(*text));
  }
  if (has_arguments) return error_at(operand.at, "{} has arguments but cannot be invoked as function", name);
  if (receiver.is(Kind::kMap)) {
    const Value* found = receiver.as_map().find(name);
    return found != nullptr ? *found : receiver.as_map().missing;
  }
  const Value* found = receiver.is(Kind::kRecord) ? receiver.as_record().find(name) : nullptr;
  if (found == nullptr)
    return error_at(operand.at, "can't evaluate field {} in type {}", name, type_name(receiver));
  return *found;
}

Result<Value*> Interpreter::variable(std::string_view name, Position position) {
  for (size_t i = variables_.size(); i > frame_; --i) {
    if (variables_[i - 1].name == name) return &variables_[i - 1].value;
  }
  return error_at(position, "undefined variable: {}", name);
}

Result<Value*> Interpreter::variable(const Operand& operand) {
  return variable(operand.names.front(), operand.at);
}

// --- Calls
// --------------------------------------------------------------------------------------------------

const Function* Interpreter::find_function(std::string_view name) const {
  for (const std::span<const Function> functions : functions_) {
    const auto found = std::ranges::find(functions, name, &Function::name);
    if (found != functions.end()) return &*found;
  }
  return nullptr;
}

Result<Value> Interpreter::and_or(const Value& dot, bool is_or, const Operand& function,
                                  std::span<const Operand> operands, Final final) {
  if (operands.empty() && final == nullptr)
    return error_at(function.at, "wrong number of args for {}: want at least 1 got 0",
                    function.names.front());
  Value value;
  for (const Operand& operand : operands) {
    HEARTH_ASSIGN(value, argument(dot, operand));
    if (is_true(value) == is_or) return value;
  }
  return final != nullptr ? *final : value;
}

Result<Value> Interpreter::call(const Value& dot, const Operand& function, std::span<const Operand> operands,
                                Final final) {
  const DepthGuard guard(depth_);
  HEARTH_TRY(guard.check(function.at));
  const std::string& name = function.names.front();
  if (name == "and" || name == "or") return and_or(dot, name == "or", function, operands, final);
  const Function* const called = find_function(name);
  if (called == nullptr) return error_at(function.at, "{} is not a defined function", quoted_excerpt(name));
  const size_t n = operands.size() + (final != nullptr ? 1 : 0);
  if (n < called->least || n > called->most) {
    return error_at(function.at, "wrong number of args for {}: want {}{} got {}", name,
                    called->most == SIZE_MAX ? "at least " : "", called->least, n);
  }
  std::vector<Value> arguments;
  arguments.reserve(n);
  for (const Operand& operand : operands) {
    HEARTH_ASSIGN(Value value, argument(dot, operand));
    arguments.push_back(without_interface(std::move(value)));
  }
  if (final != nullptr) arguments.push_back(*final);
  for (size_t i = 0; i < std::min(n, called->n_strings); ++i) {
    if (!arguments[i].is(Kind::kString))
      return error_at(function.at, "wrong type for value; expected string; got {}", type_name(arguments[i]));
  }
  auto result = called->call(environment_, arguments);
  if (!result) return at(function.at, result.error().in(fmt::format("error calling {}", name)));
  return result;
}

}  // namespace hearth::text::go_template
