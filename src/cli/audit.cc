// hearth audit: whether the server's log of requests is what was written.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "server/accounts/audit_log.h"
#include "server/accounts/folder.h"

namespace hearth::cli {
namespace {

using server::accounts::AuditHead;
using server::accounts::AuditLog;

struct AuditOptions {
  std::string expected;
  bool json = false;
};

Result<void> verify(const AuditOptions& options) {
  std::optional<AuditHead> expected;
  if (!options.expected.empty()) {
    auto head = AuditHead::parse(options.expected);
    if (!head) return make_error(ErrorCode::kUsage, "--expect: {}", head.error().message());
    expected = std::move(*head);
  }
  HEARTH_ASSIGN(const std::filesystem::path folder, server::accounts::accounts_folder());
  std::error_code ignored;
  if (!std::filesystem::exists(folder / "audit.db", ignored) &&
      !std::filesystem::exists(folder / "audit.anchor", ignored)) {
    return make_error(ErrorCode::kNotFound, "{}: no audit log is kept here yet", folder.string());
  }
  HEARTH_ASSIGN(AuditLog log, AuditLog::open(folder));
  HEARTH_ASSIGN(const AuditHead head, log.verify(expected));
  if (options.json) return write_json({{"whole", true}, {"rows", head.n_rows}, {"head", head.text()}});
  return write_output(fmt::format("whole: {} rows\nhead:  {}\n", head.n_rows, head.text()));
}

constexpr const char* kAuditExamples =
    R"(Recomputes the chain of hashes from the first row to the last. Exit code 1, and a line that names the row, where a row
was changed, moved, put in or taken out, or the end is missing. Who may write the folder can make log and anchor anew:
a head that was noted elsewhere finds that too.

Examples:
  hearth audit verify
  hearth audit verify --expect 1234:5f2c...)";

}  // namespace

void add_audit_command(CLI::App& parser, Action& action) {
  CLI::App* command = parser.add_subcommand("audit", "Check the server's log of requests");
  command->require_subcommand(1);
  command->footer(kAuditExamples);
  auto options = std::make_shared<AuditOptions>();
  CLI::App* verify_command =
      command->add_subcommand("verify", "Say whether a row was changed, moved or taken out");
  verify_command
      ->add_option("--expect", options->expected, "a head that the log must have had, as verify printed it")
      ->type_name("HEAD");
  verify_command->add_flag("--json", options->json, "print one JSON object");
  verify_command->fallthrough();
  verify_command->callback(
      [options, &action] { action = [options](const Context&) { return verify(*options); }; });
}

}  // namespace hearth::cli
