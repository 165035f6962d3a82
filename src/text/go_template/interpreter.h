// Executes a parsed Go template.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/go_template/ast.h"
#include "text/go_template/functions.h"

namespace hearth::text::go_template {

// One per execution; not thread-safe. The tree and the functions must outlive it.
class Interpreter {
 public:
  Interpreter(const Tree& tree, std::span<const std::span<const Function>> functions,
              const RenderLimits& limits, const std::tm& now)
      : tree_(tree), functions_(functions), limits_(limits), budget_(limits_), environment_{budget_, now} {}

  // What the template writes. Errors begin with "line:column: ".
  Result<std::string> run(const Value& data);
  // What is left of the limits behind the text that run() gave.
  RenderLimits left() const {
    RenderLimits left = budget_.left();
    left.max_output_bytes -= n_written_;
    return left;
  }

 private:
  enum class Flow { kNext, kBreak, kContinue };
  struct Variable {
    std::string_view name;
    Value value;
  };
  // What came through a `|`, as the last argument of the next command.
  using Final = const Value*;

  Result<Flow> walk(const Value& dot, const NodeList& nodes);
  Result<Flow> walk(const Value& dot, const Node& node);
  Result<Flow> walk_branch(const Value& dot, const Node& node);
  Result<Flow> walk_range(const Value& dot, const Node& node);
  Result<Flow> walk_element(const Node& node, const Value& index, const Value& element);
  Result<void> walk_call(const Value& dot, const Node& node);
  Result<void> write(std::string_view text);

  Result<Value> pipeline(const Value& dot, const Pipeline& pipeline);
  Result<Value> command(const Value& dot, const Command& command, Final final);
  // Of an operand by itself, as an argument is.
  Result<Value> argument(const Value& dot, const Operand& operand);
  Result<Value> named(const Value& dot, const Operand& operand, bool has_arguments);
  Result<Value> fields(Value receiver, const Operand& operand, size_t first, bool has_arguments);
  Result<Value> field(const Value& receiver, const std::string& name, const Operand& operand,
                      bool has_arguments);
  Result<Value> call(const Value& dot, const Operand& function, std::span<const Operand> operands,
                     Final final);
  Result<Value> and_or(const Value& dot, bool is_or, const Operand& function,
                       std::span<const Operand> operands, Final final);
  const Function* find_function(std::string_view name) const;
  Result<Value*> variable(const Operand& operand);
  Result<Value*> variable(std::string_view name, Position at);

  const Tree& tree_;
  std::span<const std::span<const Function>> functions_;
  RenderLimits limits_;
  jinja::Budget budget_;
  Environment environment_;
  std::string out_;
  size_t n_written_ = 0;
  std::vector<Variable> variables_;
  size_t frame_ = 0;  // the first variable of the template that runs
  size_t depth_ = 0;
};

}  // namespace hearth::text::go_template
