// A blob, from the store to a registry.
#pragma once

#include "store/registry/download.h"

namespace hearth::store::registry {

// Sends what the registry does not have yet: asks first (HEAD), then POST, PATCH in chunks of
// RegistryOptions::part_bytes, PUT. A chunk that breaks off goes on where the registry says that it is.
// The errors of Session::ask, and kMalformed for answers that are none of the protocol.
Result<void> upload(Session& session, const Digest& digest, int descriptor, uint64_t size_bytes,
                    const OnBytes& on_bytes);
// The same of a short text, in one request.
Result<void> upload_text(Session& session, std::string_view text);

}  // namespace hearth::store::registry
