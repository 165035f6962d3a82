// The store and its models, for the commands that work on the folder itself.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::cli {

// That of --models, or of what cli/models_folder.h finds.
Result<store::Store> open_store(const std::string& folder);

// NAME, or NAME@VERSION for a number that hearth history shows. kInvalidArgument, kNotFound, kMalformed.
Result<store::StoredManifest> stored_model(const store::Store& store, const std::string& text);

// Of --verify-key.
Result<std::vector<store::PublicKey>> read_public_keys(const std::vector<std::string>& paths);

}  // namespace hearth::cli
