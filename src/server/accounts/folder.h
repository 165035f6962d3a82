// Where accounts are kept.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace hearth::server::accounts {

// The folder "accounts" in HEARTH_HOME, else in $XDG_DATA_HOME/hearth, else in ~/.local/share/hearth; made,
// with mode 0700, where there is none. kUsage where none of these variables is set, kIo.
Result<std::filesystem::path> accounts_folder();

// Makes a folder that only this user may enter, and those above it; one that others may enter is closed to
// them.
Result<void> make_private_folder(const std::filesystem::path& folder);

inline std::filesystem::path keys_path(const std::filesystem::path& folder) {
  return folder / "keys.db";
}

}  // namespace hearth::server::accounts
