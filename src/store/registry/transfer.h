// A model from a registry into the store, and the other way.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/registry/session.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::store::registry {

struct TransferEvents {
  // So many of a blob's bytes are there (at the registry, for a push).
  std::function<void(const Layer& layer, uint64_t completed_bytes)> on_bytes;
  // So many of them have been compared with the digest.
  std::function<void(const Layer& layer, uint64_t read_bytes)> on_verify;
  // Something that went otherwise than the person wished, in a sentence; the pull goes on.
  std::function<void(const std::string& text)> on_note = {};
};

// What was pulled. As long as it lives, no collection of garbage takes the blobs: until somebody has written
// the manifest.
struct Pulled {
  std::string manifest;  // verbatim
  // Of it, for its name: valid, by whatever keys.
  std::vector<ManifestSignature> signatures;
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
//
// Signatures that the registry has come with it (signatures.h). Where it cannot be asked for them there are
// none, and a note says why.
//
// `peer` (Session::create_peer; null: none) is asked for each blob first. The manifest, which says what the
// name stands for, comes from the registry alone. A blob that the peer lacks, or does not bring to its end,
// is gone on with at the registry, and one that came as something else is fetched anew from there; but for
// one that it lacks, the peer is asked no more then. The digest decides, whoever sent what.
Result<Pulled> pull(Session& session, const Store& store, const TransferEvents& events,
                    Session* peer = nullptr);

// Sends the blobs that the registry lacks, then the manifest, then its signatures, of which a note says how
// many went or why they did not. kNotFound where the store does not have the model.
Result<void> push(Session& session, const Store& store, const ModelName& local_name,
                  const TransferEvents& events);

}  // namespace hearth::store::registry
