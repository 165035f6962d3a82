// The models on disk, in the layout of Ollama, so that its store works in place (docs/store.md):
//
//   ROOT/blobs/sha256-HEX                            content by its SHA-256
//   ROOT/manifests/HOST/NAMESPACE/MODEL/TAG          the manifest of a name, and its newer form
//   ROOT/manifests-v2/HOST/NAMESPACE/MODEL/TAG       a link to a blob that is the manifest
//   ROOT/hearth/...                                  Hearth's own: partial downloads, versions, locks
//
// What it promises: a blob or manifest appears whole or not at all, whatever dies when; blobs whose digest
// was not checked never get their name; one writer at a time changes what names stand for.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "store/blob_writer.h"
#include "store/digest.h"
#include "store/manifest.h"
#include "store/name.h"
#include "store/partial_blob.h"

namespace hearth::store {

struct StoredManifest {
  ModelName name;  // as it is spelt in the store
  Manifest manifest;
  std::string bytes;  // verbatim
  Digest digest;      // of the bytes
  std::chrono::system_clock::time_point modified_at;
};

// A former manifest of a name.
struct ManifestVersion {
  uint64_t number = 0;  // from 1 on, the newest the largest
  Digest digest;
  std::chrono::system_clock::time_point modified_at;
};

struct RemovedModel {
  std::vector<Digest> blobs;  // that nothing else needed, and are gone
  uint64_t freed_bytes = 0;
};

struct GarbageOptions {
  // A blob that nobody names is spared while it is younger: somebody may be about to name it.
  std::chrono::seconds min_age{3600};
  bool dry_run = false;
};

struct Garbage {
  std::vector<Digest> blobs;     // that no manifest and no version names
  size_t n_abandoned_files = 0;  // of writers that died
  size_t n_spared = 0;           // unnamed blobs that are too young or in use
  uint64_t size_bytes = 0;
};

// A blob that is not what a manifest says.
struct BlobFault {
  enum class Kind { kMissing, kWrongSize, kWrongContent, kUnreadable };
  Kind kind;
  Digest digest;
  std::vector<ModelName> models;  // that need it
  std::string message;            // with what was expected and found
};

struct VerifyReport {
  size_t n_manifests = 0;
  size_t n_blobs = 0;
  uint64_t size_bytes = 0;  // that were read
  std::vector<BlobFault> faults;
  std::vector<std::string> bad_manifests;  // messages
};

// Where a manifest's file is: for whoever keeps what it read by size and time.
struct ManifestFile {
  ModelName name;
  std::filesystem::path path;
};

// Thread-safe: it holds a path; everything else is on the disk, and its locks are the kernel's (flock).
class Store {
 public:
  // Makes nothing before something is written. kNotFound where there is no such folder, kInvalidArgument for
  // what is none.
  static Result<Store> open(std::filesystem::path root);
  // Whether a folder has the store's layout: the folders "blobs" and "manifests" (or "manifests-v2").
  static bool is_store(const std::filesystem::path& folder);

  const std::filesystem::path& root() const noexcept { return root_; }

  // --- Names and manifests ---

  // In the order of their keys; files whose path is no name are left out. Who looks often keeps a
  // ManifestIndex.
  Result<std::vector<ManifestFile>> manifest_files() const;
  // That of a name in this very spelling, if there is one; without looking through the store.
  std::optional<ManifestFile> manifest_file(const ModelName& name) const;
  // How the store spells it: case does not matter. kNotFound: "model 'x' not found".
  Result<ModelName> find(const ModelName& name) const;
  // kNotFound, kMalformed and what else Manifest::parse says.
  Result<StoredManifest> manifest(const ModelName& name) const;
  // The same of a file that manifest_files() gave.
  Result<StoredManifest> read_manifest(const ManifestFile& file) const;

  // Makes `name` stand for the manifest, in the spelling that the store has. All at once: whoever reads gets
  // the old or the new one. The old one becomes a version. Every blob must be there, of the size that the
  // manifest says (kNotFound, kMalformed).
  Result<Digest> write_manifest(const ModelName& name, std::string_view bytes) const;
  // The versions that `name` had before, the newest first.
  Result<std::vector<ManifestVersion>> versions(const ModelName& name) const;
  // The manifest, its versions, and the blobs that nothing else names and nobody uses. kNotFound. A manifest
  // that cannot be read is removed as well; while another one cannot, blobs stay.
  Result<RemovedModel> remove(const ModelName& name) const;
  // `destination` stands for the same manifest afterwards. kNotFound.
  Result<void> copy(const ModelName& source, const ModelName& destination) const;

  // --- Blobs ---

  std::filesystem::path blob_path(const Digest& digest) const;
  bool has_blob(const Digest& digest) const { return blob_size(digest).has_value(); }
  std::optional<uint64_t> blob_size(const Digest& digest) const;
  // For reading. As long as the descriptor, or a copy of it in whatever process, is open, the blob counts as
  // in use and is not collected. kNotFound, kIo.
  Result<UniqueDescriptor> open_blob(const Digest& digest) const;
  // The whole of a small one. kMalformed where it is not what its digest says; kResourceExhausted beyond
  // `max_bytes`.
  Result<std::string> read_blob(const Digest& digest, size_t max_bytes) const;
  // Begins a download, or goes on with it; a partial that was begun for another size begins anew.
  // kUnavailable while another process or object has it open; kResourceExhausted, with the numbers, where the
  // disk has not the room.
  Result<PartialBlob> partial_blob(const Digest& digest, uint64_t size_bytes,
                                   const PartialBlobOptions& options = {}) const;
  Result<BlobWriter> new_blob() const;
  // Of bytes at hand. `writer`, where it is given, takes the writer over, which keeps the blob in use.
  Result<Digest> write_blob(std::string_view bytes, std::optional<BlobWriter>* writer = nullptr) const;

  // --- Care ---

  // Deletes what nothing names. Never a partial download, a blob in use, one that a manifest or a version
  // names, or one that is younger than `min_age`. kMalformed, with its name, while a manifest cannot be read:
  // what it named is not known then.
  Result<Garbage> collect_garbage(const GarbageOptions& options = {}) const;
  // Reads every blob that the names (all, where none are given) need.
  Result<VerifyReport> verify(const std::vector<ModelName>& names = {}, const Progress& progress = {}) const;
  // That the blob is what its name says, by reading it, or by remembering that it was read and has not
  // changed since (size, times, inode). kNotFound, kMalformed, kIo, kCancelled.
  Result<void> ensure_verified(const Digest& digest, const Progress& progress = {}) const;
  // Whether it is remembered.
  bool is_verified(const Digest& digest) const;

 private:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path root_;
};

}  // namespace hearth::store
