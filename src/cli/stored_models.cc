#include "cli/stored_models.h"

#include "cli/models_folder.h"
#include "cli/options.h"
#include "store/versions.h"

namespace hearth::cli {

Result<store::Store> open_store(const std::string& folder) {
  HEARTH_ASSIGN(std::filesystem::path path, models_folder(folder));
  return store::Store::open(std::move(path));
}

Result<store::StoredManifest> stored_model(const store::Store& store, const std::string& text) {
  // No name has an '@'.
  const size_t at = text.rfind('@');
  HEARTH_ASSIGN(const store::ModelName name, store::ModelName::parse(text.substr(0, at)));
  if (at == std::string::npos) return store.manifest(name);
  int64_t number = 0;
  if (!parse_whole_number(text.substr(at + 1), number) || number < 1) {
    return make_error(ErrorCode::kInvalidArgument,
                      "'{}': expected NAME@VERSION with a number that hearth history shows", text);
  }
  return store::read_version(store, name, static_cast<uint64_t>(number));
}

Result<std::vector<store::PublicKey>> read_public_keys(const std::vector<std::string>& paths) {
  std::vector<store::PublicKey> keys;
  for (const std::string& path : paths) {
    HEARTH_ASSIGN(store::PublicKey key, store::PublicKey::read(path));
    keys.push_back(key);
  }
  return keys;
}

}  // namespace hearth::cli
