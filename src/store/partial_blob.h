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
#include "store/digest.h"

namespace hearth::store {

struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;  // behind the last byte

  uint64_t size_bytes() const noexcept { return end - begin; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

// Made by Store::partial_blob. write() and complete() may be called by several threads at once, for ranges
// that do not overlap; everything else by one, alone.
class PartialBlob {
 public:
  PartialBlob(PartialBlob&&) noexcept;
  PartialBlob& operator=(PartialBlob&&) noexcept;
  ~PartialBlob();  // keeps what is there, for the next try

  const Digest& digest() const noexcept;
  uint64_t size_bytes() const noexcept;

  // What is still to come, in the order of the file, in pieces of at most `max_bytes` (> 0).
  std::vector<ByteRange> missing(uint64_t max_bytes) const;
  uint64_t completed_bytes() const;

  // The bytes are in the file, but lost with the process's end unless complete() follows. kInvalidArgument
  // beyond the blob's end, kResourceExhausted where the disk is full, kIo.
  Result<void> write(uint64_t offset, std::span<const std::byte> bytes);
  // Everything in the range was written: puts it on the disk (fdatasync), and remembers that. What is
  // remembered need not be fetched again.
  Result<void> complete(ByteRange range);

  // Reads the whole file, compares its SHA-256, and moves it to its place among the blobs, on the disk with
  // it. kMalformed where the content is another: then everything is discarded, as nobody knows which part is
  // wrong. kInvalidArgument while something is missing. kCancelled by `progress`, and the partial stays.
  // Afterwards the blob counts as in use, for Store::collect_garbage, as long as this object lives: keep it
  // until the manifest that names it is written.
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
