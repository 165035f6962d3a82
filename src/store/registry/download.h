// A blob, over several connections at once, into its place in the store.
#pragma once

#include <cstdint>
#include <functional>

#include "store/partial_blob.h"
#include "store/registry/session.h"

namespace hearth::store::registry {

// How many of the blob's bytes are there by now, those of an earlier try with them.
using OnBytes = std::function<void(uint64_t completed_bytes)>;

// Fetches what is missing of `blob`, in parts of at most RegistryOptions::part_bytes. What dies in between
// has lost at most one part: what is written and not on the disk is bounded (PartialBlobOptions), and so is
// what connections hold. A part that breaks off goes on where it was, after a pause; so does one that stalls.
// A registry that knows no ranges is asked for the whole.
//
// The blob has all of its bytes afterwards, and is not committed. kMalformed for answers of another length or
// another range; kUnavailable once the tries are used up.
Result<void> download(Session& session, PartialBlob& blob, const OnBytes& on_bytes);

}  // namespace hearth::store::registry
