// OpenAI's own description of its API (an OpenAPI document), for tests that hold answers to it.
#pragma once

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/support/test_data.h"

namespace hearth::server::openai {

// Holds values to the part of JSON Schema that describes structure: types, required members, enumerations,
// references, alternatives, ranges. Keeps the first thing that is wrong.
class OpenApi {
 public:
  // Nothing where the document is not among the test data.
  static std::optional<OpenApi> load() {
    std::ifstream file(hearth::testing::test_data_folder() / "api/openai.json");
    if (!file) return std::nullopt;
    return OpenApi(nlohmann::json::parse(file));
  }

  // "": the value is what the named schema says. Otherwise what is wrong.
  std::string check(const nlohmann::json& value, const std::string& schema) const {
    return check_value(value, document_.at("components").at("schemas").at(schema), schema);
  }

 private:
  using Json = nlohmann::json;
  explicit OpenApi(Json document) : document_(std::move(document)) {}

  static bool is_type(const Json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == "null" && value.is_null();
  }

  std::string check_value(const Json& value, const Json& schema, const std::string& path) const {
    if (value.is_null() && schema.value("nullable", false)) return "";
    if (schema.contains("$ref")) {
      const std::string reference = schema["$ref"].get<std::string>().substr(1);
      return check_value(value, document_.at(Json::json_pointer(reference)), path);
    }
    if (std::string wrong = check_alternatives(value, schema, path); !wrong.empty()) return wrong;
    if (schema.contains("type")) {
      const Json& type = schema["type"];
      const bool fits = type.is_string() ? is_type(value, type)
                                         : std::any_of(type.begin(), type.end(),
                                                       [&](const Json& t) { return is_type(value, t); });
      if (!fits) return path + ": expected " + type.dump() + ", found " + value.dump();
    }
    if (schema.contains("enum")) {
      const Json& names = schema["enum"];
      if (std::find(names.begin(), names.end(), value) == names.end()) {
        return path + ": expected one of " + names.dump() + ", found " + value.dump();
      }
    }
    if (schema.contains("const") && schema["const"] != value)
      return path + ": expected " + schema["const"].dump();
    if (value.is_number()) {
      if (schema.contains("minimum") && value < schema["minimum"]) return path + ": too small";
      if (schema.contains("maximum") && value > schema["maximum"]) return path + ": too large";
    }
    return value.is_object() ? check_members(value, schema, path) : check_items(value, schema, path);
  }

  std::string check_alternatives(const Json& value, const Json& schema, const std::string& path) const {
    if (schema.contains("allOf")) {
      for (const Json& part : schema["allOf"]) {
        if (std::string wrong = check_value(value, part, path); !wrong.empty()) return wrong;
      }
    }
    for (const char* kind : {"anyOf", "oneOf"}) {
      if (!schema.contains(kind)) continue;
      std::string all_wrong;
      bool fits = false;
      for (const Json& part : schema[kind]) {
        const std::string wrong = check_value(value, part, path);
        fits = fits || wrong.empty();
        if (all_wrong.size() < 2000) all_wrong += "\n  " + wrong;
      }
      if (!fits) return path + ": none of its alternatives:" + all_wrong;
    }
    return "";
  }

  std::string check_members(const Json& value, const Json& schema, const std::string& path) const {
    static const Json kNoNames = Json::array();
    for (const Json& name : schema.contains("required") ? schema["required"] : kNoNames) {
      if (!value.contains(name.get<std::string>()))
        return path + "." + name.get<std::string>() + ": is missing";
    }
    static const Json kNoMembers = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : kNoMembers;
    for (const auto& [name, member] : value.items()) {
      const std::string at = path + "." + name;
      std::string wrong;
      if (properties.contains(name)) {
        wrong = check_value(member, properties[name], at);
      } else if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
        wrong = check_value(member, schema["additionalProperties"], at);
      } else if (schema.value("additionalProperties", Json(true)) == false) {
        wrong = at + ": is not allowed";
      }
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  std::string check_items(const Json& value, const Json& schema, const std::string& path) const {
    if (!value.is_array()) return "";
    if (schema.contains("minItems") && value.size() < schema["minItems"].get<size_t>())
      return path + ": too few";
    if (!schema.contains("items")) return "";
    for (size_t i = 0; i < value.size(); ++i) {
      std::string wrong = check_value(value[i], schema["items"], path + "[" + std::to_string(i) + "]");
      if (!wrong.empty()) return wrong;
    }
    return "";
  }

  Json document_;
};

}  // namespace hearth::server::openai
