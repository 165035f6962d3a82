#include "text/tools/argument_types.h"

#include <nlohmann/json.hpp>

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxVisits = 500;  // of schemas within an argument's: references may go round and round

class TypeFinder {
 public:
  explicit TypeFinder(const Json& root) : root_(root) {}

  ArgumentTypes types_of(const Json& schema) {
    ArgumentTypes types = ArgumentTypes::all();
    if (!schema.is_object() || ++n_visits_ > kMaxVisits) return types;
    if (const auto type = schema.find("type"); type != schema.end()) {
      ArgumentTypes named = ArgumentTypes::none();
      for (const Json& name : type->is_array() ? *type : Json::array({*type})) {
        if (name.is_string()) named |= ArgumentTypes::named(name.get_ref<const std::string&>());
      }
      types &= named;
    }
    if (const auto value = schema.find("const"); value != schema.end()) types &= ArgumentTypes::of(*value);
    if (const auto values = schema.find("enum"); values != schema.end() && values->is_array()) {
      ArgumentTypes listed = ArgumentTypes::none();
      for (const Json& value : *values) listed |= ArgumentTypes::of(value);
      types &= listed;
    }
    for (const char* keyword : {"anyOf", "oneOf"}) {
      const auto branches = schema.find(keyword);
      if (branches == schema.end() || !branches->is_array()) continue;
      ArgumentTypes any = ArgumentTypes::none();
      for (const Json& branch : *branches) any |= types_of(branch);
      types &= any;
    }
    if (const Json* definition = referred_to(schema)) types &= types_of(*definition);
    return types;
  }

 private:
  const Json* referred_to(const Json& schema) const {
    const auto reference = schema.find("$ref");
    if (reference == schema.end() || !reference->is_string()) return nullptr;
    const auto& pointer = reference->get_ref<const std::string&>();
    for (const char* key : {"$defs", "definitions"}) {
      const std::string place = std::string("#/") + key + "/";
      const auto definitions = root_.find(key);
      if (!pointer.starts_with(place) || definitions == root_.end() || !definitions->is_object()) continue;
      const auto definition = definitions->find(pointer.substr(place.size()));
      if (definition != definitions->end()) return &*definition;
    }
    return nullptr;
  }

  const Json& root_;
  int n_visits_ = 0;
};

}  // namespace

ArgumentTypes ArgumentTypes::of(const Json& value) {
  return named(value.is_number() ? "number" : value.type_name());
}

ArgumentTypes ArgumentTypes::named(std::string_view type) {
  if (type == "string") return ArgumentTypes(kText);
  if (type == "null") return ArgumentTypes(2);
  if (type == "boolean") return ArgumentTypes(4);
  if (type == "number" || type == "integer") return ArgumentTypes(8);
  if (type == "array") return ArgumentTypes(16);
  return ArgumentTypes(type == "object" ? 32 : 0);
}

ArgumentTypes types_of_argument(const Json& schema, const Json& root) {
  return TypeFinder(root).types_of(schema);
}

ToolTypes::ToolTypes(std::span<const Tool> tools) {
  for (const Tool& tool : tools) {
    auto& types = types_[tool.name];
    const Json schema = Json::parse(tool.parameters, nullptr, /*allow_exceptions=*/false);
    if (!schema.is_object()) continue;
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) continue;
    for (const auto& [name, property] : properties->items()) {
      types.insert_or_assign(name, types_of_argument(property, schema));
    }
  }
}

ArgumentTypes ToolTypes::of(std::string_view tool, std::string_view argument) const {
  const auto types = types_.find(tool);
  if (types == types_.end()) return ArgumentTypes::all();
  const auto found = types->second.find(argument);
  return found == types->second.end() ? ArgumentTypes::all() : found->second;
}

}  // namespace hearth::text
