// Which blobs are needed, and how one is deleted that is not. For the store's own code.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "store/files.h"
#include "store/store.h"

namespace hearth::store {

// The blobs of a manifest, and the one that it may be itself.
void add_references(const StoredManifest& stored, std::set<Digest>& digests);
// Of all manifests and versions but those in `without`. kMalformed, with its name, where one cannot be read.
Result<std::set<Digest>> referenced_blobs(const Store& store,
                                          const std::set<std::filesystem::path>& without = {});

// Its size, if it was there and nobody had it in use.
std::optional<uint64_t> remove_unused_blob(const Places& places, const Digest& digest);

}  // namespace hearth::store
