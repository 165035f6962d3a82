// The file beside the audit log that says how long it is and how it ends.
#pragma once

#include <filesystem>
#include <optional>

#include "server/accounts/audit_log.h"

namespace hearth::server::accounts {

// Nothing: there is no such file. kMalformed, kIo.
Result<std::optional<AuditHead>> read_anchor(const std::filesystem::path& path);
// Whole or not at all, and on the disk when this returns.
Result<void> write_anchor(const std::filesystem::path& path, const AuditHead& head);

}  // namespace hearth::server::accounts
