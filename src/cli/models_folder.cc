#include "cli/models_folder.h"

#include <system_error>

#include "cli/environment.h"
#include "server/accounts/folder.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

Result<fs::path> existing(const std::string& path, const char* where) {
  std::error_code error;
  if (fs::exists(path, error)) return fs::path(path);
  return make_error(ErrorCode::kNotFound, "{}: no such file or folder ({} is where the models are)", path,
                    where);
}

Result<fs::path> own_folder() {
  HEARTH_ASSIGN(const fs::path accounts, server::accounts::accounts_folder());
  const fs::path folder = accounts.parent_path() / "models";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return make_error(ErrorCode::kIo, "{}: {}", folder.string(), error.message());
  return folder;
}

}  // namespace

Result<fs::path> models_folder(const std::string& named) {
  if (!named.empty()) return existing(named, "--models");
  if (const std::string models = environment_value("HEARTH_MODELS"); !models.empty())
    return existing(models, "HEARTH_MODELS");
  if (!environment_value("HEARTH_HOME").empty()) return own_folder();
  if (const std::string models = environment_value("OLLAMA_MODELS"); !models.empty())
    return existing(models, "OLLAMA_MODELS");
  if (const std::string home = environment_value("HOME"); !home.empty()) {
    const fs::path ollama = fs::path(home) / ".ollama/models";
    if (store::Store::is_store(ollama)) return ollama;
  }
  return own_folder();
}

}  // namespace hearth::cli
