#include "server/accounts/recorder.h"

#include <iterator>
#include <new>

namespace hearth::server::accounts {
namespace {

void merge(DailyUsage& into, const DailyUsage& usage) {
  into.key_id = usage.key_id;
  into.day = usage.day;
  into.n_requests += usage.n_requests;
  into.n_prompt_tokens += usage.n_prompt_tokens;
  into.n_generated_tokens += usage.n_generated_tokens;
}

}  // namespace

Recorder::Recorder(KeyStore keys, std::optional<AuditLog> audit, Options options)
    : options_(options), keys_(std::move(keys)), audit_(std::move(audit)), thread_([this] { work(); }) {}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Recorder::add_usage(const DailyUsage& usage) {
  const std::lock_guard lock(mutex_);
  merge(usage_[{usage.key_id, usage.day}], usage);
}

void Recorder::add_audit(AuditEntry entry) {
  const std::lock_guard lock(mutex_);
  if (!audit_) return;
  if (rows_.size() >= options_.max_waiting_rows) {
    ++n_lost_rows_;
    return;
  }
  note_lost_rows();
  rows_.push_back(std::move(entry));
}

void Recorder::note_lost_rows() {
  if (n_lost_rows_ == 0) return;
  const int64_t n = std::exchange(n_lost_rows_, 0);
  rows_.push_back({milliseconds_of(std::chrono::system_clock::now()), "", "", "LOST",
                   fmt::format("{} rows", n), "", 0, ""});
}

void Recorder::flush() {
  std::unique_lock lock(mutex_);
  const uint64_t wanted = ++n_flushes_wanted_;
  wake_.notify_one();
  written_.wait(lock, [&] { return n_flushes_done_ >= wanted; });
}

std::optional<Error> Recorder::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void Recorder::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, options_.interval, [this] { return stop_ || n_flushes_wanted_ != n_flushes_done_; });
    const bool last = stop_;
    if (last) note_lost_rows();
    const uint64_t wanted = n_flushes_wanted_;
    UsageMap usage = std::exchange(usage_, {});
    std::vector<AuditEntry> rows = std::exchange(rows_, {});
    lock.unlock();
    Result<void> done = write(usage, rows);
    lock.lock();
    problem_ = done ? std::nullopt : std::optional(done.error());
    if (!done) put_back(usage, std::move(rows));
    n_flushes_done_ = wanted;
    written_.notify_all();
    if (last) return;
  }
}

// What was written is taken out of its argument.
Result<void> Recorder::write(UsageMap& usage, std::vector<AuditEntry>& rows) {
  try {
    std::vector<DailyUsage> days;
    days.reserve(usage.size());
    for (const auto& [key, day] : usage) days.push_back(day);
    HEARTH_TRY(keys_.add_usage(days));
    usage.clear();
    if (audit_) {
      HEARTH_TRY(audit_->append(rows));
    }
    rows.clear();
    return {};
  } catch (const std::bad_alloc&) {
    return Error(ErrorCode::kResourceExhausted, "out of memory while usage was written");
  }
}

void Recorder::put_back(const UsageMap& usage, std::vector<AuditEntry> rows) {
  for (const auto& [key, day] : usage) merge(usage_[key], day);
  rows.insert(rows.end(), std::make_move_iterator(rows_.begin()), std::make_move_iterator(rows_.end()));
  rows_ = std::move(rows);
}

}  // namespace hearth::server::accounts
