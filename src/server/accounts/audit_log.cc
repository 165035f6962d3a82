#include "server/accounts/audit_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/excerpt.h"
#include "server/accounts/audit_anchor.h"

namespace hearth::server::accounts {
namespace {

constexpr int64_t kAuditVersion = 1;
constexpr std::string_view kAuditSchema = R"(
CREATE TABLE audit(
  row INTEGER NOT NULL PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  peer TEXT NOT NULL,
  method TEXT NOT NULL,
  route TEXT NOT NULL,
  model TEXT NOT NULL,
  status INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
)";

// Held from before the rows are written until the anchor is: the anchor never goes back.
class AppendLock {
 public:
  static Result<AppendLock> take(int file, const std::filesystem::path& folder) {
    while (flock(file, LOCK_EX) != 0) {
      if (errno == EINTR) continue;
      return make_error(ErrorCode::kIo, "{}: cannot lock: {}", (folder / "audit.lock").string(),
                        std::strerror(errno));
    }
    return AppendLock(file);
  }
  AppendLock(AppendLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  AppendLock(const AppendLock&) = delete;
  AppendLock& operator=(const AppendLock&) = delete;
  AppendLock& operator=(AppendLock&&) = delete;
  ~AppendLock() {
    if (file_ >= 0) flock(file_, LOCK_UN);
  }

 private:
  explicit AppendLock(int file) : file_(file) {}
  int file_;
};

// Each field with its length before it: no two contents give the same bytes.
std::string hash_of(const std::string& previous_hash, int64_t row, const AuditEntry& entry) {
  std::string content = "hearth-audit-row 1\n";
  const auto add = [&content](std::string_view field) {
    content += fmt::format("{}:{}\n", field.size(), field);
  };
  add(previous_hash);
  add(fmt::format("{}", row));
  add(fmt::format("{}", entry.time_ms));
  add(entry.key_id);
  add(entry.peer);
  add(entry.method);
  add(entry.route);
  add(entry.model);
  add(fmt::format("{}", entry.status));
  add(entry.request_id);
  return to_hex(view(sha256(content)));
}

AuditEntry entry_of(const Statement& row) {
  return {row.integer(1), row.text(2), row.text(3),    row.text(4),
          row.text(5),    row.text(6), row.integer(7), row.text(8)};
}

Error altered(const std::string& name, int64_t row, std::string_view what) {
  return make_error(ErrorCode::kMalformed, "{}: row {}: {}", name, row, what);
}

Error end_missing(const std::string& name, const AuditHead& anchor, const AuditHead& last) {
  return make_error(
      ErrorCode::kMalformed,
      "{}: the end is missing or was written anew: expected a row {} with the hash {}..., found {} rows",
      name, anchor.n_rows, anchor.hash.substr(0, 16), last.n_rows);
}

// open() made one.
Error anchor_missing(const std::filesystem::path& path) {
  return make_error(ErrorCode::kMalformed, "{}: the file is missing: it was taken away", path.string());
}

}  // namespace

Result<AuditHead> AuditHead::parse(std::string_view text) {
  const size_t colon = std::min(text.find(':'), text.size());
  AuditHead head;
  const auto number = std::from_chars(text.data(), text.data() + colon, head.n_rows);
  const std::string_view hash = text.substr(std::min(colon + 1, text.size()));
  if (number.ec != std::errc() || number.ptr != text.data() + colon || head.n_rows < 0 || !is_hex(hash, 64)) {
    return make_error(
        ErrorCode::kMalformed,
        "expected the number of rows, a colon and the last row's hash of 64 hex digits, found {}",
        quoted_excerpt(text));
  }
  head.hash = hash;
  return head;
}

AuditLog::AuditLog(AuditLog&& other) noexcept
    : database_(std::move(other.database_)),
      folder_(std::move(other.folder_)),
      lock_(std::exchange(other.lock_, -1)) {}

AuditLog::~AuditLog() {
  if (lock_ >= 0) close(lock_);
}

Result<AuditLog> AuditLog::open(const std::filesystem::path& folder) {
  HEARTH_ASSIGN(Database database, Database::open(folder / "audit.db"));
  HEARTH_TRY(database.ensure_schema(kAuditSchema, kAuditVersion));
  const std::filesystem::path path = folder / "audit.lock";
  const int lock = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return make_error(ErrorCode::kIo, "{}: cannot open: {}", path.string(), std::strerror(errno));
  AuditLog log(std::move(database), folder, lock);
  HEARTH_TRY(log.ensure_anchor());
  return log;
}

Result<void> AuditLog::ensure_anchor() {
  HEARTH_ASSIGN(const AppendLock lock, AppendLock::take(lock_, folder_));
  HEARTH_ASSIGN(const std::optional<AuditHead> anchor, read_anchor(anchor_path()));
  HEARTH_ASSIGN(const AuditHead last, last_row());
  return anchor || last.n_rows > 0 ? Result<void>() : write_anchor(anchor_path(), last);
}

Result<AuditHead> AuditLog::last_row() {
  HEARTH_ASSIGN(Statement last, database_.prepare("SELECT row, hash FROM audit ORDER BY row DESC LIMIT 1"));
  HEARTH_ASSIGN(const bool any, last.step());
  return any ? AuditHead{last.integer(0), last.text(1)} : AuditHead{};
}

Result<void> AuditLog::check_anchored(const AuditHead& anchor, const AuditHead& last) {
  if (anchor.n_rows == 0 || anchor == last) return {};
  HEARTH_ASSIGN(Statement at, database_.prepare("SELECT hash FROM audit WHERE row = ?"));
  HEARTH_ASSIGN(const bool found, at.bind(1, anchor.n_rows).step());
  if (!found || at.text(0) != anchor.hash) return end_missing(database_.name(), anchor, last);
  return {};
}

Result<void> AuditLog::check_end() {
  HEARTH_ASSIGN(const std::optional<AuditHead> anchor, read_anchor(anchor_path()));
  HEARTH_ASSIGN(const AuditHead last, last_row());
  return anchor ? check_anchored(*anchor, last) : anchor_missing(anchor_path());
}

Result<void> AuditLog::append(std::span<const AuditEntry> entries) {
  if (entries.empty()) return {};
  HEARTH_ASSIGN(const AppendLock lock, AppendLock::take(lock_, folder_));
  const bool is_whole = check_end().has_value();
  HEARTH_ASSIGN(Transaction transaction, Transaction::begin(database_));
  HEARTH_ASSIGN(AuditHead head, last_row());
  HEARTH_ASSIGN(Statement insert, database_.prepare("INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?,?)"));
  for (const AuditEntry& entry : entries) {
    ++head.n_rows;
    head.hash = hash_of(head.hash, head.n_rows, entry);
    HEARTH_TRY(insert.bind(1, head.n_rows)
                   .bind(2, entry.time_ms)
                   .bind(3, entry.key_id)
                   .bind(4, entry.peer)
                   .bind(5, entry.method)
                   .bind(6, entry.route)
                   .bind(7, entry.model)
                   .bind(8, entry.status)
                   .bind(9, entry.request_id)
                   .bind(10, head.hash)
                   .run());
  }
  HEARTH_TRY(transaction.commit());
  return is_whole ? write_anchor(anchor_path(), head) : Result<void>();
}

Result<AuditHead> AuditLog::verify(const std::optional<AuditHead>& expected) {
  // The anchor first: rows that others append meanwhile are beyond it.
  HEARTH_ASSIGN(const std::optional<AuditHead> anchor, read_anchor(anchor_path()));
  HEARTH_ASSIGN(Statement rows, database_.prepare("SELECT * FROM audit ORDER BY row"));
  AuditHead head;
  if (!anchor) return anchor_missing(anchor_path());
  bool met_anchor = anchor->n_rows == 0;
  bool met_expected = !expected || expected->n_rows == 0;
  while (true) {
    HEARTH_ASSIGN(const bool row, rows.step());
    if (!row) break;
    const int64_t number = rows.integer(0);
    if (number != head.n_rows + 1) {
      return altered(database_.name(), head.n_rows + 1,
                     fmt::format("it is missing (the next one is {})", number));
    }
    const std::string hash = hash_of(head.hash, number, entry_of(rows));
    if (hash != rows.text(9)) {
      return altered(database_.name(), number,
                     "its hash is not that of its content after the row before it: "
                     "it was changed, moved or put in");
    }
    head = {number, hash};
    met_anchor = met_anchor || head == *anchor;
    met_expected = met_expected || head == *expected;
  }
  if (!met_anchor) return end_missing(database_.name(), *anchor, head);
  if (!met_expected) return end_missing(database_.name(), *expected, head);
  return head;
}

}  // namespace hearth::server::accounts
