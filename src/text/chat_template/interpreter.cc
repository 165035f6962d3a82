#include "text/chat_template/interpreter.h"

#include "text/chat_template/loop.h"
#include "text/chat_template/operators.h"
#include "text/chat_template/representation.h"

namespace hearth::text::jinja {
namespace {

// A macro, or a call block's body, as a value.
class MacroObject final : public Object {
 public:
  MacroObject(Interpreter& interpreter, const MacroDefinition& definition, std::shared_ptr<Scope> scope)
      : interpreter_(interpreter), definition_(definition), scope_(std::move(scope)) {}

  std::string type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  std::string text() const override { return "<Macro '" + definition_.name + "'>"; }
  Result<Value> call(Runtime& /*runtime*/, const Arguments& arguments) override {
    return interpreter_.call_macro(definition_, scope_, arguments);
  }
  Result<std::optional<Value>> attribute(Runtime& runtime, std::string_view name) override {
    if (name != "name") return std::optional<Value>();
    HEARTH_ASSIGN(Value text, runtime.text(definition_.name));
    return std::optional(std::move(text));
  }

 private:
  Interpreter& interpreter_;
  const MacroDefinition& definition_;
  std::shared_ptr<Scope> scope_;
};

// Restores a variable of the interpreter on the way out, whichever way that is.
template <typename T>
class Restored {
 public:
  Restored(T& variable, T value) : variable_(variable), before_(std::exchange(variable, std::move(value))) {}
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
  ~Restored() { variable_ = std::move(before_); }

 private:
  T& variable_;
  T before_;
};

}  // namespace

Interpreter::Interpreter(const Template& what, const Value& context, Runtime& runtime)
    : template_(what),
      context_(context),
      runtime_(runtime),
      scope_(std::make_shared<Scope>(nullptr)),
      outer_names_(what.names.size()) {}

Result<void> Interpreter::run() {
  HEARTH_ASSIGN(const Flow flow, execute(template_.body));
  HEARTH_CHECK(flow == Flow::kNext);  // the parser refuses loop controls outside loops
  return {};
}

template <typename Run>
auto Interpreter::with_scope(std::shared_ptr<Scope> scope, Run&& run) {
  const Restored<std::shared_ptr<Scope>> restored(scope_, std::move(scope));
  return run();
}

template <typename Run>
Result<std::string> Interpreter::capture(Run&& run) {
  std::string text;
  const Restored<std::string*> restored(out_, &text);
  HEARTH_TRY(run());
  return text;
}

Result<std::string> Interpreter::captured(const Body& body, Flow& flow) {
  return capture([&]() -> Result<void> {
    HEARTH_ASSIGN(flow, execute_in_scope(body));
    return {};
  });
}

Result<void> Interpreter::write(std::string_view text) {
  if (out_ != &output_) {
    HEARTH_TRY(runtime_.budget().bytes(text.size()));
  } else if (text.size() > runtime_.budget().limits().max_output_bytes - output_.size()) {
    return make_error(ErrorCode::kResourceExhausted, "the template writes more than {} bytes",
                      runtime_.budget().limits().max_output_bytes);
  }
  out_->append(text);
  return {};
}

Result<Flow> Interpreter::execute(const Body& body) {
  const Restored<size_t> nesting(depth_, depth_ + 1);
  if (depth_ > kMaxEvaluationDepth) {
    return make_error(ErrorCode::kResourceExhausted, "evaluation is nested more than {} deep",
                      kMaxEvaluationDepth);
  }
  for (const Statement& statement : body) {
    HEARTH_ASSIGN(const Flow flow, execute(statement));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Flow> Interpreter::execute(const Statement& statement) {
  line_ = statement.line;
  HEARTH_TRY(runtime_.budget().steps(1));
  return std::visit([&](const auto& node) { return run_node(node); }, statement.node);
}

Result<Flow> Interpreter::execute_in_scope(const Body& body) {
  return with_scope(std::make_shared<Scope>(scope_), [&] { return execute(body); });
}

Result<Flow> Interpreter::run_node(const Text& node) {
  HEARTH_TRY(write(node.text));
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const Output& node) {
  for (const ExpressionPtr& each : node.values) {
    HEARTH_ASSIGN(const Value value, evaluate(*each));
    if (value.is_string()) {
      HEARTH_TRY(write(value.as_string()));
    } else {
      HEARTH_ASSIGN(const std::string text, to_text(runtime_, value));
      HEARTH_TRY(write(text));
    }
  }
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const Evaluate& node) {
  HEARTH_TRY(evaluate(*node.value));
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    HEARTH_ASSIGN(const Value value, evaluate(*condition));
    if (is_truthy(value)) return execute(body);
  }
  return execute(node.otherwise);
}

Result<Flow> Interpreter::run_node(const For& node) {
  HEARTH_ASSIGN(const Value iterable, evaluate(*node.iterable));
  HEARTH_TRY(run_loop(node, scope_, iterable, 0));
  return Flow::kNext;
}

Result<void> Interpreter::run_loop(const For& node, const std::shared_ptr<Scope>& scope,
                                   const Value& iterable, size_t depth) {
  HEARTH_ASSIGN(std::vector<Value> items, iterate(runtime_, iterable));
  bool walked = false;
  if (node.uses_loop) {
    HEARTH_ASSIGN(Loop * loop, runtime_.make<Loop>(*this, node, scope, std::move(items), depth));
    HEARTH_ASSIGN(walked, run_iterations(node, scope, *loop));
  } else {
    Loop loop(*this, node, scope, std::move(items), depth);
    HEARTH_ASSIGN(walked, run_iterations(node, scope, loop));
  }
  if (walked) return {};
  return with_scope(std::make_shared<Scope>(scope), [&]() -> Result<void> {
    HEARTH_TRY(execute(node.otherwise));
    return {};
  });
}

// Whether there was an item.
Result<bool> Interpreter::run_iterations(const For& node, const std::shared_ptr<Scope>& scope, Loop& loop) {
  bool walked = false;
  while (true) {
    HEARTH_ASSIGN(const std::optional<Value> item, loop.advance());
    if (!item) return walked;
    walked = true;
    HEARTH_TRY(runtime_.budget().steps(1));
    auto inner = std::make_shared<Scope>(scope);
    HEARTH_TRY(assign(*inner, node.target, *item));
    if (node.uses_loop) inner->variables[kLoopName] = Value::of(&loop);
    HEARTH_ASSIGN(const Flow flow, with_scope(std::move(inner), [&] { return execute(node.body); }));
    if (flow == Flow::kBreak) return walked;
  }
}

Result<Value> Interpreter::run_recursive_loop(const For& loop, const std::shared_ptr<Scope>& scope,
                                              const Value& iterable, size_t depth) {
  if (depth > kMaxDepth) {
    return make_error(ErrorCode::kResourceExhausted, "a loop recurses more than {} deep", kMaxDepth);
  }
  HEARTH_ASSIGN(std::string text, capture([&] { return run_loop(loop, scope, iterable, depth); }));
  return runtime_.text(std::move(text));
}

Result<bool> Interpreter::passes(const For& loop, const std::shared_ptr<Scope>& scope, const Value& item) {
  auto inner = std::make_shared<Scope>(scope);
  HEARTH_TRY(assign(*inner, loop.target, item));
  HEARTH_ASSIGN(const Value value, with_scope(std::move(inner), [&] { return evaluate(*loop.condition); }));
  return is_truthy(value);
}

Result<void> Interpreter::assign(Scope& scope, const Target& target, const Value& value) {
  if (target.is_tuple) {
    HEARTH_ASSIGN(const std::vector<Value> items, iterate(runtime_, value));
    if (items.size() != target.parts.size()) {
      return template_error("cannot unpack: expected {} values, found {}", target.parts.size(), items.size());
    }
    for (size_t i = 0; i < items.size(); ++i) HEARTH_TRY(assign(scope, target.parts[i], items[i]));
    return {};
  }
  if (target.attribute.empty()) {
    scope.variables[target.name] = value;
    return {};
  }
  HEARTH_ASSIGN(const Value object, look_up(target.name));
  auto* names = object.is(Value::Kind::kObject) ? dynamic_cast<Namespace*>(&object.object()) : nullptr;
  if (names == nullptr) return template_error("cannot assign attribute on non-namespace object");
  HEARTH_TRY(runtime_.budget().bytes(target.attribute.size()));
  names->set(target.attribute, value);
  return {};
}

Result<Flow> Interpreter::run_node(const Set& node) {
  HEARTH_ASSIGN(const Value value, evaluate(*node.value));
  HEARTH_TRY(assign(*scope_, node.target, value));
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const SetBlock& node) {
  Flow flow = Flow::kNext;
  HEARTH_ASSIGN(std::string text, captured(node.body, flow));
  if (flow != Flow::kNext) return flow;
  Value value = Value::string(std::move(text));
  if (node.filter != nullptr) {
    const Value input = std::move(value);
    const Restored<const Value*> restored(block_input_, &input);
    HEARTH_ASSIGN(value, evaluate(*node.filter));
  }
  HEARTH_TRY(assign(*scope_, node.target, value));
  return flow;
}

Result<Flow> Interpreter::run_node(const FilterBlock& node) {
  Flow flow = Flow::kNext;
  HEARTH_ASSIGN(std::string text, captured(node.body, flow));
  if (flow != Flow::kNext) return flow;
  const Value input = Value::string(std::move(text));
  const Restored<const Value*> restored(block_input_, &input);
  HEARTH_ASSIGN(const Value value, evaluate(*node.filter));
  HEARTH_ASSIGN(const std::string filtered, to_text(runtime_, value));
  HEARTH_TRY(write(filtered));
  return flow;
}

Result<Flow> Interpreter::run_node(const With& node) {
  auto inner = std::make_shared<Scope>(scope_);
  for (const auto& [target, expression] : node.bindings) {
    HEARTH_ASSIGN(const Value value, evaluate(*expression));
    HEARTH_TRY(assign(*inner, target, value));
  }
  return with_scope(std::move(inner), [&] { return execute(node.body); });
}

Result<Flow> Interpreter::run_node(const Macro& node) {
  HEARTH_ASSIGN(MacroObject * macro, runtime_.make<MacroObject>(*this, *node.definition, scope_));
  scope_->variables[node.name] = Value::of(macro);
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const CallBlock& node) {
  HEARTH_ASSIGN(MacroObject * caller, runtime_.make<MacroObject>(*this, *node.caller, scope_));
  HEARTH_ASSIGN(const Value value, call(std::get<Call>(node.call->node), Value::of(caller)));
  HEARTH_ASSIGN(const std::string text, to_text(runtime_, value));
  HEARTH_TRY(write(text));
  return Flow::kNext;
}

Result<Flow> Interpreter::run_node(const Generation& node) {
  const size_t begin = output_.size();
  HEARTH_ASSIGN(const Flow flow, execute_in_scope(node.body));
  if (out_ == &output_) generated_.push_back({begin, output_.size()});
  return flow;
}

Result<Flow> Interpreter::run_node(const Break& /*node*/) {
  return Flow::kBreak;
}

Result<Flow> Interpreter::run_node(const Continue& /*node*/) {
  return Flow::kContinue;
}

Result<Value> Interpreter::call_macro(const MacroDefinition& macro,
                                      const std::shared_ptr<Scope>& definition_scope,
                                      const Arguments& arguments) {
  const Restored<size_t> nesting(n_calls_, n_calls_ + 1);
  if (n_calls_ > kMaxDepth) {
    return make_error(ErrorCode::kResourceExhausted, "macros call one another more than {} deep", kMaxDepth);
  }
  const auto run = [&]() -> Result<void> {
    HEARTH_TRY(bind_parameters(macro, arguments));
    HEARTH_TRY(execute(macro.body));
    return {};
  };
  HEARTH_ASSIGN(std::string text,
                with_scope(std::make_shared<Scope>(definition_scope), [&] { return capture(run); }));
  return runtime_.text(std::move(text));
}

Result<void> Interpreter::bind_parameters(const MacroDefinition& macro, const Arguments& arguments) {
  const auto& parameters = macro.parameters;
  std::vector<std::optional<Value>> given(parameters.size());
  const size_t n_given = std::min(parameters.size(), arguments.positional.size());
  for (size_t i = 0; i < n_given; ++i) given[i] = arguments.positional[i];
  std::vector<DictData::Entry> surplus;
  Value caller = undefined("no caller defined");
  for (const auto& [name, value] : arguments.named) {
    HEARTH_TRY(runtime_.budget().steps(parameters.size()));
    size_t at = 0;
    while (at < parameters.size() && template_.names[parameters[at].name] != name) ++at;
    if (at < parameters.size()) {
      if (given[at])
        return template_error("macro '{}' got multiple values for '{}'", shortened(macro.name), name);
      given[at] = value;
    } else if (name == "caller" && macro.uses_caller) {
      caller = value;
    } else if (macro.uses_kwargs) {
      surplus.emplace_back(Value::string(name), value);
    } else {
      return template_error("macro '{}' takes no keyword argument '{}'", shortened(macro.name),
                            shortened(name));
    }
  }
  if (arguments.positional.size() > n_given && !macro.uses_varargs) {
    return template_error("macro '{}' takes not more than {} arguments", shortened(macro.name),
                          parameters.size());
  }
  auto& variables = scope_->variables;
  if (macro.uses_caller) variables[kCallerName] = caller;
  if (macro.uses_kwargs) {
    HEARTH_ASSIGN(variables[kKwargsName], runtime_.dict(std::move(surplus)));
  }
  if (macro.uses_varargs) {
    const auto first = arguments.positional.begin() + static_cast<ptrdiff_t>(n_given);
    HEARTH_ASSIGN(variables[kVarargsName],
                  runtime_.sequence({first, arguments.positional.end()}, SequenceData::Form::kTuple));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    HEARTH_TRY(runtime_.budget().steps(1));
    if (!given[i] && parameters[i].fallback != nullptr) {
      HEARTH_ASSIGN(given[i], evaluate(*parameters[i].fallback));
    }
    const std::string& name = template_.names[parameters[i].name];
    variables[parameters[i].name] =
        given[i] ? *given[i] : undefined(fmt::format("parameter '{}' was not provided", shortened(name)));
  }
  return {};
}

}  // namespace hearth::text::jinja
