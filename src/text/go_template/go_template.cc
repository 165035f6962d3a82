#include "text/go_template/go_template.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "text/go_template/functions.h"
#include "text/go_template/interpreter.h"
#include "text/go_template/parser.h"

namespace hearth::text::go_template {
namespace {

using Names = std::set<std::string, std::less<>>;

std::array<std::span<const Function>, 2> all_functions() {
  return {ollama_functions(), builtin_functions()};
}

bool is_function(std::string_view name) {
  if (name == "and" || name == "or") return true;
  return std::ranges::any_of(all_functions(), [&](std::span<const Function> functions) {
    return std::ranges::find(functions, name, &Function::name) != functions.end();
  });
}

std::tm local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

void add_names(const Pipeline& pipeline, Names& names);

void add_names(const Operand& operand, Names& names) {
  const bool is_named = operand.kind == Operand::Kind::kField || operand.kind == Operand::Kind::kVariable ||
                        operand.kind == Operand::Kind::kChain;
  if (is_named) names.insert(operand.names.begin(), operand.names.end());
  for (const Pipeline& inner : operand.inner) add_names(inner, names);
  for (const Operand& inner : operand.inner_term) add_names(inner, names);
}

void add_names(const Pipeline& pipeline, Names& names) {
  for (const Command& command : pipeline.commands) {
    for (const Operand& operand : command.operands) add_names(operand, names);
  }
}

void add_names(const NodeList& nodes, Names& names) {
  for (const Node& node : nodes) {
    for (const Pipeline& pipeline : node.pipeline) add_names(pipeline, names);
    add_names(node.body, names);
    add_names(node.otherwise, names);
  }
}

}  // namespace

Result<Template> Template::parse(std::string_view source, const std::string& name) {
  auto tree = go_template::parse(source, is_function);
  if (!tree) return Error(tree.error().code(), fmt::format("{}:{}", name, tree.error().message()));
  return Template(std::move(*tree), name);
}

Result<std::string> Template::execute(const Value& data, const RenderOptions& options) const {
  RenderLimits limits = options.limits;
  return execute_within(data, options, limits);
}

Result<std::string> Template::execute_within(const Value& data, const RenderOptions& options,
                                             RenderLimits& limits) const {
  const auto functions = all_functions();
  Interpreter interpreter(*tree_, functions, limits, options.now ? *options.now : local_time());
  auto text = interpreter.run(data);
  if (!text) return Error(text.error().code(), fmt::format("{}:{}", name_, text.error().message()));
  limits = interpreter.left();
  return text;
}

Names Template::names() const {
  Names names;
  add_names(tree_->root, names);
  for (const auto& [name, nodes] : tree_->defined) add_names(nodes, names);
  return names;
}

}  // namespace hearth::text::go_template
