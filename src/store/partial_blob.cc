#include "store/partial_blob.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "store/files.h"
#include "store/manifest.h"
#include "store/prefix_hasher.h"
#include "store/start_thread.h"
#include "store/store.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

// A log beyond this is no log of ours.
constexpr size_t kMaxLogBytes = size_t{16} << 20U;
// It is written anew, with ranges that touch made one, when it has grown by so much.
constexpr size_t kLogGrowthBytes = size_t{64} << 10U;

// The file of ranges: a line that says of which blob, then one a range,
//
//   hearth-partial 1 sha256:... SIZE
//   BEGIN END CHECK
//
// each appended with one write once its data is on the disk. CHECK is of the line and the blob: after a crash
// of the machine the end of the file may be anything.
std::string head_line(const Digest& digest, uint64_t size_bytes) {
  return fmt::format("hearth-partial 1 {} {}\n", digest.text(), size_bytes);
}

std::string range_line(const Digest& digest, ByteRange range) {
  const std::string check =
      Digest::of(fmt::format("{} {} {}", digest.text(), range.begin, range.end)).hex().substr(0, 8);
  return fmt::format("{} {} {}\n", range.begin, range.end, check);
}

bool take_number(std::string_view& text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()) + 1);
  return true;
}

// What the log says up to the first line that is not whole.
RangeSet read_ranges(std::string_view log, const Digest& digest, uint64_t size_bytes) {
  RangeSet ranges;
  const std::string head = head_line(digest, size_bytes);
  if (!log.starts_with(head)) return ranges;
  log.remove_prefix(head.size());
  while (!log.empty()) {
    const size_t end = log.find('\n');
    if (end == std::string_view::npos) break;
    const std::string_view line = log.substr(0, end + 1);
    std::string_view rest = line;
    ByteRange range;
    if (!take_number(rest, range.begin) || !take_number(rest, range.end)) break;
    if (range.begin >= range.end || range.end > size_bytes || line != range_line(digest, range)) break;
    ranges.add(range);
    log.remove_prefix(line.size());
  }
  return ranges;
}

}  // namespace

class PartialBlob::State {
 public:
  static Result<std::unique_ptr<State>> open(const Places& places, const Digest& digest, uint64_t size_bytes,
                                             const PartialBlobOptions& options) {
    if (size_bytes > kMaxBlobBytes) {
      return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}",
                        digest.text(), kMaxBlobBytes, size_bytes);
    }
    HEARTH_TRY(make_folder(places.partial()));
    const fs::path path = places.partial() / digest.file_name();
    HEARTH_ASSIGN(UniqueDescriptor data, open_locked(path, O_RDWR | O_CREAT, LOCK_EX, Wait::kNo));
    auto state = std::make_unique<State>(places, digest, size_bytes, options, std::move(data));
    HEARTH_TRY(state->resume());
    return state;
  }

  State(Places places, const Digest& digest, uint64_t size_bytes, const PartialBlobOptions& options,
        UniqueDescriptor data)
      : places_(std::move(places)),
        digest_(digest),
        size_bytes_(size_bytes),
        max_unsynced_bytes_(options.max_unsynced_bytes),
        data_(std::move(data)),
        hasher_(data_.get()) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    stop_thread();
    // What cannot be kept is fetched again.
    if (!committed_) (void)sync().has_value();
  }

  std::vector<ByteRange> missing(uint64_t max_bytes) const {
    HEARTH_CHECK(max_bytes > 0);
    const std::lock_guard lock(mutex_);
    std::vector<ByteRange> missing;
    uint64_t at = 0;
    const auto add_until = [&](uint64_t end) {
      for (; at < end; at = missing.back().end) missing.push_back({at, at + std::min(max_bytes, end - at)});
    };
    for (const ByteRange& range : written_.ranges()) {
      add_until(range.begin);
      at = range.end;
    }
    add_until(size_bytes_);
    return missing;
  }

  uint64_t completed_bytes() const {
    const std::lock_guard lock(mutex_);
    return done_.size_bytes();
  }

  uint64_t written_bytes() const {
    const std::lock_guard lock(mutex_);
    return written_.size_bytes();
  }

  Result<void> write(uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > size_bytes_ || bytes.size() > size_bytes_ - offset) {
      return make_error(ErrorCode::kInvalidArgument, "{}: expected {} bytes, found {} from byte {} on",
                        digest_.text(), size_bytes_, bytes.size(), offset);
    }
    const ByteRange range{offset, offset + bytes.size()};
    HEARTH_TRY(make_ready(range));
    HEARTH_TRY(write_all_at(data_.get(), offset, bytes, data_path()));
    std::unique_lock lock(mutex_);
    written_.add(range);
    unsynced_.add(range);
    hasher_.advance(written_.end_of_run(0));
    if (unsynced_.size_bytes() < batch_bytes()) return {};
    if (thread_.joinable() || start_thread(thread_, [this] { sync_as_it_comes(); })) {
      changed_.notify_all();
    } else {
      sync_some(lock);
    }
    return failed_ ? Result<void>(*failed_) : Result<void>();
  }

  Result<void> sync() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !is_syncing_; });
    while (!failed_ && !unsynced_.empty()) sync_some(lock);
    return failed_ ? Result<void>(*failed_) : Result<void>();
  }

  Result<void> commit(const Progress& progress) {
    if (committed_) return {};
    if (const uint64_t written = written_bytes(); written != size_bytes_) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: expected all {} bytes before it is committed, found {}", digest_.text(),
                        size_bytes_, written);
    }
    HEARTH_ASSIGN(const Digest found, hasher_.finish(size_bytes_, progress));
    if (found != digest_) {
      HEARTH_TRY(discard());
      return make_error(ErrorCode::kMalformed,
                        "digest mismatch: expected {}, found {} of {} bytes; all was discarded",
                        digest_.text(), found.text(), size_bytes_);
    }
    HEARTH_TRY(sync());
    HEARTH_TRY(install_blob(places_, data_path(), data_, digest_));
    committed_ = true;
    ::unlink(log_path().c_str());
    return {};
  }

  // The log first: data without a log is nothing, a log without data would be a lie.
  Result<void> discard() {
    if (committed_) return {};
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !is_syncing_; });
    done_ = written_ = unsynced_ = {};
    hasher_.rewind(0);
    for (const fs::path& path : {log_path(), data_path()}) {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return system_error(path, "cannot be removed", errno);
    }
    return {};
  }

  const Digest& digest() const noexcept { return digest_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  bool is_committed() const noexcept { return committed_; }

 private:
  fs::path data_path() const { return places_.partial() / digest_.file_name(); }
  fs::path log_path() const { return places_.partial() / (digest_.file_name() + ".ranges"); }
  uint64_t batch_bytes() const { return std::max<uint64_t>(max_unsynced_bytes_ / 2, 1); }

  Result<void> resume() {
    struct stat info {};
    if (::fstat(data_.get(), &info) != 0) return system_error(data_path(), "cannot be read", errno);
    const auto log = read_small_file(log_path(), kMaxLogBytes);
    const bool is_whole = log && static_cast<uint64_t>(info.st_size) == size_bytes_;
    if (is_whole) done_ = read_ranges(*log, digest_, size_bytes_);
    HEARTH_TRY(check_room(places_.partial(), size_bytes_ - done_.size_bytes()));
    if (!log || *log != whole_log())
      HEARTH_TRY(replace_file(places_, log_path(), whole_log(), Durability::kOnDisk));
    // Only now: a log that speaks of old data must not be there when it is cut off.
    if (done_.empty() && ::ftruncate(data_.get(), 0) != 0)
      return system_error(data_path(), "cannot be emptied", errno);
    if (::ftruncate(data_.get(), static_cast<off_t>(size_bytes_)) != 0)
      return system_error(data_path(), "cannot be given its size", errno);
    written_ = done_;
    hasher_.advance(written_.end_of_run(0));
    return open_log();
  }

  std::string whole_log() const {
    std::string log = head_line(digest_, size_bytes_);
    for (const ByteRange& range : done_.ranges()) log += range_line(digest_, range);
    return log;
  }

  Result<void> open_log() {
    log_.reset(::open(log_path().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!log_) return system_error(log_path(), "cannot be opened", errno);
    log_growth_bytes_ = 0;
    return {};
  }

  // Before the range is written: that there is not too much on its way to the disk, and that nobody reads
  // what is about to change.
  Result<void> make_ready(ByteRange range) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      const uint64_t unsynced = unsynced_.size_bytes() + in_sync_bytes_;
      return failed_ || unsynced < batch_bytes() || unsynced + range.size_bytes() <= max_unsynced_bytes_;
    });
    if (failed_) return *failed_;
    if (written_.overlaps(range)) {
      written_.remove(range);
      hasher_.rewind(range.begin);
    }
    return {};
  }

  void sync_as_it_comes() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] {
        return is_stopping_ || (!is_syncing_ && !failed_ && unsynced_.size_bytes() >= batch_bytes());
      });
      if (is_stopping_) return;
      sync_some(lock);
    }
  }

  // What is not on the disk by now, whatever comes meanwhile.
  void sync_some(std::unique_lock<std::mutex>& lock) {
    const RangeSet batch = std::exchange(unsynced_, {});
    in_sync_bytes_ = batch.size_bytes();
    is_syncing_ = true;
    lock.unlock();
    const auto synced = put_on_disk(batch);
    lock.lock();
    is_syncing_ = false;
    in_sync_bytes_ = 0;
    if (synced) {
      for (const ByteRange& range : batch.ranges()) done_.add(range);
    } else {
      failed_ = synced.error();
    }
    if (!failed_ && log_growth_bytes_ > kLogGrowthBytes) {
      if (const auto shortened = shorten_log(); !shortened) failed_ = shortened.error();
    }
    changed_.notify_all();
  }

  Result<void> put_on_disk(const RangeSet& batch) {
    if (::fdatasync(data_.get()) != 0) return system_error(data_path(), "cannot be synced", errno);
    std::string lines;
    for (const ByteRange& range : batch.ranges()) lines += range_line(digest_, range);
    log_growth_bytes_ += lines.size();
    return write_all(log_.get(), bytes_of(lines), log_path());
  }

  Result<void> shorten_log() {
    HEARTH_TRY(replace_file(places_, log_path(), whole_log(), Durability::kOnDisk));
    return open_log();
  }

  void stop_thread() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  const Places places_;
  const Digest digest_;
  const uint64_t size_bytes_;
  const uint64_t max_unsynced_bytes_;
  UniqueDescriptor data_;
  UniqueDescriptor log_;
  size_t log_growth_bytes_ = 0;  // of whoever is syncing
  bool committed_ = false;

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  RangeSet written_;
  RangeSet unsynced_;           // of what was written
  uint64_t in_sync_bytes_ = 0;  // that were, and are on their way
  RangeSet done_;               // on the disk, and in the log
  bool is_syncing_ = false;     // somebody has the log, and calls fdatasync
  bool is_stopping_ = false;
  std::optional<Error> failed_;  // for good: what a failed fdatasync lost is not known
  std::thread thread_;
  PrefixHasher hasher_;
};

PartialBlob::PartialBlob(std::unique_ptr<State> state) : state_(std::move(state)) {}
PartialBlob::PartialBlob(PartialBlob&&) noexcept = default;
PartialBlob& PartialBlob::operator=(PartialBlob&&) noexcept = default;
PartialBlob::~PartialBlob() = default;

const Digest& PartialBlob::digest() const noexcept {
  return state_->digest();
}

uint64_t PartialBlob::size_bytes() const noexcept {
  return state_->size_bytes();
}

std::vector<ByteRange> PartialBlob::missing(uint64_t max_bytes) const {
  return state_->missing(max_bytes);
}

uint64_t PartialBlob::completed_bytes() const {
  return state_->completed_bytes();
}

uint64_t PartialBlob::written_bytes() const {
  return state_->written_bytes();
}

Result<void> PartialBlob::write(uint64_t offset, std::span<const std::byte> bytes) {
  return state_->write(offset, bytes);
}

Result<void> PartialBlob::sync() {
  return state_->sync();
}

Result<void> PartialBlob::commit(const Progress& progress) {
  return state_->commit(progress);
}

bool PartialBlob::is_committed() const noexcept {
  return state_->is_committed();
}

Result<void> PartialBlob::discard() {
  return state_->discard();
}

Result<PartialBlob> Store::partial_blob(const Digest& digest, uint64_t size_bytes,
                                        const PartialBlobOptions& options) const {
  HEARTH_ASSIGN(std::unique_ptr<PartialBlob::State> state,
                PartialBlob::State::open(Places{root_}, digest, size_bytes, options));
  return PartialBlob(std::move(state));
}

}  // namespace hearth::store
