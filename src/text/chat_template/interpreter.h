// Runs a template's tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/chat_template/ast.h"
#include "text/chat_template/runtime.h"
#include "text/chat_template/scope.h"

namespace hearth::text::jinja {

class Loop;

// How a statement ended.
enum class Flow { kNext, kBreak, kContinue };

// One per rendering; not thread-safe. The template and the context must outlive it.
class Interpreter {
 public:
  struct Range {
    size_t begin, end;
  };

  Interpreter(const Template& what, const Value& context, Runtime& runtime);

  Result<void> run();
  std::string& output() { return output_; }
  // Where {% generation %} blocks stand in output(), unless they are within something that is not written
  // there directly, such as a macro.
  std::vector<Range>& generated() { return generated_; }
  // The line that was reached last.
  Line line() const { return line_; }

  // For macros and loops.
  Result<Value> call_macro(const MacroDefinition& macro, const std::shared_ptr<Scope>& definition_scope,
                           const Arguments& arguments);
  Result<Value> run_recursive_loop(const For& loop, const std::shared_ptr<Scope>& scope,
                                   const Value& iterable, size_t depth);
  // Whether an item passes the loop's own `if`.
  Result<bool> passes(const For& loop, const std::shared_ptr<Scope>& scope, const Value& item);

 private:
  // Statements (interpreter.cc).
  Result<Flow> execute(const Body& body);
  Result<Flow> execute(const Statement& statement);
  Result<Flow> execute_in_scope(const Body& body);
  Result<Flow> run_node(const Text& node);
  Result<Flow> run_node(const Output& node);
  Result<Flow> run_node(const Evaluate& node);
  Result<Flow> run_node(const If& node);
  Result<Flow> run_node(const For& node);
  Result<Flow> run_node(const Set& node);
  Result<Flow> run_node(const SetBlock& node);
  Result<Flow> run_node(const FilterBlock& node);
  Result<Flow> run_node(const With& node);
  Result<Flow> run_node(const Macro& node);
  Result<Flow> run_node(const CallBlock& node);
  Result<Flow> run_node(const Generation& node);
  static Result<Flow> run_node(const Break& node);
  static Result<Flow> run_node(const Continue& node);
  Result<void> run_loop(const For& node, const std::shared_ptr<Scope>& scope, const Value& iterable,
                        size_t depth);
  Result<bool> run_iterations(const For& node, const std::shared_ptr<Scope>& scope, Loop& loop);
  Result<void> write(std::string_view text);
  Result<void> assign(Scope& scope, const Target& target, const Value& value);
  Result<void> bind_parameters(const MacroDefinition& macro, const Arguments& arguments);
  // The text that `body` writes; `flow` how it ended.
  Result<std::string> captured(const Body& body, Flow& flow);
  template <typename Run>
  Result<std::string> capture(Run&& run);
  template <typename Run>
  auto with_scope(std::shared_ptr<Scope> scope, Run&& run);

  // Expressions (evaluation.cc).
  Result<Value> evaluate(const Expression& expression);
  Result<Value> evaluate_or_none(const ExpressionPtr& expression);
  Result<Value> value_of(const Literal& node);
  Result<Value> value_of(const Name& node);
  Result<Value> value_of(const ListLiteral& node);
  Result<Value> value_of(const DictLiteral& node);
  Result<Value> value_of(const Unary& node);
  Result<Value> value_of(const Arithmetic& node);
  Result<Value> value_of(const Concatenation& node);
  Result<Value> value_of(const Logical& node);
  Result<Value> value_of(const Comparisons& node);
  Result<Value> value_of(const Conditional& node);
  Result<Value> value_of(const Attribute& node);
  Result<Value> value_of(const Item& node);
  Result<Value> value_of(const Slice& node);
  Result<Value> value_of(const Call& node);
  Result<Value> value_of(const Filter& node);
  Result<Value> value_of(const Test& node);
  Result<Value> call(const Call& node, std::optional<Value> caller);
  Result<Arguments> evaluate_arguments(const CallArguments& arguments);
  Result<Value> look_up(NameId name);

  const Template& template_;
  const Value& context_;
  Runtime& runtime_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::optional<Value>>
      outer_names_;  // by NameId: the context's and the global functions, once used
  std::string output_;
  std::string* out_ = &output_;
  std::vector<Range> generated_;
  const Value* block_input_ = nullptr;  // of the filter block whose filters run
  size_t depth_ = 0;
  size_t n_calls_ = 0;
  Line line_ = 1;
};

}  // namespace hearth::text::jinja
