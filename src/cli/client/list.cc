// hearth list: the models that the server has.
#include "cli/client/client_commands.h"
#include "cli/client/columns.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

struct ListOptions {
  std::string beginning;
  bool json = false;
};

Result<void> list(const ListOptions& options) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_ASSIGN(const Json answer, client.get("/api/tags"));
  if (options.json) return write_json(answer);
  std::vector<std::vector<std::string>> rows{{"NAME", "ID", "SIZE", "MODIFIED"}};
  const auto now = WallClock::now();
  for (const Json& model : items_of(answer, "models")) {
    const std::string name = text_of(model, "name");
    if (!name.starts_with(options.beginning)) continue;
    const auto modified = parse_timestamp(text_of(model, "modified_at"));
    rows.push_back({name, short_digest(model), format_bytes(static_cast<uint64_t>(count_of(model, "size"))),
                    modified ? relative_time(*modified, now) : ""});
  }
  return write_output(format_columns(rows));
}

constexpr const char* kListExamples = R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default).
--json gives what the server answers to GET /api/tags.

Examples:
  hearth list
  hearth list qwen
  hearth ls --json | jq -r '.models[].name')";

}  // namespace

void add_list_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command = parser.add_subcommand("list", "List the models that the server has");
  command->alias("ls");
  command->add_option("NAME", options->beginning, "only those whose names begin so")->type_name("");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kListExamples);
  command->callback([options, &action] { action = [options](const Context&) { return list(*options); }; });
}

}  // namespace hearth::cli
