#include "cli/constraint.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace hearth::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<protocol::Constraint> schema_constraint(std::string text) {
  const Json schema = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!schema.is_object() && !schema.is_boolean()) {
    return make_error(ErrorCode::kInvalidArgument, "expected a JSON schema, found {}",
                      schema.is_discarded() ? "what is no JSON" : schema.type_name());
  }
  protocol::Constraint constraint;
  constraint.set_json_schema(std::move(text));
  return constraint;
}

Result<protocol::Constraint> format_constraint(const std::string& format) {
  protocol::Constraint constraint;
  if (format == "json") {
    constraint.set_json_object(true);
    return constraint;
  }
  auto schema = schema_constraint(format);
  if (!schema)
    return make_error(ErrorCode::kUsage, "--format: expected json or a JSON schema, found '{}'", format);
  return schema;
}

}  // namespace

void add_constraint_options(CLI::App& command, ConstraintOptions& options) {
  const auto add = [&command](const char* name, std::string& value, const char* description,
                              const char* type) {
    return command.add_option(name, value, description)->type_name(type)->group("Answer");
  };
  CLI::Option* all[] = {
      add("--format", options.format, "json: the answer is a JSON object; or a JSON schema", "FORMAT"),
      add("--schema", options.schema_file, "the answer is JSON that is valid against this JSON schema",
          "FILE"),
      add("--grammar", options.grammar_file, "the answer is a text of this grammar (GBNF)", "FILE"),
      add("--regex", options.regex, "the answer matches this regular expression, all of it", "REGEX")};
  for (CLI::Option* one : all) {
    for (CLI::Option* other : all) {
      if (one != other) one->excludes(other);
    }
  }
}

Result<std::optional<protocol::Constraint>> read_constraint(const ConstraintOptions& options) {
  std::optional<protocol::Constraint> constraint;
  if (!options.format.empty()) {
    HEARTH_ASSIGN(constraint, format_constraint(options.format));
  } else if (!options.schema_file.empty()) {
    HEARTH_ASSIGN(std::string text, read_text_file(options.schema_file));
    auto schema = schema_constraint(std::move(text));
    if (!schema) return schema.error().in(options.schema_file);
    constraint = std::move(*schema);
  } else if (!options.grammar_file.empty()) {
    HEARTH_ASSIGN(std::string text, read_text_file(options.grammar_file));
    constraint.emplace().set_gbnf(std::move(text));
  } else if (!options.regex.empty()) {
    constraint.emplace().set_regex(options.regex);
  }
  return constraint;
}

void add_constraint_fields(const protocol::Constraint& constraint, Json& body) {
  if (constraint.json_object()) body["format"] = "json";
  if (constraint.has_json_schema()) {
    Json schema = Json::parse(constraint.json_schema());
    // A format of Ollama's is an object.
    if (schema == true) schema = Json::object();
    body["format"] = std::move(schema);
  }
  if (constraint.has_gbnf()) body["grammar"] = constraint.gbnf();
  if (constraint.has_regex()) body["regex"] = constraint.regex();
}

}  // namespace hearth::cli
