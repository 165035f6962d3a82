// A blob on its way into the store, from its first byte to its last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "store/digest.h"

namespace hearth::store {

// Made by Store::new_blob. What is not finished is gone with the object; after a crash, with the next
// Store::collect_garbage. Not thread-safe.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept;
  BlobWriter& operator=(BlobWriter&&) noexcept;
  ~BlobWriter();

  // kResourceExhausted where the disk is full or the blob too large (kMaxBlobBytes), kIo.
  Result<void> append(std::span<const std::byte> bytes);
  uint64_t size_bytes() const noexcept;
  // Of the file that the bytes go to, for a process that writes them itself; take_in() reads them then, for
  // their digest. Not beside append(). kIo; kResourceExhausted where there are too many (kMaxBlobBytes).
  int descriptor() const noexcept;
  Result<void> take_in();
  // Puts it on the disk and in its place. kInvalidArgument where the digest is not `expected`: nothing stays
  // then. Afterwards the blob counts as in use, for Store::collect_garbage, as long as this object lives.
  Result<Digest> finish(const std::optional<Digest>& expected = std::nullopt);

 private:
  friend class Store;
  class State;
  explicit BlobWriter(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hearth::store
