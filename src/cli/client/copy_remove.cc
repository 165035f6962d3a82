// hearth cp and hearth rm: give a model of the server another name, delete models.
#include "cli/client/client_commands.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"

namespace hearth::cli {
namespace {

struct CopyOptions {
  std::string source;
  std::string destination;
  bool json = false;
};

struct RemoveOptions {
  std::vector<std::string> models;
  bool json = false;
};

Result<void> copy(const CopyOptions& options, const Context& context) {
  const std::string& source = options.source;
  const std::string& destination = options.destination;
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_TRY(client.post_for_nothing("/api/copy", {{"source", source}, {"destination", destination}}));
  if (options.json) return write_json({{"source", source}, {"destination", destination}});
  context.console.note(fmt::format("{} is {} as well", escape_line(source), escape_line(destination)));
  return {};
}

Result<void> remove(const RemoveOptions& options, const Context& context) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  for (const std::string& model : options.models) {
    HEARTH_TRY(client.remove("/api/delete", {{"model", model}}));
    if (options.json) continue;
    context.console.note(fmt::format("{} is deleted", escape_line(model)));
  }
  return options.json ? write_json({{"deleted", options.models}}) : Result<void>();
}

constexpr const char* kCopyExamples =
    R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default). It wants a key of
scope manage in HEARTH_API_KEY (hearth help key). No byte of the weights is copied: both names stand for the same blobs.

Examples:
  hearth cp qwen3 my-qwen3)";

constexpr const char* kRemoveExamples =
    R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default). It wants a key of
scope manage in HEARTH_API_KEY (hearth help key). Blobs that another model needs stay.

Examples:
  hearth rm qwen3 qwen3:0.6b)";

}  // namespace

void add_cp_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<CopyOptions>();
  CLI::App* command = parser.add_subcommand("cp", "Give a model of the server another name");
  command->add_option("SOURCE", options->source, "its name, as hearth list shows it")
      ->required()
      ->type_name("");
  command->add_option("DESTINATION", options->destination, "the name that it gets as well")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kCopyExamples);
  command->callback(
      [options, &action] { action = [options](const Context& context) { return copy(*options, context); }; });
}

void add_rm_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<RemoveOptions>();
  CLI::App* command = parser.add_subcommand("rm", "Delete models of the server's store");
  command->add_option("MODEL", options->models, "their names, as hearth list shows them")
      ->required()
      ->type_name("");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kRemoveExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) { return remove(*options, context); };
  });
}

}  // namespace hearth::cli
