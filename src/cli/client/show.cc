// hearth show: what the server tells of a model.
#include <unistd.h>

#include "cli/client/client_commands.h"
#include "cli/client/columns.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

struct ShowOptions {
  std::string model;
  bool license = false;
  bool modelfile = false;
  bool parameters = false;
  bool system = false;
  bool template_source = false;
  bool verbose = false;
  bool json = false;
};

using Rows = std::vector<std::vector<std::string>>;

std::string section(std::string_view title, Rows rows) {
  if (rows.empty()) return "";
  for (auto& row : rows) row.insert(row.begin(), "  ");
  return fmt::format("  {}\n{}\n", title, format_columns(rows));
}

// The first lines: a licence takes pages.
Rows first_lines(std::string_view text) {
  constexpr size_t kLines = 3;
  Rows rows;
  while (!text.empty() && rows.size() < kLines) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) rows.push_back({std::string(text.substr(0, end))});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!text.empty()) rows.push_back({"..."});
  return rows;
}

void add_row(Rows& rows, std::string name, std::string value) {
  if (!value.empty()) rows.push_back({std::move(name), std::move(value)});
}

std::string count_text(const Json& object, const std::string& name) {
  const int64_t count = count_of(object, name);
  return count == 0 ? "" : fmt::format("{}", count);
}

std::string value_text(const Json& value) {
  constexpr size_t kLongest = 100;
  std::string text = value.is_string() ? value.get<std::string>()
                                       : value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

std::string shape_text(const Json& tensor) {
  std::string text;
  for (const Json& length : items_of(tensor, "shape"))
    text += (text.empty() ? "" : ", ") + value_text(length);
  return fmt::format("[{}]", text);
}

std::string overview(const Json& shown, bool verbose) {
  const Json& details = object_of(shown, "details");
  Rows model;
  add_row(model, "architecture", text_of(details, "family"));
  add_row(model, "parameters", text_of(details, "parameter_size"));
  add_row(model, "context length", count_text(details, "context_length"));
  add_row(model, "embedding length", count_text(details, "embedding_length"));
  add_row(model, "quantization", text_of(details, "quantization_level"));
  Rows capabilities;
  for (const Json& capability : items_of(shown, "capabilities"))
    capabilities.push_back({value_text(capability)});
  Rows chat_template;
  if (!text_of(shown, "go_template").empty())
    chat_template.push_back({"in Go's language: kept for Ollama, and not used; that of the weights is"});
  std::string text = section("Model", model) + section("Capabilities", capabilities) +
                     section("Template", chat_template) +
                     section("Parameters", first_lines(text_of(shown, "parameters"))) +
                     section("System", first_lines(text_of(shown, "system"))) +
                     section("License", first_lines(text_of(shown, "license")));
  if (!verbose) return text;
  Rows metadata;
  const Json& info = object_of(shown, "model_info");
  for (const auto& [key, value] : info.items()) metadata.push_back({key, value_text(value)});
  Rows tensors;
  for (const Json& tensor : items_of(shown, "tensors"))
    tensors.push_back({text_of(tensor, "name"), text_of(tensor, "type"), shape_text(tensor)});
  return text + section("Metadata", metadata) + section("Tensors", tensors);
}

// A text of the model's, for a pipe or a file; on a terminal it must not steer.
Result<void> write_text(const std::string& text) {
  const std::string line = text.ends_with('\n') || text.empty() ? text : text + '\n';
  return write_output(is_terminal(STDOUT_FILENO) ? escape_control(line) : line);
}

Result<void> show(const ShowOptions& options) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_ASSIGN(const Json shown,
                client.post("/api/show", {{"model", options.model}, {"verbose", options.verbose}}));
  if (options.json) return write_json(shown);
  if (options.license) return write_text(text_of(shown, "license"));
  if (options.modelfile) return write_text(text_of(shown, "modelfile"));
  if (options.parameters) return write_text(text_of(shown, "parameters"));
  if (options.system) return write_text(text_of(shown, "system"));
  if (options.template_source) return write_text(text_of(shown, "template"));
  return write_output(overview(shown, options.verbose));
}

constexpr const char* kShowExamples = R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default).
hearth inspect shows a file without a server.

Examples:
  hearth show qwen3
  hearth show qwen3 --template
  hearth show qwen3 --json | jq .model_info)";

}  // namespace

void add_show_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = parser.add_subcommand("show", "Show what the server knows of a model");
  command->add_option("MODEL", options->model, "its name, as hearth list shows it")
      ->required()
      ->type_name("");
  CLI::App* one = command->add_option_group("Only");
  one->add_flag("--license", options->license, "its licence");
  one->add_flag("--modelfile", options->modelfile, "its Modelfile");
  one->add_flag("--parameters", options->parameters, "its parameters");
  one->add_flag("--system", options->system, "its system text");
  one->add_flag("--template", options->template_source, "its chat template");
  one->add_flag("--json", options->json, "all of it, as one JSON object");
  one->require_option(0, 1);
  command->add_flag("-v,--verbose", options->verbose, "with its metadata and tensors");
  command->footer(kShowExamples);
  command->callback([options, &action] { action = [options](const Context&) { return show(*options); }; });
}

}  // namespace hearth::cli
