// A store for tests, with models made of a few bytes.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "store/model_config.h"
#include "store/store.h"
#include "tests/support/temporary_folder.h"

namespace hearth::store {

class TestStore {
 public:
  const Store& operator*() const { return store_; }
  const Store* operator->() const { return &store_; }
  const std::filesystem::path& root() const { return folder_.path(); }

  // As another program would put it there.
  Layer put_blob(std::string_view media_type, std::string_view bytes) const {
    const Digest digest = Digest::of(bytes);
    put_file("blobs/" + digest.file_name(), bytes);
    return {std::string(media_type), digest, bytes.size(), "", ""};
  }
  void put_file(const std::string& path, std::string_view bytes) const {
    std::filesystem::create_directories((root() / path).parent_path());
    std::ofstream(root() / path, std::ios::binary) << bytes;
  }
  std::string read_file(const std::string& path) const {
    std::ostringstream bytes;
    bytes << std::ifstream(root() / path, std::ios::binary).rdbuf();
    return bytes.str();
  }
  // A manifest of blobs that it puts there: a config and a model of this text.
  std::string put_manifest_blobs(const std::string& model) const {
    Manifest manifest;
    manifest.config =
        put_blob(media_type::kConfig, ModelConfig{"gguf", "llama", {"llama"}, "1B", "Q4_0", {}}.serialise());
    manifest.layers = {put_blob(media_type::kModel, model)};
    return manifest.serialise();
  }
  void age_blobs(std::chrono::hours age) const {
    for (const auto& entry : std::filesystem::directory_iterator(root() / "blobs"))
      std::filesystem::last_write_time(entry.path(), std::filesystem::file_time_type::clock::now() - age);
  }
  size_t count_files(const std::string& folder) const {
    std::error_code error;
    size_t n = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root() / folder, error))
      n += entry.is_directory() ? 0 : 1;
    return n;
  }

 private:
  hearth::testing::TemporaryFolder folder_;
  Store store_ = *Store::open(folder_.path());
};

inline ModelName name_of(std::string_view text) {
  return *ModelName::parse(text);
}

}  // namespace hearth::store
