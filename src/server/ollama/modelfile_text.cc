#include "server/ollama/modelfile_text.h"

#include <fmt/format.h>

#include "store/modelfile.h"

namespace hearth::server::ollama {
namespace {

using wire::Json;

void add(std::string& text, std::string_view command, std::string_view value) {
  if (const auto quoted = store::modelfile_quoted(value)) {
    text += fmt::format("{} {}\n", command, *quoted);
  } else {
    text += fmt::format("# {}: its text cannot stand in a Modelfile\n", command);
  }
}

void add_parameter(std::string& text, const std::string& name, const Json& value) {
  if (value.is_array()) {
    for (const Json& one : value) add_parameter(text, name, one);
  } else if (value.is_string()) {
    add(text, fmt::format("PARAMETER {}", name), value.get_ref<const std::string&>());
  } else {
    text += fmt::format("PARAMETER {} {}\n", name, wire::dump_json(value));
  }
}

}  // namespace

std::string modelfile_of(const ModelfileParts& parts) {
  std::string text = fmt::format("# Modelfile written by Hearth\n\nFROM {}\n", parts.from);
  if (!parts.template_source.empty()) add(text, "TEMPLATE", parts.template_source);
  if (!parts.system.empty()) add(text, "SYSTEM", parts.system);
  for (const auto& [name, value] : parts.parameters.items()) add_parameter(text, name, value);
  for (const std::string& license : parts.licenses) add(text, "LICENSE", license);
  for (const Json& message : parts.messages) {
    add(text, fmt::format("MESSAGE {}", message["role"].get<std::string>()),
        message["content"].get_ref<const std::string&>());
  }
  return text;
}

}  // namespace hearth::server::ollama
