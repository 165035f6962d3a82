// hearth stop: unload a model.
#include "cli/client/client_commands.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"

namespace hearth::cli {
namespace {

Result<void> stop(const std::string& model, bool json, const Context& context) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_TRY(client.post("/api/generate", {{"model", model}, {"keep_alive", 0}}));
  if (json) return write_json({{"stopped", model}});
  context.console.note(fmt::format("{} is unloaded once its requests have ended", escape_line(model)));
  return {};
}

constexpr const char* kStopExamples = R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default).

Examples:
  hearth stop qwen3)";

}  // namespace

void add_stop_command(CLI::App& parser, Action& action) {
  auto model = std::make_shared<std::string>();
  CLI::App* command = parser.add_subcommand("stop", "Unload a model from the server's memory");
  command->add_option("MODEL", *model, "its name, as hearth ps shows it")->required()->type_name("");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "print one JSON object");
  command->footer(kStopExamples);
  command->callback([model, json, &action] {
    action = [model, json](const Context& context) { return stop(*model, *json, context); };
  });
}

}  // namespace hearth::cli
