#include "store/prefix_hasher.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "store/start_thread.h"

namespace hearth::store {
namespace {

// Small enough to stay in a core's cache between the copy and the hash.
constexpr size_t kChunkBytes = size_t{256} << 10U;
// Less than this is hashed at the end, by whoever waits for it: a few milliseconds.
constexpr uint64_t kWorthAThreadBytes = uint64_t{4} << 20U;

}  // namespace

PrefixHasher::~PrefixHasher() {
  stop();
}

void PrefixHasher::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
  is_stopping_ = false;
}

// Reads and hashes what follows; hashed_bytes_ is the caller's to advance. Without the mutex.
Result<void> PrefixHasher::hash_some(uint64_t most_bytes) {
  if (buffer_.empty()) buffer_.resize(kChunkBytes);
  auto left = std::span(buffer_).first(static_cast<size_t>(std::min<uint64_t>(most_bytes, buffer_.size())));
  for (uint64_t at = hashed_bytes_; !left.empty();) {
    const ssize_t n = ::pread(descriptor_, left.data(), left.size(), static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return make_error(ErrorCode::kIo, "cannot be read at byte {}: {}", at, std::strerror(errno));
    if (n == 0) return make_error(ErrorCode::kMalformed, "expected more bytes, found an end after {}", at);
    hasher_.update(left.first(static_cast<size_t>(n)));
    left = left.subspan(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return {};
}

void PrefixHasher::follow() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return is_stopping_ || available_bytes_ >= hashed_bytes_ + kChunkBytes; });
    if (is_stopping_) return;
    is_reading_ = true;
    lock.unlock();
    const auto hashed = hash_some(kChunkBytes);
    lock.lock();
    is_reading_ = false;
    if (hashed) {
      hashed_bytes_ += kChunkBytes;
    } else {
      failed_ = hashed.error();
    }
    changed_.notify_all();
    if (failed_) return;
  }
}

void PrefixHasher::advance(uint64_t n) {
  {
    const std::lock_guard lock(mutex_);
    if (n <= available_bytes_) return;
    available_bytes_ = n;
    const uint64_t behind_bytes = n - hashed_bytes_;
    if (behind_bytes < (thread_.joinable() ? kChunkBytes : kWorthAThreadBytes) || failed_) return;
  }
  // Without a thread everything is hashed at the end.
  if (!thread_.joinable() && !start_thread(thread_, [this] { follow(); })) return;
  changed_.notify_all();
}

void PrefixHasher::rewind(uint64_t offset) {
  std::unique_lock lock(mutex_);
  available_bytes_ = std::min(available_bytes_, offset);
  changed_.wait(lock, [&] { return !is_reading_; });
  if (hashed_bytes_ <= offset) return;
  hasher_ = Hasher();
  digest_.reset();
  hashed_bytes_ = 0;
}

Result<Digest> PrefixHasher::finish(uint64_t size_bytes, const Progress& progress) {
  stop();
  while (!failed_) {
    if (progress && !progress(hashed_bytes_)) return Error(ErrorCode::kCancelled, "cancelled");
    if (hashed_bytes_ == size_bytes) {
      if (!digest_) digest_ = hasher_.finish();
      return *digest_;
    }
    const uint64_t n = std::min<uint64_t>(size_bytes - hashed_bytes_, kChunkBytes);
    if (const auto hashed = hash_some(n); !hashed) failed_ = hashed.error();
    hashed_bytes_ += n;
  }
  return *failed_;
}

}  // namespace hearth::store
