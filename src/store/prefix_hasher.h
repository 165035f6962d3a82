// The SHA-256 of a file that is still being written: a thread follows its beginning as far as it is there.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "store/digest.h"

namespace hearth::store {

// What was written last is read back from the page cache, so that the order in which parts come does not
// matter. For one thread, beside its own.
class PrefixHasher {
 public:
  // The descriptor stays the caller's, open for reading as long as this lives.
  explicit PrefixHasher(int descriptor) : descriptor_(descriptor) {}
  PrefixHasher(const PrefixHasher&) = delete;
  PrefixHasher& operator=(const PrefixHasher&) = delete;
  ~PrefixHasher();

  // The file's first `n` bytes are written. A thread begins where there is enough for it to do.
  void advance(uint64_t n);
  // What stands from `offset` on is about to be written anew: nobody reads it afterwards until advance()
  // passes it again, and nothing that was read of it counts.
  void rewind(uint64_t offset);
  // Of the first `size_bytes`, all of which are written; the rest is read by the caller's thread. May be
  // called again after kCancelled. kIo; kMalformed where the file ends before.
  Result<Digest> finish(uint64_t size_bytes, const Progress& progress);

 private:
  Result<void> hash_some(uint64_t most_bytes);
  void follow();
  void stop();

  const int descriptor_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // With the mutex.
  uint64_t available_bytes_ = 0;
  uint64_t hashed_bytes_ = 0;
  bool is_reading_ = false;  // and hasher_ and buffer_ are the thread's
  bool is_stopping_ = false;
  std::optional<Error> failed_;

  std::optional<Digest> digest_;  // once it is finished
  Hasher hasher_;
  std::vector<std::byte> buffer_;
};

}  // namespace hearth::store
