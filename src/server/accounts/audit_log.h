// The audit log: who asked for what and when, in rows that cannot be changed unseen.
//
// Each row holds the SHA-256 of its content and of the hash of the row before it. A second file, the anchor,
// holds how many rows there are and the last one's hash, so that rows cut off at the end are missed too.
// There is no text of prompts or answers in a row, nor the query of an address.
//
// What the chain cannot do: who may write both files can make all of them anew. A head that was noted
// elsewhere (verify()'s `expected`) shows that too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "server/accounts/database.h"
#include "server/accounts/secret.h"

namespace hearth::server::accounts {

struct AuditEntry {
  int64_t time_ms = 0;  // since 1970
  std::string key_id;   // empty: without a key
  std::string peer;     // the client's address
  std::string method;   // "POST"; "CLI" for commands
  std::string route;    // the route's pattern, never the path: "/v1/models/{id}"
  std::string model;    // one that exists, or empty: never what a client chose to write
  int64_t status = 0;   // of HTTP; of a command: its exit code
  std::string request_id;
};

// How long the log is and how it ends: what the anchor holds.
struct AuditHead {
  int64_t n_rows = 0;
  std::string hash = std::string(64, '0');  // 64 hex digits
  bool operator==(const AuditHead&) const = default;

  // "12:0123...", as `hearth audit verify --expect` takes it.
  static Result<AuditHead> parse(std::string_view text);
  std::string text() const { return fmt::format("{}:{}", n_rows, hash); }
};

// For one thread at a time; several processes may append to the same log.
class AuditLog {
 public:
  // `folder` has audit.db, audit.anchor and audit.lock, or gets them; an anchor only with an empty log.
  // kMalformed: a file is damaged. A log that was changed is opened: verify() and check_end() tell.
  static Result<AuditLog> open(const std::filesystem::path& folder);

  AuditLog(AuditLog&& other) noexcept;
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;
  AuditLog& operator=(AuditLog&&) = delete;
  ~AuditLog();

  // Appends all or none, and moves the anchor. Waits for other writers. Where the log does not reach up to
  // its anchor the rows are appended all the same, but the anchor stays: verify() will find what is missing,
  // as check_end() does now.
  Result<void> append(std::span<const AuditEntry> entries);

  // Recomputes every row. kMalformed says which row is the first that was changed, moved, taken out or put
  // in, or that the end is missing. `expected`: a head that this log must have had.
  Result<AuditHead> verify(const std::optional<AuditHead>& expected = std::nullopt);
  // The anchor against the end alone, at once however long the log is. kMalformed.
  Result<void> check_end();

 private:
  AuditLog(Database database, std::filesystem::path folder, int lock)
      : database_(std::move(database)), folder_(std::move(folder)), lock_(lock) {}

  Result<void> ensure_anchor();
  Result<AuditHead> last_row();
  Result<void> check_anchored(const AuditHead& anchor, const AuditHead& last);
  std::filesystem::path anchor_path() const { return folder_ / "audit.anchor"; }

  Database database_;
  std::filesystem::path folder_;
  int lock_;  // a file: who appends holds it until the anchor is written
};

}  // namespace hearth::server::accounts
