// How a name comes to stand for another manifest, and what becomes of the one before. For the store's own
// code.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/result.h"
#include "store/files.h"
#include "store/store.h"

namespace hearth::store {

std::chrono::system_clock::time_point time_of(const timespec& time);

// As Store::write_manifest, with the store's lock held. `manifest` is what `bytes` say.
Result<Digest> replace_manifest(const Store& store, const ModelName& name, const Manifest& manifest,
                                std::string_view bytes);

std::filesystem::path versions_folder(const Places& places, const ModelName& name);
// Before the name stands for something else. `modified_at`: when it came to stand for these bytes. With the
// store's lock held.
Result<void> keep_version(const Store& store, const ModelName& name, std::string_view bytes,
                          std::chrono::system_clock::time_point modified_at);
// The files of all names' versions but the newest `keep` of each.
Result<std::set<std::filesystem::path>> versions_beyond(const Places& places, size_t keep);

}  // namespace hearth::store
