// A Modelfile: what a model is made of, line by line, as Ollama has it.
//
//   # a comment
//   FROM ./tiny.gguf
//   PARAMETER temperature 0.7
//   SYSTEM """Be brief.
//   Be kind."""
//
// Commands are of any case. A value goes to the end of its line, without the blanks around it; in quotes, one
// or three, it goes on over lines until one ends in the same quotes, and everything between them is meant as
// it stands.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::store {

inline constexpr size_t kMaxModelfileBytes = size_t{8} << 20U;
inline constexpr size_t kMaxModelfileCommands = 10'000;

struct Modelfile {
  struct Parameter {
    std::string name;
    std::string value;
    size_t line = 0;
  };
  struct Message {
    std::string role;  // "system", "user" or "assistant"
    std::string content;
  };

  std::string from;  // a path, or a model's name
  std::vector<std::string> adapters;
  std::optional<std::string> template_source;
  std::optional<std::string> system;
  std::vector<std::string> licenses;
  std::vector<Parameter> parameters;
  std::vector<Message> messages;
  std::string requires_version;  // "0.14.0"; empty: it says none

  // kMalformed with the line, what was expected and what came; kUnsupported, with the line, for a command
  // that Hearth does not do; kResourceExhausted beyond the limits above. FROM must be there once.
  static Result<Modelfile> parse(std::string_view text);
};

// A text as a value that is read as the same again. Nothing where a Modelfile cannot say it: a line in
// it ends in three quotes.
std::optional<std::string> modelfile_quoted(std::string_view text);

}  // namespace hearth::store
