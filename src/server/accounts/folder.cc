#include "server/accounts/folder.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace hearth::server::accounts {
namespace {

namespace fs = std::filesystem;

fs::path variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

}  // namespace

Result<void> make_private_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (error)
    return make_error(ErrorCode::kIo, "{}: cannot be made: {}", folder.parent_path().string(),
                      error.message());
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return make_error(ErrorCode::kIo, "{}: cannot be made: {}", folder.string(), std::strerror(errno));
  }
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return make_error(ErrorCode::kIo, "{}: expected a folder", folder.string());
  }
  if ((info.st_mode & 0777U) != 0700U && chmod(folder.c_str(), S_IRWXU) != 0) {
    return make_error(ErrorCode::kIo, "{}: cannot be closed to others: {}", folder.string(),
                      std::strerror(errno));
  }
  return {};
}

Result<fs::path> accounts_folder() {
  fs::path home = variable("HEARTH_HOME");
  if (home.empty() && !variable("XDG_DATA_HOME").empty()) home = variable("XDG_DATA_HOME") / "hearth";
  if (home.empty() && !variable("HOME").empty()) home = variable("HOME") / ".local/share/hearth";
  if (home.empty()) {
    return Error(ErrorCode::kUsage,
                 "no folder for the keys: HEARTH_HOME, XDG_DATA_HOME and HOME are all unset");
  }
  fs::path folder = home / "accounts";
  HEARTH_TRY(make_private_folder(folder));
  return folder;
}

}  // namespace hearth::server::accounts
