#include "server/accounts/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hearth::server::accounts {
namespace {

Error error_of(int code, std::string_view name, std::string_view message) {
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return make_error(
          ErrorCode::kMalformed,
          "{}: the file is damaged or no database of Hearth ({}); put a copy in its place, or move "
          "it away to begin anew",
          name, message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make_error(ErrorCode::kUnavailable, "{}: another process is writing to it ({})", name, message);
    case SQLITE_CONSTRAINT:
      return make_error(ErrorCode::kInvalidArgument, "{}: {}", name, message);
    default:
      return make_error(ErrorCode::kIo, "{}: {}", name, message);
  }
}

Error error_of(sqlite3* database, int code, std::string_view name) {
  return error_of(code, name, database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database));
}

// Made before SQLite opens it by name, so that no moment exists in which others may read it. SQLite gives the
// files beside it (-wal, -shm) the same mode.
Result<void> make_private_file(const std::string& name) {
  const int file = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (file < 0) return make_error(ErrorCode::kIo, "{}: cannot open: {}", name, std::strerror(errno));
  struct stat info {};
  int failed = fstat(file, &info);
  if (failed == 0 && !S_ISREG(info.st_mode)) {
    close(file);
    return make_error(ErrorCode::kInvalidArgument, "{}: expected a file", name);
  }
  if (failed == 0 && (info.st_mode & 0777U) != 0600U) failed = fchmod(file, S_IRUSR | S_IWUSR);
  const int reason = errno;
  close(file);
  if (failed != 0)
    return make_error(ErrorCode::kIo, "{}: cannot make it private: {}", name, std::strerror(reason));
  return {};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int index, int64_t value) {
  bind_error_ |= sqlite3_bind_int64(statement_.get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::optional<int64_t> value) {
  if (value) return bind(index, *value);
  bind_error_ |= sqlite3_bind_null(statement_.get(), index);
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  bind_error_ |= sqlite3_bind_text64(statement_.get(), index, text.empty() ? "" : text.data(), text.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
  bind_error_ |= sqlite3_bind_blob64(statement_.get(), index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                                     SQLITE_TRANSIENT);
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != 0) {
    return make_error(ErrorCode::kIo, "{}: a value cannot be bound ({})", *name_,
                      sqlite3_errstr(bind_error_));
  }
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = error_of(sqlite3_db_handle(statement_.get()), code, *name_);
  reset();
  return error;
}

Result<void> Statement::run() {
  while (true) {
    HEARTH_ASSIGN(const bool row, step());
    if (!row) break;
  }
  reset();
  return {};
}

void Statement::reset() noexcept {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_error_ = 0;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<int64_t> Statement::optional_integer(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Statement::text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string()
                          : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

void Database::Close::operator()(sqlite3* database) const noexcept {
  sqlite3_close_v2(database);
}

Result<Database> Database::open(const std::filesystem::path& path) {
  auto name = std::make_unique<std::string>(path.string());
  HEARTH_TRY(make_private_file(*name));
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(name->c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw, std::move(name));
  if (code != SQLITE_OK) return error_of(raw, code, database.name());
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  // What a hand-made file could bring along: functions in its schema, values that pages do not hold.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  HEARTH_TRY(
      database.execute("PRAGMA cell_size_check = ON; PRAGMA journal_mode = WAL; "
                       "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON"));
  return database;
}

Result<void> Database::ensure_schema(std::string_view schema, int64_t version) {
  HEARTH_ASSIGN(Transaction transaction, Transaction::begin(*this));
  HEARTH_ASSIGN(Statement tables, prepare("SELECT count(*) FROM sqlite_schema"));
  HEARTH_TRY(tables.step());
  const bool is_new = tables.integer(0) == 0;
  tables.reset();
  if (is_new) {
    HEARTH_TRY(execute("CREATE TABLE schema(version INTEGER NOT NULL) STRICT"));
    HEARTH_TRY(execute(schema));
    HEARTH_ASSIGN(Statement insert, prepare("INSERT INTO schema VALUES (?)"));
    HEARTH_TRY(insert.bind(1, version).run());
    return transaction.commit();
  }
  auto statement = prepare("SELECT max(version) FROM schema");
  if (!statement) {
    return make_error(ErrorCode::kMalformed, "{}: the file is a database, but none of Hearth's", name());
  }
  HEARTH_TRY(statement->step());
  if (statement->integer(0) != version) {
    return make_error(
        ErrorCode::kUnsupported,
        "{}: its tables are of version {}, this Hearth knows version {}: use the one that made it", name(),
        statement->integer(0), version);
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), code, name());
  return Statement(statement, name_.get());
}

Result<void> Database::execute(std::string_view sql) {
  const int code = sqlite3_exec(database_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), code, name());
  return {};
}

int64_t Database::n_changed() const {
  return sqlite3_changes64(database_.get());
}

Result<Transaction> Transaction::begin(Database& database) {
  HEARTH_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // Where a disk error has rolled it back already, this fails, and is meant to.
  if (database_ != nullptr) static_cast<void>(database_->execute("ROLLBACK").has_value());
}

Result<void> Transaction::commit() {
  HEARTH_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace hearth::server::accounts
