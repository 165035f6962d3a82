// SQLite behind Results: statements that are bound, stepped and read by type.
//
// A Database and its statements belong to one thread at a time. Several Databases, also of several processes,
// may have the same file open: it is in WAL mode, so that readers and the one writer do not wait for each
// other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hearth::server::accounts {

// One statement of SQL. Binds are by number, from 1; columns from 0. What is bound is copied.
class Statement {
 public:
  Statement& bind(int index, int64_t value);
  Statement& bind(int index, std::optional<int64_t> value);
  Statement& bind(int index, std::string_view text);
  Statement& bind_blob(int index, std::string_view bytes);

  // True: a row is there to be read. False: no more rows. A bind that failed is told of here.
  Result<bool> step();
  // For statements without rows.
  Result<void> run();
  // Ready to be bound and stepped anew; a read transaction that it held open ends.
  void reset() noexcept;

  int64_t integer(int column) const;
  std::optional<int64_t> optional_integer(int column) const;
  std::string text(int column) const;  // or the bytes of a blob

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  Statement(sqlite3_stmt* statement, const std::string* name) : statement_(statement), name_(name) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  const std::string* name_;  // of the database's file, for messages
  int bind_error_ = 0;
};

class Database {
 public:
  // How long it waits for another writer before kUnavailable.
  static constexpr int kBusyMilliseconds = 5000;

  // Opens the file, or makes it with mode 0600; brings it to WAL mode, with foreign keys, commits that
  // survive a loss of power. A file that is no database, or a damaged one, is kMalformed.
  static Result<Database> open(const std::filesystem::path& path);

  // Makes the tables of a new database, or checks that it has this version of them; `schema` is SQL. A later
  // version is kUnsupported.
  Result<void> ensure_schema(std::string_view schema, int64_t version);

  Result<Statement> prepare(std::string_view sql);
  Result<void> execute(std::string_view sql);
  // Rows that the last statement changed.
  int64_t n_changed() const;

  const std::string& name() const noexcept { return *name_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  Database(sqlite3* database, std::unique_ptr<std::string> name)
      : name_(std::move(name)), database_(database) {}

  std::unique_ptr<std::string> name_;  // at one address, however often this is moved
  std::unique_ptr<sqlite3, Close> database_;
};

// A transaction that writes: rolled back where it is not committed.
class Transaction {
 public:
  // Waits for other writers, kBusyMilliseconds at most.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace hearth::server::accounts
