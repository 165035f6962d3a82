#include "store/partial_blob.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <mutex>
#include <utility>

#include "store/files.h"
#include "store/manifest.h"
#include "store/store.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

// A log beyond this is no log of ours.
constexpr size_t kMaxLogBytes = size_t{16} << 20U;

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

// Sorted, disjoint, never touching.
void add_range(std::vector<ByteRange>& ranges, ByteRange range) {
  if (range.begin == range.end) return;
  const auto first = std::ranges::lower_bound(ranges, range.begin, {}, &ByteRange::end);
  auto last = first;
  for (; last != ranges.end() && last->begin <= range.end; ++last) {
    range.begin = std::min(range.begin, last->begin);
    range.end = std::max(range.end, last->end);
  }
  ranges.insert(ranges.erase(first, last), range);
}

// What the log says up to the first line that is not whole.
std::vector<ByteRange> read_ranges(std::string_view log, const Digest& digest, uint64_t size_bytes) {
  std::vector<ByteRange> ranges;
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
    add_range(ranges, range);
    log.remove_prefix(line.size());
  }
  return ranges;
}

Result<void> check_room(const fs::path& folder, uint64_t missing_bytes) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return system_error(folder, "cannot be looked at", errno);
  const uint64_t free_bytes = uint64_t{info.f_bavail} * info.f_frsize;
  if (missing_bytes <= free_bytes) return {};
  return make_error(ErrorCode::kResourceExhausted,
                    "{}: expected room for {} bytes that are still to come, found {} free", folder.string(),
                    missing_bytes, free_bytes);
}

}  // namespace

class PartialBlob::State {
 public:
  static Result<std::unique_ptr<State>> open(const Places& places, const Digest& digest,
                                             uint64_t size_bytes) {
    if (size_bytes > kMaxBlobBytes) {
      return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}",
                        digest.text(), kMaxBlobBytes, size_bytes);
    }
    HEARTH_TRY(make_folder(places.partial()));
    const fs::path path = places.partial() / digest.file_name();
    HEARTH_ASSIGN(UniqueDescriptor data, open_locked(path, O_RDWR | O_CREAT, LOCK_EX, Wait::kNo));
    auto state = std::make_unique<State>(places, digest, size_bytes, std::move(data));
    HEARTH_TRY(state->resume());
    return state;
  }

  State(Places places, const Digest& digest, uint64_t size_bytes, UniqueDescriptor data)
      : places_(std::move(places)), digest_(digest), size_bytes_(size_bytes), data_(std::move(data)) {}

  std::vector<ByteRange> missing(uint64_t max_bytes) const {
    HEARTH_CHECK(max_bytes > 0);
    const std::lock_guard lock(mutex_);
    std::vector<ByteRange> missing;
    uint64_t at = 0;
    const auto add_until = [&](uint64_t end) {
      for (; at < end; at = missing.back().end) missing.push_back({at, at + std::min(max_bytes, end - at)});
    };
    for (const ByteRange& range : done_) {
      add_until(range.begin);
      at = range.end;
    }
    add_until(size_bytes_);
    return missing;
  }

  uint64_t completed_bytes() const {
    const std::lock_guard lock(mutex_);
    uint64_t completed = 0;
    for (const ByteRange& range : done_) completed += range.size_bytes();
    return completed;
  }

  Result<void> write(uint64_t offset, std::span<const std::byte> bytes) {
    if (offset > size_bytes_ || bytes.size() > size_bytes_ - offset) {
      return make_error(ErrorCode::kInvalidArgument, "{}: expected {} bytes, found {} from byte {} on",
                        digest_.text(), size_bytes_, bytes.size(), offset);
    }
    return write_all_at(data_.get(), offset, bytes, data_path());
  }

  Result<void> complete(ByteRange range) {
    HEARTH_CHECK(range.begin <= range.end && range.end <= size_bytes_);
    if (range.begin == range.end) return {};
    if (::fdatasync(data_.get()) != 0) return system_error(data_path(), "cannot be synced", errno);
    const std::lock_guard lock(mutex_);
    HEARTH_TRY(write_all(log_.get(), bytes_of(range_line(digest_, range)), log_path()));
    add_range(done_, range);
    return {};
  }

  Result<void> commit(const Progress& progress) {
    if (committed_) return {};
    if (const uint64_t completed = completed_bytes(); completed != size_bytes_) {
      return make_error(ErrorCode::kInvalidArgument,
                        "{}: expected all {} bytes before it is committed, found {}", digest_.text(),
                        size_bytes_, completed);
    }
    HEARTH_ASSIGN(const Digest found, hash_file(data_.get(), size_bytes_, progress));
    if (found != digest_) {
      HEARTH_TRY(discard());
      return make_error(ErrorCode::kMalformed,
                        "digest mismatch: expected {}, found {} of {} bytes; all was discarded",
                        digest_.text(), found.text(), size_bytes_);
    }
    HEARTH_TRY(install_blob(places_, data_path(), data_, digest_));
    committed_ = true;
    ::unlink(log_path().c_str());
    return {};
  }

  // The log first: data without a log is nothing, a log without data would be a lie.
  Result<void> discard() {
    if (committed_) return {};
    for (const fs::path& path : {log_path(), data_path()}) {
      if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return system_error(path, "cannot be removed", errno);
    }
    const std::lock_guard lock(mutex_);
    done_.clear();
    return {};
  }

  const Digest& digest() const noexcept { return digest_; }
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  bool is_committed() const noexcept { return committed_; }

 private:
  fs::path data_path() const { return places_.partial() / digest_.file_name(); }
  fs::path log_path() const { return places_.partial() / (digest_.file_name() + ".ranges"); }

  Result<void> resume() {
    struct stat info {};
    if (::fstat(data_.get(), &info) != 0) return system_error(data_path(), "cannot be read", errno);
    const auto log = read_small_file(log_path(), kMaxLogBytes);
    const bool is_whole = log && static_cast<uint64_t>(info.st_size) == size_bytes_;
    if (is_whole) done_ = read_ranges(*log, digest_, size_bytes_);
    HEARTH_TRY(check_room(places_.partial(), size_bytes_ - completed_bytes()));
    std::string fresh_log = head_line(digest_, size_bytes_);
    for (const ByteRange& range : done_) fresh_log += range_line(digest_, range);
    if (!log || *log != fresh_log)
      HEARTH_TRY(replace_file(places_, log_path(), fresh_log, Durability::kOnDisk));
    // Only now: a log that speaks of old data must not be there when it is cut off.
    if (done_.empty() && ::ftruncate(data_.get(), 0) != 0)
      return system_error(data_path(), "cannot be emptied", errno);
    if (::ftruncate(data_.get(), static_cast<off_t>(size_bytes_)) != 0)
      return system_error(data_path(), "cannot be given its size", errno);
    log_.reset(::open(log_path().c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!log_) return system_error(log_path(), "cannot be opened", errno);
    return {};
  }

  const Places places_;
  const Digest digest_;
  const uint64_t size_bytes_;
  UniqueDescriptor data_;
  UniqueDescriptor log_;
  mutable std::mutex mutex_;     // of what follows, and of appending to the log
  std::vector<ByteRange> done_;  // sorted, disjoint, never touching
  bool committed_ = false;
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

Result<void> PartialBlob::write(uint64_t offset, std::span<const std::byte> bytes) {
  return state_->write(offset, bytes);
}

Result<void> PartialBlob::complete(ByteRange range) {
  return state_->complete(range);
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

Result<PartialBlob> Store::partial_blob(const Digest& digest, uint64_t size_bytes) const {
  HEARTH_ASSIGN(std::unique_ptr<PartialBlob::State> state,
                PartialBlob::State::open(Places{root_}, digest, size_bytes));
  return PartialBlob(std::move(state));
}

}  // namespace hearth::store
