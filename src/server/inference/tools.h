// The tools that a request brings along, and how they may be called.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "protocol/engine.pb.h"
#include "server/wire/json_body.h"

namespace hearth::server::inference {

class Tools {
 public:
  // Notes a name that is no tool's, or another tool's. `parameters`, a JSON Schema, may be absent: then they
  // are any object.
  void add(const wire::Field& name, const wire::Field& description, const wire::Field& parameters);

  bool empty() const noexcept { return names_.empty(); }
  bool contains(const std::string& name) const { return names_.contains(name); }
  // As chat templates and engines take them: [{"type": "function", "function": {"name", "description",
  // "parameters"}}]. Each has all three, and its parameters have "properties": templates go through them.
  const wire::Json& json() const noexcept { return list_; }

 private:
  wire::Json list_ = wire::Json::array();
  std::set<std::string, std::less<>> names_;
};

// A list in OpenAI's form, which is Ollama's as well. Tools of other types are noted as not supported.
Tools read_function_tools(const wire::Field& list);

// That a call is required, or one of a certain tool: notes at `choice` where there is no such tool.
protocol::ToolUse require_call(const wire::Field& choice, const Tools& tools);
protocol::ToolUse require_call_of(const wire::Field& name, const Tools& tools);

// Why a model supports no tools, for people.
inline constexpr std::string_view kWhyNoTools =
    "its chat template does not show it any, or how it writes calls is not known";

// 400 where tools may be called and the model supports none.
wire::ApiResult<void> check_tools(const std::string& model, const protocol::Opened& description,
                                  const protocol::Generate& generate);

}  // namespace hearth::server::inference
