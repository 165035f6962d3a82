// The limits of keys, counted in memory: nothing here waits for a disk.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "server/accounts/keys.h"

namespace hearth::server::accounts {

// One moment of both clocks: days are the wall's, rates the other's, which nobody sets.
struct Moment {
  WallTime wall;
  std::chrono::steady_clock::time_point steady;
  static Moment now() { return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()}; }
};

struct LimitRefusal {
  std::string message;
  int64_t retry_after_s = 1;
};

// For one thread. Keys are those of the database, so that nobody makes it grow.
class LimitCounters {
 public:
  // Takes a request out of the key's limits, or says which one forbids it and takes nothing. A minute's
  // requests are a bucket that refills evenly: all of them may come at once. The tokens of a request are
  // known when it ends, so that those which run may go over the day's.
  std::optional<LimitRefusal> admit(const KeyRecord& key, const Moment& now);
  // One of the admitted requests has ended.
  void release(const std::string& key_id);

  void add_tokens(const std::string& key_id, int64_t n, const Moment& now);
  // Whether the day's tokens are known; else they are to be set from the database before admit().
  bool knows_day(const std::string& key_id, const Moment& now) const;
  void set_day(const std::string& key_id, int64_t n_tokens, const Moment& now);

 private:
  struct Counters {
    double bucket_requests = 0.0;
    std::chrono::steady_clock::time_point filled;
    bool has_bucket = false;
    int64_t n_running = 0;
    int64_t day = -1;
    int64_t n_day_tokens = 0;
  };

  std::map<std::string, Counters> counters_;
};

}  // namespace hearth::server::accounts
