#include "server/inference/tools.h"

#include <fmt/format.h>

namespace hearth::server::inference {
namespace {

using wire::Field;
using wire::Json;

Json parameters_of(const Field& field) {
  Json parameters = field.object().value_or(Json::object());
  if (!parameters.contains("type")) parameters["type"] = "object";
  if (parameters["type"] == "object" && !parameters.contains("properties"))
    parameters["properties"] = Json::object();
  return parameters;
}

}  // namespace

void Tools::add(const Field& name, const Field& description, const Field& parameters) {
  const auto text = name.required().string();
  if (!text) return;  // noted
  if (text->empty()) return name.expected("the name of a tool");
  if (!names_.insert(*text).second)
    return name.reject(fmt::format("another tool is called {} as well", wire::describe(Json(*text))));
  list_.push_back({{"type", "function"},
                   {"function",
                    {{"name", *text},
                     {"description", description.string().value_or("")},
                     {"parameters", parameters_of(parameters)}}}});
}

Tools read_function_tools(const Field& list) {
  Tools tools;
  for (const Field& tool : list.items()) {
    const Field type = tool["type"];
    const std::string name = type.string().value_or("function");
    if (name != "function") {
      type.reject(fmt::format("{} is not supported, only \"function\"", wire::describe(Json(name))));
      break;
    }
    const Field function = tool["function"].required();
    function["strict"].boolean();  // every call is held to its schema
    tools.add(function["name"], function["description"], function["parameters"]);
  }
  return tools;
}

protocol::ToolUse require_call(const Field& choice, const Tools& tools) {
  if (tools.empty()) choice.reject("there are no tools that could be called");
  protocol::ToolUse use;
  use.set_choice(protocol::ToolUse::REQUIRED);
  return use;
}

protocol::ToolUse require_call_of(const Field& name, const Tools& tools) {
  protocol::ToolUse use;
  use.set_choice(protocol::ToolUse::REQUIRED);
  use.set_name(name.required().string().value_or(""));
  if (name.present() && !tools.contains(use.name()))
    name.reject(fmt::format("there is no tool {}", wire::describe(name.json())));
  return use;
}

wire::ApiResult<void> check_tools(const std::string& model, const protocol::Opened& description,
                                  const protocol::Generate& generate) {
  if (!generate.has_tool_use() || description.has_template_tools()) return {};
  return wire::ApiError(
      400, fmt::format("tools: {} does not support tools: {}", wire::describe(Json(model)), kWhyNoTools),
      "tools");
}

}  // namespace hearth::server::inference
