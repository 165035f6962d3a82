#include "text/chat/ollama_values.h"

#include <utility>

#include "text/go_template/go_template.h"

namespace hearth::text {
namespace {

using Go = go_template::Value;
using go_template::List;
using go_template::Map;
using go_template::Record;
using go_template::StringMethod;

const Value* find(const Value& dict, std::string_view key) {
  return dict.is_dict() ? dict.dict_data().find(key) : nullptr;
}

std::string text_of(const Value& dict, std::string_view key) {
  const Value* value = find(dict, key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

Go go_text(const Value& dict, std::string_view key) {
  return Go::string(text_of(dict, key));
}

Go go_any(const Value& dict, std::string_view key) {
  const Value* value = find(dict, key);
  return value == nullptr ? Go::nil() : go_template::value_of(*value);
}

// A list of strings; nil where there is none.
Go go_texts(const Value& dict, std::string_view key) {
  List list{.type = "[]string", .is_nil = true};
  const Value* value = find(dict, key);
  if (value != nullptr && value->is(Value::Kind::kSequence)) {
    list.is_nil = false;
    for (const Value& item : value->items()) {
      if (item.is_string()) list.items.push_back(Go::string(std::string(item.as_string())));
    }
  }
  return Go::list(std::move(list));
}

// "string", or a list of such.
Go go_type(const Value& property) {
  List list{.type = "api.PropertyType", .string_method = StringMethod::kNames};
  const Value* type = find(property, "type");
  if (type != nullptr && type->is_string()) {
    list.items.push_back(Go::string(std::string(type->as_string())));
  } else if (type != nullptr && type->is(Value::Kind::kSequence)) {
    list.items = go_texts(property, "type").as_list().items;
  } else {
    list.is_nil = true;
  }
  return Go::list(std::move(list));
}

Go property_of(const Value& property);

// A property's own properties: seen as JSON only, in the order of the schema.
Go inner_properties(const Value* properties) {
  if (properties == nullptr || !properties->is_dict()) return Go::nil();
  Record record{.type = "api.ToolPropertiesMap", .is_pointer = true, .is_json_object = true};
  for (const auto& [key, value] : properties->dict_data().entries) {
    const std::string_view name = key.as_string();
    record.fields.push_back({.name = name, .json_name = name, .value = property_of(value)});
  }
  return Go::record(std::move(record));
}

Go property_of(const Value& property) {
  Record record{.type = "api.ToolProperty"};
  List any_of{.type = "[]api.ToolProperty"};
  const Value* choices = find(property, "anyOf");
  if (choices != nullptr && choices->is(Value::Kind::kSequence)) {
    for (const Value& choice : choices->items()) any_of.items.push_back(property_of(choice));
  }
  any_of.is_nil = any_of.items.empty();
  const Value* values = find(property, "enum");
  const bool has_values = values != nullptr && values->is(Value::Kind::kSequence);
  Go enumeration = has_values ? go_template::value_of(*values) : Go::list(List{.is_nil = true});
  record.fields = {
      {"AnyOf", "anyOf", true, Go::list(std::move(any_of))},
      {"Type", "type", true, go_type(property)},
      {"Items", "items", true, go_any(property, "items")},
      {"Description", "description", true, go_text(property, "description")},
      {"Enum", "enum", true, std::move(enumeration)},
      {"Properties", "properties", true, inner_properties(find(property, "properties"))},
      {"Required", "required", true, go_texts(property, "required")},
  };
  return Go::record(std::move(record));
}

Go parameters_of(const Value* parameters) {
  const Value nothing = Value::dict({});
  const Value& schema = parameters == nullptr ? nothing : *parameters;
  Map properties{.type = "template.templateProperties",
                 .string_method = StringMethod::kJson,
                 .is_nil = true,
                 .missing = property_of(nothing)};
  const Value* named = find(schema, "properties");
  if (named != nullptr && named->is_dict()) {
    properties.is_nil = false;
    for (const auto& [key, value] : named->dict_data().entries)
      properties.entries.emplace_back(std::string(key.as_string()), property_of(value));
  }
  Record record{.type = "template.templateToolFunctionParameters"};
  record.fields = {
      {"Type", "type", false, go_text(schema, "type")},
      {"Defs", "$defs", true, go_any(schema, "$defs")},
      {"Items", "items", true, go_any(schema, "items")},
      {"Required", "required", true, go_texts(schema, "required")},
      {"Properties", "properties", false, Go::map(std::move(properties))},
  };
  return Go::record(std::move(record));
}

// Arguments are an object, or its JSON text.
Go arguments_of(const Value* arguments) {
  Map map{.type = "template.templateArgs", .string_method = StringMethod::kJson};
  Value object = arguments == nullptr ? Value() : *arguments;
  if (object.is_string()) {
    if (auto parsed = value_from_json(object.as_string())) object = std::move(*parsed);
  }
  if (object.is_dict()) map.entries = go_template::value_of(object).as_map().entries;
  return Go::map(std::move(map));
}

std::vector<Go> calls_of(const Value& message) {
  std::vector<Go> calls;
  const Value* listed = find(message, "tool_calls");
  if (listed == nullptr || !listed->is(Value::Kind::kSequence)) return calls;
  const Value nothing = Value::dict({});
  for (const Value& call : listed->items()) {
    const Value* function = find(call, "function");
    if (function == nullptr) function = &nothing;
    Record called{.type = "template.templateToolCallFunction"};
    called.fields = {{"Index", "Index", false, Go::integer(static_cast<int64_t>(calls.size()))},
                     {"Name", "Name", false, go_text(*function, "name")},
                     {"Arguments", "Arguments", false, arguments_of(find(*function, "arguments"))}};
    Record record{.type = "template.templateToolCall"};
    record.fields = {{"ID", "ID", false, go_text(call, "id")},
                     {"Function", "Function", false, Go::record(std::move(called))}};
    calls.push_back(Go::record(std::move(record)));
  }
  return calls;
}

Go value_of(const OllamaMessage& message) {
  List calls{.items = message.tool_calls,
             .type = "[]template.templateToolCall",
             .is_nil = message.tool_calls.empty()};
  Record record{.type = "template.templateMessage", .is_pointer = true};
  record.fields = {
      {"Role", "Role", false, Go::string(message.role)},
      {"Content", "Content", false, Go::string(message.content)},
      {"Thinking", "Thinking", false, Go::string(message.thinking)},
      {"Images", "Images", false, Go::list(List{.type = "[]api.ImageData", .is_nil = true})},
      {"ToolCalls", "ToolCalls", false, Go::list(std::move(calls))},
      {"ToolName", "ToolName", false, Go::string(message.tool_name)},
      {"ToolCallID", "ToolCallID", false, Go::string(message.tool_call_id)},
  };
  return Go::record(std::move(record));
}

}  // namespace

Result<std::vector<OllamaMessage>> ollama_messages(const Value& messages) {
  const auto refuse = [] {
    return make_error(ErrorCode::kInvalidArgument,
                      "messages: expected a list of messages with a role and a text as content");
  };
  if (!messages.is(Value::Kind::kSequence)) return refuse();
  std::vector<OllamaMessage> read;
  for (const Value& message : messages.items()) {
    const Value* content = find(message, "content");
    const bool has_text = content == nullptr || content->is_none() || content->is_string();
    if (!message.is_dict() || !has_text) return refuse();
    OllamaMessage next{.role = text_of(message, "role"), .content = text_of(message, "content")};
    next.thinking = text_of(message, "thinking");
    if (next.thinking.empty()) next.thinking = text_of(message, "reasoning_content");
    next.tool_calls = calls_of(message);
    next.tool_name = text_of(message, "name");
    next.tool_call_id = text_of(message, "tool_call_id");
    if (read.empty() || read.back().role != next.role || next.role == "tool") {
      read.push_back(std::move(next));
      continue;
    }
    OllamaMessage& last = read.back();
    last.content += "\n\n" + next.content;
    last.thinking += (last.thinking.empty() || next.thinking.empty() ? "" : "\n\n") + next.thinking;
    last.tool_calls.insert(last.tool_calls.end(), next.tool_calls.begin(), next.tool_calls.end());
  }
  return read;
}

Go value_of(const std::vector<OllamaMessage>& messages) {
  List list{.type = "[]*template.templateMessage"};
  for (const OllamaMessage& message : messages) list.items.push_back(value_of(message));
  return Go::list(std::move(list));
}

Result<Go> ollama_tools(const Value* tools) {
  List list{.type = "template.templateTools", .string_method = StringMethod::kJson, .is_nil = true};
  if (tools == nullptr || tools->is_none()) return Go::list(std::move(list));
  if (!tools->is(Value::Kind::kSequence))
    return make_error(ErrorCode::kInvalidArgument, "tools: expected a list");
  list.is_nil = false;
  const Value nothing = Value::dict({});
  for (const Value& tool : tools->items()) {
    const Value* function = find(tool, "function");
    if (function == nullptr) function = &nothing;
    Record described{.type = "template.templateToolFunction"};
    described.fields = {
        {"Name", "name", false, go_text(*function, "name")},
        {"Description", "description", false, go_text(*function, "description")},
        {"Parameters", "parameters", false, parameters_of(find(*function, "parameters"))},
    };
    Record record{.type = "template.templateTool", .string_method = StringMethod::kJson};
    record.fields = {
        {"Type", "type", false, go_text(tool, "type")},
        {"Items", "items", true, go_any(tool, "items")},
        {"Function", "function", false, Go::record(std::move(described))},
    };
    list.items.push_back(Go::record(std::move(record)));
  }
  return Go::list(std::move(list));
}

}  // namespace hearth::text
