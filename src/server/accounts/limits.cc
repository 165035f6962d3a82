#include "server/accounts/limits.h"

#include <algorithm>
#include <cmath>

namespace hearth::server::accounts {
namespace {

constexpr double kMinuteSeconds = 60.0;

int64_t seconds_to_midnight(WallTime now) {
  const auto midnight = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1);
  return std::chrono::ceil<std::chrono::seconds>(midnight - now).count();
}

}  // namespace

std::optional<LimitRefusal> LimitCounters::admit(const KeyRecord& key, const Moment& now) {
  Counters& counters = counters_[key.id];
  if (const auto limit = key.limits.concurrent_requests; limit && counters.n_running >= *limit) {
    return LimitRefusal{
        fmt::format("the key '{}' may have {} requests at a time, and has them", key.name, *limit), 1};
  }
  if (const auto limit = key.limits.tokens_per_day;
      limit && counters.day == day_of(now.wall) && counters.n_day_tokens >= *limit) {
    return LimitRefusal{fmt::format("the key '{}' has used {} of its {} tokens of this day (UTC)", key.name,
                                    counters.n_day_tokens, *limit),
                        seconds_to_midnight(now.wall)};
  }
  if (const auto limit = key.limits.requests_per_minute) {
    const auto most = static_cast<double>(*limit);
    const double per_second = most / kMinuteSeconds;
    const double passed_s = std::chrono::duration<double>(now.steady - counters.filled).count();
    counters.bucket_requests =
        counters.has_bucket ? std::min(most, counters.bucket_requests + passed_s * per_second) : most;
    counters.has_bucket = true;
    counters.filled = now.steady;
    if (counters.bucket_requests < 1.0) {
      const double wait_s = (1.0 - counters.bucket_requests) / per_second;
      return LimitRefusal{
          fmt::format("the key '{}' may make {} requests a minute, and has made them", key.name, *limit),
          std::max<int64_t>(1, std::llround(std::ceil(wait_s)))};
    }
    counters.bucket_requests -= 1.0;
  }
  ++counters.n_running;
  return std::nullopt;
}

void LimitCounters::release(const std::string& key_id) {
  const auto found = counters_.find(key_id);
  if (found != counters_.end() && found->second.n_running > 0) --found->second.n_running;
}

void LimitCounters::add_tokens(const std::string& key_id, int64_t n, const Moment& now) {
  Counters& counters = counters_[key_id];
  const int64_t day = day_of(now.wall);
  if (counters.day != day) {
    // A new day begins here; the first day of the process is set from the database by admit()'s caller.
    counters.day = day;
    counters.n_day_tokens = 0;
  }
  counters.n_day_tokens += n;
}

bool LimitCounters::knows_day(const std::string& key_id, const Moment& now) const {
  const auto found = counters_.find(key_id);
  return found != counters_.end() && found->second.day == day_of(now.wall);
}

void LimitCounters::set_day(const std::string& key_id, int64_t n_tokens, const Moment& now) {
  Counters& counters = counters_[key_id];
  counters.day = day_of(now.wall);
  counters.n_day_tokens = n_tokens;
}

}  // namespace hearth::server::accounts
