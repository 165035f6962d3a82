// hearth cp and hearth rm: give a model of the server another name, delete models.
#include "cli/client/client_commands.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"

namespace hearth::cli {
namespace {

Result<void> copy(const std::string& source, const std::string& destination, const Context& context) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_TRY(client.post_for_nothing("/api/copy", {{"source", source}, {"destination", destination}}));
  context.console.note(fmt::format("{} is {} as well", escape_line(source), escape_line(destination)));
  return {};
}

Result<void> remove(const std::vector<std::string>& models, const Context& context) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  for (const std::string& model : models) {
    HEARTH_TRY(client.remove("/api/delete", {{"model", model}}));
    context.console.note(fmt::format("{} is deleted", escape_line(model)));
  }
  return {};
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
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* command = parser.add_subcommand("cp", "Give a model of the server another name");
  command->add_option("SOURCE", names->first, "its name, as hearth list shows it")->required()->type_name("");
  command->add_option("DESTINATION", names->second, "the name that it gets as well")
      ->required()
      ->type_name("");
  command->footer(kCopyExamples);
  command->callback([names, &action] {
    action = [names](const Context& context) { return copy(names->first, names->second, context); };
  });
}

void add_rm_command(CLI::App& parser, Action& action) {
  auto models = std::make_shared<std::vector<std::string>>();
  CLI::App* command = parser.add_subcommand("rm", "Delete models of the server's store");
  command->add_option("MODEL", *models, "their names, as hearth list shows them")->required()->type_name("");
  command->footer(kRemoveExamples);
  command->callback(
      [models, &action] { action = [models](const Context& context) { return remove(*models, context); }; });
}

}  // namespace hearth::cli
