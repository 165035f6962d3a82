// An OpenAPI document, of OpenAI's API or of Ollama's, for tests that hold answers to it.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace hearth::testing {

// Holds values to the part of JSON Schema that describes structure: types, required members, enumerations,
// references, alternatives, ranges.
class OpenApi {
 public:
  // JSON, or YAML where the name ends in ".yaml". What cannot be read fails the test and is an empty
  // document.
  static OpenApi load(const std::filesystem::path& file);

  // "": the value is what the named schema says. Otherwise the first thing that is wrong.
  std::string check(const nlohmann::json& value, const std::string& schema) const;
  // The same for a body that answers `method` ("post") on `path` with 200.
  std::string check_answer(const nlohmann::json& value, const std::string& path, const std::string& method,
                           const std::string& content_type) const;

  // The members that the description gives a request, or an answer of this type: "options.stop",
  // "messages[].role". Members of alternatives are not among them.
  std::set<std::string> request_fields(const std::string& path, const std::string& method) const;
  std::set<std::string> answer_fields(const std::string& path, const std::string& method,
                                      const std::string& content_type) const;
  // "/api/chat post", ...
  std::set<std::string> operations() const;

 private:
  explicit OpenApi(nlohmann::json document) : document_(std::move(document)) {}
  const nlohmann::json& resolve(const nlohmann::json& schema) const;
  const nlohmann::json& answer_schema(const std::string& path, const std::string& method,
                                      const std::string& content_type) const;
  void add_fields(const nlohmann::json& schema, const std::string& at, std::set<std::string>& fields) const;
  std::string check_value(const nlohmann::json& value, const nlohmann::json& schema,
                          const std::string& path) const;
  std::string check_alternatives(const nlohmann::json& value, const nlohmann::json& schema,
                                 const std::string& path) const;
  std::string check_members(const nlohmann::json& value, const nlohmann::json& schema,
                            const std::string& path) const;
  std::string check_items(const nlohmann::json& value, const nlohmann::json& schema,
                          const std::string& path) const;

  nlohmann::json document_;
};

// The members that a value has, named as OpenApi names them.
std::set<std::string> fields_of(const nlohmann::json& value);

}  // namespace hearth::testing
