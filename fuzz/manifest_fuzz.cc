// Manifests, configs, names of models, signatures and archives of models. What is taken must survive being
// written and read again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/unique_descriptor.h"
#include "store/manifest.h"
#include "store/model_archive.h"
#include "store/model_config.h"
#include "store/name.h"
#include "store/signature.h"

namespace {

using namespace hearth::store;

// A store of this process, removed at its end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "hearth-fuzz-XXXXXX").string();
    HEARTH_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What an archive brings is whole: every blob of it is what its name says.
void import_archive(std::string_view bytes) {
  static const Folder folder;
  static const Store store = *Store::open(folder.path());
  const hearth::UniqueDescriptor file(::memfd_create("archive", MFD_CLOEXEC));
  HEARTH_CHECK(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  HEARTH_CHECK(::lseek(file.get(), 0, SEEK_SET) == 0);
  const auto imported = import_models(store, file.get());
  const std::filesystem::path incoming = folder.path() / "hearth/incoming";
  HEARTH_CHECK(!std::filesystem::exists(incoming) || std::filesystem::is_empty(incoming));
  if (!imported) return;
  for (const ImportedModel& model : *imported) {
    HEARTH_CHECK(store.manifest(model.name)->digest == model.digest);
    HEARTH_CHECK(store.verify({model.name})->faults.empty());
    HEARTH_CHECK(store.remove(model.name).has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = Manifest::parse(text)) {
    const auto again = Manifest::parse(manifest->serialise());
    HEARTH_CHECK(again && *again == *manifest);
  }
  if (const auto config = ModelConfig::parse(text))
    HEARTH_CHECK(ModelConfig::parse(config->serialise()).has_value());
  if (const auto name = ModelName::parse(text)) {
    HEARTH_CHECK(*ModelName::parse(name->full_text()) == *name);
    HEARTH_CHECK(same_model(*ModelName::parse(name->text()), *name));
    HEARTH_CHECK(*ModelName::from_manifest_path(name->manifest_path()) == *name);
    for (const auto& part : name->manifest_path()) HEARTH_CHECK(part != ".." && part != "." && !part.empty());
  }
  if (const auto digest = Digest::parse(text)) {
    HEARTH_CHECK(*Digest::parse_file_name(digest->file_name()) == *digest);
  }
  if (const auto signature = ManifestSignature::parse(text))
    HEARTH_CHECK(ManifestSignature::parse(signature->serialise()).has_value());
  // A tar says so in its first head.
  constexpr size_t kMagicAt = 257;
  if (text.size() > 512 && text.substr(kMagicAt, 5) == "ustar") import_archive(text);
  return 0;
}
