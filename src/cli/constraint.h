// What answers on the command line are held to: --format, --schema, --grammar and --regex.
#pragma once

#include <CLI/App.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "base/result.h"
#include "protocol/engine.pb.h"

namespace hearth::cli {

struct ConstraintOptions {
  std::string format;  // "json", or the text of a JSON schema, as Ollama has it
  std::string schema_file;
  std::string grammar_file;
  std::string regex;
};

// Of these options one at most can be given.
void add_constraint_options(CLI::App& command, ConstraintOptions& options);

// Reads the file that an option names. Nothing where none is given. kUsage, kNotFound, kIo, kInvalidArgument
// for a schema that is no JSON.
Result<std::optional<protocol::Constraint>> read_constraint(const ConstraintOptions& options);

// As the fields of /api/chat and /api/generate: format, grammar, regex.
void add_constraint_fields(const protocol::Constraint& constraint, nlohmann::ordered_json& body);

}  // namespace hearth::cli
