// hearth ps: the models that the server has loaded.
#include "cli/client/client_commands.h"
#include "cli/client/columns.h"
#include "cli/client/http_client.h"
#include "cli/client/json_access.h"
#include "cli/output.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

// Where the model's memory is: "100% CPU", "30%/70% CPU/GPU".
std::string processor_of(const Json& model) {
  const auto size = static_cast<double>(count_of(model, "size"));
  const auto on_gpu = static_cast<double>(count_of(model, "size_vram"));
  constexpr double kHundred = 100;
  if (on_gpu <= 0 || size <= 0) return "100% CPU";
  if (on_gpu >= size) return "100% GPU";
  const double share = kHundred * on_gpu / size;
  return fmt::format("{:.0f}%/{:.0f}% CPU/GPU", kHundred - share, share);
}

std::string until(const Json& model, WallClock::time_point now) {
  const auto expires = parse_timestamp(text_of(model, "expires_at"));
  if (!expires) return "";
  return *expires < now ? "Stopping..." : relative_time(*expires, now);
}

Result<void> list_running(bool json) {
  HEARTH_ASSIGN(const HttpClient client, HttpClient::from_environment());
  HEARTH_ASSIGN(const Json answer, client.get("/api/ps"));
  if (json) return write_json(answer);
  std::vector<std::vector<std::string>> rows{{"NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"}};
  const auto now = WallClock::now();
  for (const Json& model : items_of(answer, "models")) {
    rows.push_back(
        {text_of(model, "name"), short_digest(model),
         format_bytes(static_cast<uint64_t>(count_of(model, "size"))), processor_of(model),
         fmt::format("{}", count_of(model, "context_length")),
         model.contains("loading") ? "Loading: " + loading_text(model["loading"]) : until(model, now)});
  }
  return write_output(format_columns(rows));
}

constexpr const char* kPsExamples = R"(The server is the one at HEARTH_HOST (127.0.0.1:11434 by default).
--json gives what the server answers to GET /api/ps.

Examples:
  hearth ps
  hearth ps --json | jq '.models[].size')";

}  // namespace

void add_ps_command(CLI::App& parser, Action& action) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = parser.add_subcommand("ps", "List the models that the server has loaded");
  command->add_flag("--json", *json, "print one JSON object");
  command->footer(kPsExamples);
  command->callback([json, &action] { action = [json](const Context&) { return list_running(*json); }; });
}

}  // namespace hearth::cli
