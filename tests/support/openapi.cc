#include "tests/support/openapi.h"

#include <gtest/gtest.h>
#include <yaml.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace hearth::testing {
namespace {

using Json = nlohmann::json;

// A scalar as YAML 1.2's core schema reads it: what is quoted is a text.
Json scalar_of(const yaml_node_t& node) {
  const std::string text(reinterpret_cast<const char*>(node.data.scalar.value), node.data.scalar.length);
  if (node.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return text;
  if (text.empty() || text == "null" || text == "~") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  char* end = nullptr;
  const long long whole = std::strtoll(text.c_str(), &end, 10);
  if (*end == '\0') return whole;
  const double real = std::strtod(text.c_str(), &end);
  if (*end == '\0') return real;
  return text;
}

// `depth` ends what a document that contains itself would make of this.
Json json_of(yaml_document_t& document, int id, int depth) {
  constexpr int kDeepest = 100;
  const yaml_node_t* node = yaml_document_get_node(&document, id);
  if (node == nullptr || depth > kDeepest) return nullptr;
  if (node->type == YAML_SCALAR_NODE) return scalar_of(*node);
  if (node->type == YAML_SEQUENCE_NODE) {
    Json list = Json::array();
    const auto& items = node->data.sequence.items;
    for (const yaml_node_item_t* item = items.start; item != items.top; ++item)
      list.push_back(json_of(document, *item, depth + 1));
    return list;
  }
  Json object = Json::object();
  const auto& pairs = node->data.mapping.pairs;
  for (const yaml_node_pair_t* pair = pairs.start; pair != pairs.top; ++pair) {
    const yaml_node_t* key = yaml_document_get_node(&document, pair->key);
    if (key == nullptr || key->type != YAML_SCALAR_NODE) continue;
    const std::string name(reinterpret_cast<const char*>(key->data.scalar.value), key->data.scalar.length);
    object[name] = json_of(document, pair->value, depth + 1);
  }
  return object;
}

Json parse_yaml(const std::string& text) {
  yaml_parser_t parser;
  yaml_document_t document;
  if (yaml_parser_initialize(&parser) == 0) return nullptr;
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  Json parsed;
  if (yaml_parser_load(&parser, &document) != 0) {
    const yaml_node_t* root = yaml_document_get_root_node(&document);
    if (root != nullptr) parsed = json_of(document, 1, 0);  // ids count from 1, and the root is the first
    yaml_document_delete(&document);
  } else {
    ADD_FAILURE() << "line " << parser.problem_mark.line + 1 << ": " << parser.problem;
  }
  yaml_parser_delete(&parser);
  return parsed;
}

bool is_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  return type == "null" && value.is_null();
}

void add_fields_of(const Json& value, const std::string& at, std::set<std::string>& fields) {
  if (value.is_object()) {
    for (const auto& [name, member] : value.items()) {
      const std::string path = at.empty() ? name : at + "." + name;
      fields.insert(path);
      add_fields_of(member, path, fields);
    }
  }
  if (value.is_array()) {
    for (const Json& item : value) add_fields_of(item, at + "[]", fields);
  }
}

}  // namespace

OpenApi OpenApi::load(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  Json document = file.extension() == ".yaml" ? parse_yaml(text) : Json::parse(text, nullptr, false);
  EXPECT_TRUE(document.is_object()) << file;
  return OpenApi(std::move(document));
}

std::string OpenApi::check(const Json& value, const std::string& schema) const {
  return check_value(value, document_.at("components").at("schemas").at(schema), schema);
}

std::string OpenApi::check_answer(const Json& value, const std::string& path, const std::string& method,
                                  const std::string& content_type) const {
  return check_value(value, answer_schema(path, method, content_type), path);
}

std::set<std::string> OpenApi::request_fields(const std::string& path, const std::string& method) const {
  std::set<std::string> fields;
  const Json& operation = document_.at("paths").at(path).at(method);
  if (!operation.contains("requestBody")) return fields;
  add_fields(operation.at("requestBody").at("content").at("application/json").at("schema"), "", fields);
  return fields;
}

std::set<std::string> OpenApi::answer_fields(const std::string& path, const std::string& method,
                                             const std::string& content_type) const {
  std::set<std::string> fields;
  add_fields(answer_schema(path, method, content_type), "", fields);
  return fields;
}

std::set<std::string> OpenApi::operations() const {
  std::set<std::string> operations;
  for (const auto& [path, methods] : document_.at("paths").items()) {
    for (const auto& [method, operation] : methods.items()) operations.insert(path + " " + method);
  }
  return operations;
}

const Json& OpenApi::resolve(const Json& schema) const {
  if (!schema.contains("$ref")) return schema;
  return document_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
}

const Json& OpenApi::answer_schema(const std::string& path, const std::string& method,
                                   const std::string& content_type) const {
  const Json& operation = document_.at("paths").at(path).at(method);
  return operation.at("responses").at("200").at("content").at(content_type).at("schema");
}

void OpenApi::add_fields(const Json& schema, const std::string& at, std::set<std::string>& fields) const {
  const Json& resolved = resolve(schema);
  if (resolved.contains("items")) add_fields(resolved["items"], at + "[]", fields);
  if (!resolved.contains("properties")) return;
  for (const auto& [name, member] : resolved["properties"].items()) {
    const std::string path = at.empty() ? name : at + "." + name;
    fields.insert(path);
    add_fields(member, path, fields);
  }
}

std::string OpenApi::check_value(const Json& value, const Json& schema, const std::string& path) const {
  if (value.is_null() && schema.value("nullable", false)) return "";
  if (schema.contains("$ref")) return check_value(value, resolve(schema), path);
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

std::string OpenApi::check_alternatives(const Json& value, const Json& schema,
                                        const std::string& path) const {
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

std::string OpenApi::check_members(const Json& value, const Json& schema, const std::string& path) const {
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

std::string OpenApi::check_items(const Json& value, const Json& schema, const std::string& path) const {
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

std::set<std::string> fields_of(const Json& value) {
  std::set<std::string> fields;
  add_fields_of(value, "", fields);
  return fields;
}

}  // namespace hearth::testing
