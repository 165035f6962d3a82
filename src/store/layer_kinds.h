// What people call the layers of a manifest, and in which of them two manifests differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/manifest.h"

namespace hearth::store {

// "weights" of media_type::kModel, "system", "parameters", ...; of a type that Hearth does not know, that
// type.
std::string layer_kind(std::string_view type);

// The kinds of the layers in which they differ, each once. "config" only where nothing else does, as a config
// names all layers; "order" where they have the same blobs.
std::vector<std::string> changed_parts(const Manifest& before, const Manifest& after);

}  // namespace hearth::store
