// A blob of a file that lies elsewhere, without a second copy of its bytes: models are as large as disks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "store/store.h"

namespace hearth::store {

// How the store came by the bytes of a file (docs/store.md says what each means for the file's owner).
enum class Placement {
  kWasThere,   // the store had this blob
  kReflink,    // the file system shares the bytes until one of the two is changed (FICLONE)
  kHardLink,   // a second name of the same file: what changes the one changes the other
  kReference,  // a symbolic link: the file must stay where it is
  kCopy,
};
std::string_view placement_name(Placement placement) noexcept;  // "hard link"

struct AdoptedBlob {
  Digest digest;
  uint64_t size_bytes = 0;
  Placement placement = Placement::kWasThere;
  UniqueDescriptor held;  // as long as it is open, the blob counts as in use, for Store::collect_garbage
};

// The ways that take no room, the best first.
inline const std::vector<Placement> kInPlace{Placement::kReflink, Placement::kHardLink,
                                             Placement::kReference};

// Reads the file once for its digest, and makes it a blob in the first of `ways` that can be had here. The
// file itself is never changed. kNotFound; kInvalidArgument for what is no regular file, or empty;
// kUnavailable where it changes meanwhile; kResourceExhausted; kIo; kCancelled.
Result<AdoptedBlob> adopt_file(const Store& store, const std::filesystem::path& file,
                               const std::vector<Placement>& ways = kInPlace, const Progress& progress = {});

}  // namespace hearth::store
