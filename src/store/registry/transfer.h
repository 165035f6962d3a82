// A model from a registry into the store, and the other way.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/registry/session.h"
#include "store/store.h"

namespace hearth::store::registry {

struct TransferEvents {
  // So many of a blob's bytes are there (at the registry, for a push).
  std::function<void(const Layer& layer, uint64_t completed_bytes)> on_bytes;
  // So many of them have been compared with the digest.
  std::function<void(const Layer& layer, uint64_t read_bytes)> on_verify;
};

// What was pulled. As long as it lives, no collection of garbage takes the blobs: until somebody has written
// the manifest.
struct Pulled {
  std::string manifest;  // verbatim
  std::vector<PartialBlob> fetched;
  std::vector<UniqueDescriptor> present;
};

// What pull() writes to in a store at `root`: folders, made where they are missing, and the store's lock.
// There are no names or manifests in them. kIo.
Result<std::vector<std::filesystem::path>> make_places_of_pull(const std::filesystem::path& root);

// Fetches the manifest and every blob of it that the store has not, and verifies all of them; writes no
// manifest. A blob of the right digest's name and another content is fetched anew. Waits for a blob that
// somebody else fetches. Errors name the registry: kNotFound, kMalformed for what breaks the protocol,
// kUnsupported for lists of manifests, kResourceExhausted for a full disk, kUnavailable, kCancelled. What was
// fetched stays for the next time.
Result<Pulled> pull(Session& session, const Store& store, const TransferEvents& events);

// Sends the blobs that the registry lacks, then the manifest. kNotFound where the store does not have the
// model.
Result<void> push(Session& session, const Store& store, const ModelName& local_name,
                  const TransferEvents& events);

}  // namespace hearth::store::registry
