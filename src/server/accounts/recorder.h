// Writes usage and audit rows to the disk from a thread of its own, some at a time: the front never waits.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "server/accounts/audit_log.h"
#include "server/accounts/keys.h"

namespace hearth::server::accounts {

// Thread-safe.
class Recorder {
 public:
  struct Options {
    std::chrono::milliseconds interval{500};  // at most so old is what is not on the disk yet
    size_t max_waiting_rows = 65'536;         // of the audit log
  };

  // Without an audit log: nullopt.
  Recorder(KeyStore keys, std::optional<AuditLog> audit, Options options);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  // Writes what waits.
  ~Recorder();

  void add_usage(const DailyUsage& usage);
  // Where max_waiting_rows wait already, because the disk takes none, the row is lost; how many were is
  // itself a row as soon as there is room.
  void add_audit(AuditEntry entry);

  // Returns when all that was added before is written, or could not be.
  void flush();
  // Why the last attempt to write failed; nothing where it did not. What was not written is tried again.
  std::optional<Error> problem() const;

 private:
  using UsageMap = std::map<std::pair<std::string, int64_t>, DailyUsage>;  // by key and day

  void work();
  void note_lost_rows();  // as a row; with mutex_ held
  Result<void> write(UsageMap& usage, std::vector<AuditEntry>& rows);
  void put_back(const UsageMap& usage, std::vector<AuditEntry> rows);

  const Options options_;
  KeyStore keys_;                  // of the thread
  std::optional<AuditLog> audit_;  // of the thread

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable written_;
  UsageMap usage_;
  std::vector<AuditEntry> rows_;
  int64_t n_lost_rows_ = 0;
  uint64_t n_flushes_wanted_ = 0;
  uint64_t n_flushes_done_ = 0;
  bool stop_ = false;
  std::optional<Error> problem_;
  std::thread thread_;
};

}  // namespace hearth::server::accounts
