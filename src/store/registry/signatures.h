// Signatures of a manifest at a registry: artifacts that refer to it (OCI image-spec and distribution-spec
// 1.1).
//
// Each is a manifest of OCI without content, whose `subject` is the model's manifest, whose `artifactType` is
// kSignatureArtifact, and whose annotation kSignatureAnnotation is the signature as the store writes it
// (store/signature.h). The registry lists what refers to a manifest, with the annotations, so that one
// request brings all signatures. For one that keeps no such lists the specification has a tag, sha256-HEX for
// the manifest of that digest, under which those who push keep the list themselves; two who push to the same
// model at once may then lose one of their entries, and pushing again mends it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "store/registry/session.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::store::registry {

inline constexpr std::string_view kSignatureArtifact = "application/vnd.hearth.signature.v1";
inline constexpr std::string_view kSignatureAnnotation = "hearth.signature";

// Those in a list of what refers to a manifest (an image index of OCI) that hold for this name and manifest:
// others, and whatever else refers to it, are passed over. At most 64. kMalformed, kUnsupported for what is
// no such list.
Result<std::vector<ManifestSignature>> signatures_in(std::string_view referrers, const ModelName& name,
                                                     const Digest& manifest);

// Those that the registry has of the manifest for the session's name; none where it has none, or knows
// nothing of referrers. Asked once. The errors of Session::ask_once and of signatures_in().
Result<std::vector<ManifestSignature>> fetch_signatures(Session& session, const Digest& manifest);

// Puts them beside the manifest, which is there. What refers to it already stays. The errors of Session::ask;
// kMalformed where the tag holds something else than a list.
Result<void> push_signatures(Session& session, const StoredManifest& manifest,
                             std::span<const ManifestSignature> signatures);

}  // namespace hearth::store::registry
