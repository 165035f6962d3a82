// A blob on its way into the store, written in any order, from several parts at once, over several lives of
// the process.
//
// It is two files in ROOT/hearth/partial, where Ollama does not look: the data, sparse, and beside it the
// ranges of it that are on the disk. Whoever has it open holds a lock (flock) on the data, which the kernel
// releases when the process dies.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "store/byte_ranges.h"
#include "store/digest.h"

namespace hearth::store {

struct PartialBlobOptions {
  // What a process that is killed can lose of what it wrote. Half of it is put on the disk at once, while the
  // rest comes.
  uint64_t max_unsynced_bytes = uint64_t{32} << 20U;
};

// Made by Store::partial_blob. What is written is put on the disk and hashed behind the writer's back, by two
// threads that begin when there is enough for them to do. For one thread.
class PartialBlob {
 public:
  PartialBlob(PartialBlob&&) noexcept;
  PartialBlob& operator=(PartialBlob&&) noexcept;
  ~PartialBlob();  // puts on the disk what is there, for the next try

  const Digest& digest() const noexcept;
  uint64_t size_bytes() const noexcept;

  // What is still to come, in the order of the file, in pieces of at most `max_bytes` (> 0).
  std::vector<ByteRange> missing(uint64_t max_bytes) const;
  // What is on the disk, and remembered: it need not be fetched again, whatever happens.
  uint64_t completed_bytes() const;
  // That, and what was written since.
  uint64_t written_bytes() const;

  // Waits while too much is not on the disk yet. What was written before may be written again.
  // kInvalidArgument beyond the blob's end, kResourceExhausted where the disk is full, kIo: also of what was
  // written earlier and did not get onto the disk, and then again each time.
  Result<void> write(uint64_t offset, std::span<const std::byte> bytes);
  // Everything that was written is completed afterwards. The errors of write().
  Result<void> sync();

  // Waits until everything is on the disk and its SHA-256 known, compares that, and moves the file to its
  // place among the blobs, on the disk with it. kMalformed where the content is another: then everything is
  // discarded, as nobody knows which part is wrong. kInvalidArgument while something is missing. kCancelled
  // by `progress`, and the partial stays. Afterwards the blob counts as in use, for Store::collect_garbage,
  // as long as this object lives: keep it until the manifest that names it is written.
  Result<void> commit(const Progress& progress = {});
  bool is_committed() const noexcept;
  // Forgets it all and frees the space.
  Result<void> discard();

 private:
  friend class Store;
  class State;
  explicit PartialBlob(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hearth::store
