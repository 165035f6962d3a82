#include "text/tools/tool_calls.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "text/tools/answer_parser.h"
#include "text/tools/call_grammar.h"
#include "text/tools/call_reader.h"
#include "text/tools/call_syntax.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxShown = 60;

// A value for a message.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown - 3) + "...";
  return text;
}

template <typename... Args>
Error wrong_tool(size_t i, std::string_view field, fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidArgument, "tools[{}]{}: {}", i, field,
                    fmt::format(format, std::forward<Args>(args)...));
}

bool is_tool_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxToolName &&
         std::all_of(name.begin(), name.end(), is_tool_name_character);
}

Result<std::string> parameters_of(const Json& function, size_t i) {
  const auto found = function.find("parameters");
  if (found == function.end() || found->is_null()) return std::string();
  if (!found->is_object()) {
    return wrong_tool(i, ".function.parameters", "expected a JSON Schema, found {}", shown(*found));
  }
  if (found->empty()) return std::string();
  Json schema = *found;
  const auto type = schema.find("type");
  if (type == schema.end()) {
    schema["type"] = "object";
  } else if (*type != "object") {
    return wrong_tool(i, ".function.parameters.type", "expected \"object\", found {}", shown(*type));
  }
  return schema.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Tool> tool_of(const Json& tool, size_t i) {
  if (!tool.is_object()) return wrong_tool(i, "", "expected an object, found {}", shown(tool));
  const auto type = tool.find("type");
  if (type == tool.end() || *type != "function") {
    return wrong_tool(i, ".type", "expected \"function\", found {}",
                      type == tool.end() ? "none" : shown(*type));
  }
  const auto function = tool.find("function");
  if (function == tool.end() || !function->is_object()) {
    return wrong_tool(i, ".function", "expected an object, found {}",
                      function == tool.end() ? "none" : shown(*function));
  }
  const auto name = function->find("name");
  if (name == function->end() || !name->is_string() || !is_tool_name(name->get_ref<const std::string&>())) {
    return wrong_tool(i, ".function.name", "expected 1 to {} letters, digits, '_', '.' or '-', found {}",
                      kMaxToolName, name == function->end() ? "none" : shown(*name));
  }
  HEARTH_ASSIGN(std::string parameters, parameters_of(*function, i));
  return Tool{name->get<std::string>(), std::move(parameters)};
}

class SyntaxFormat final : public ToolFormat {
 public:
  explicit SyntaxFormat(const CallSyntax& syntax) : syntax_(syntax) {}

  std::string_view name() const override { return syntax_.name; }

  std::unique_ptr<ToolCallParser> parser(std::span<const Tool> tools) const override {
    return make_answer_parser(syntax_, tools);
  }

  Result<grammar::GrammarBuilder::Node> add_answer(grammar::GrammarBuilder& builder,
                                                   std::span<const Tool> tools,
                                                   const ToolUse& use) const override {
    return add_call_answer(builder, syntax_, tools, use);
  }

  std::string text_begin() const override {
    if (syntax_.text_recipient.empty()) return {};
    return syntax_.part_begin(syntax_.text_recipient).substr(syntax_.call_begin.size());
  }

  std::vector<std::string> marks() const override {
    const CallSyntax& s = syntax_;
    std::vector<std::string> marks;
    for (const std::string_view mark :
         {s.section_begin, s.section_end, s.call_begin, s.call_end, s.longer_begins[0], s.longer_begins[1],
          s.after_text, s.before_name.texts[0], s.before_name.end, s.name_begin, s.after_name.texts[0],
          s.after_name.end, s.arguments_begin, s.parameters.key_begin, s.parameters.key_end,
          s.parameters.value_begin, s.parameters.value_end, s.parameters.end, s.literals.quote}) {
      if (!mark.empty()) marks.emplace_back(mark);
    }
    return marks;
  }

 private:
  const CallSyntax& syntax_;
};

}  // namespace

Result<std::vector<Tool>> tools_of(const Json& tools) {
  if (!tools.is_array()) {
    return make_error(ErrorCode::kInvalidArgument, "tools: expected an array, found {}", shown(tools));
  }
  std::vector<Tool> found;
  std::set<std::string> names;
  for (size_t i = 0; i < tools.size(); ++i) {
    HEARTH_ASSIGN(Tool tool, tool_of(tools[i], i));
    if (!names.insert(tool.name).second) {
      return wrong_tool(i, ".function.name", "expected a name that no other tool has, found \"{}\"",
                        tool.name);
    }
    found.push_back(std::move(tool));
  }
  return found;
}

std::unique_ptr<const ToolFormat> find_tool_format(std::string_view template_source) {
  const CallSyntax* syntax = find_call_syntax(template_source);
  if (syntax == nullptr) return nullptr;
  return std::make_unique<SyntaxFormat>(*syntax);
}

}  // namespace hearth::text
