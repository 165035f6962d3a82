// The former manifests of a name: ROOT/hearth/history/HOST/NAMESPACE/MODEL/TAG/NUMBER-HEX, in lower case, one
// folder for all spellings. What a name stands for now has the number after the newest of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace hearth::store {

// A manifest of a name, former or present, with what it needs.
struct VersionEntry {
  uint64_t number = 0;
  bool is_current = false;
  Digest digest;
  std::chrono::system_clock::time_point modified_at;  // when the name came to stand for it
  std::optional<Manifest> manifest;                   // nothing where it cannot be read
  std::vector<Digest> missing;                        // its blobs that are not there, or of another size
};

// All that `name` stood for, the present one first. kNotFound.
Result<std::vector<VersionEntry>> read_history(const Store& store, const ModelName& name);
// One of them. kNotFound, also where there is no such version; kMalformed.
Result<StoredManifest> read_version(const Store& store, const ModelName& name, uint64_t number);
// `name` stands for that version's manifest afterwards; nothing: for the newest that differs from the present
// one. All at once, and a change as any other: what was present becomes a version. kNotFound where there is
// no such version, or with every blob of it that is missing.
Result<VersionEntry> roll_back(const Store& store, const ModelName& name, std::optional<uint64_t> number);

struct GarbageAndVersions {
  Garbage garbage;
  size_t n_versions = 0;  // former manifests that went, or would
};
// As Store::collect_garbage, but of each name's former manifests only the newest `keep` count and stay.
Result<GarbageAndVersions> collect_versions(const Store& store, const GarbageOptions& options, size_t keep);

}  // namespace hearth::store
