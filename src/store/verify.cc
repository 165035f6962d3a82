#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "store/files.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::store {
namespace {

struct Needed {
  uint64_t size_bytes = 0;
  std::vector<ModelName> models;
};

// Of a blob that is there and open.
Result<void> check_content(int descriptor, const Digest& digest, uint64_t size_bytes,
                           const Progress& progress) {
  HEARTH_ASSIGN(const Digest found, hash_file(descriptor, size_bytes, progress));
  if (found == digest) return {};
  return make_error(ErrorCode::kMalformed, "expected content of {}, found {}", digest.text(), found.text());
}

Result<std::optional<BlobFault>> check_blob(const Store& store, const Digest& digest, const Needed& needed,
                                            const Progress& progress) {
  const auto fault = [&](BlobFault::Kind kind, std::string message) {
    return std::optional(
        BlobFault{kind, digest, needed.models, fmt::format("{}: {}", digest.text(), message)});
  };
  const auto blob = store.open_blob(digest);
  if (!blob) {
    if (blob.error().code() == ErrorCode::kNotFound) {
      const BlobFile file = blob_file(Places{store.root()}, digest);
      if (file.is_reference) {
        return fault(BlobFault::Kind::kMissing, fmt::format("expected {} bytes in {}, found no such file",
                                                            needed.size_bytes, file.path.string()));
      }
      return fault(BlobFault::Kind::kMissing,
                   fmt::format("expected {} bytes, found no such blob", needed.size_bytes));
    }
    return fault(BlobFault::Kind::kUnreadable, blob.error().message());
  }
  struct stat info {};
  if (::fstat(blob->get(), &info) != 0) return fault(BlobFault::Kind::kUnreadable, "cannot be read");
  if (static_cast<uint64_t>(info.st_size) != needed.size_bytes) {
    return fault(BlobFault::Kind::kWrongSize,
                 fmt::format("expected {} bytes, found {}", needed.size_bytes, info.st_size));
  }
  const auto checked = check_content(blob->get(), digest, needed.size_bytes, progress);
  if (checked) {
    remember_verified(Places{store.root()}, digest, blob->get());
    return std::optional<BlobFault>();
  }
  if (checked.error().code() == ErrorCode::kCancelled) return checked.error();
  return fault(checked.error().code() == ErrorCode::kMalformed ? BlobFault::Kind::kWrongContent
                                                               : BlobFault::Kind::kUnreadable,
               checked.error().message());
}

}  // namespace

Result<VerifyReport> Store::verify(const std::vector<ModelName>& names, const Progress& progress) const {
  VerifyReport report;
  std::map<Digest, Needed> blobs;
  const auto add = [&](const Result<StoredManifest>& stored) {
    ++report.n_manifests;
    if (!stored) {
      report.bad_manifests.push_back(stored.error().message());
      return;
    }
    for (const Layer& layer : stored->manifest.blobs()) {
      Needed& needed = blobs[layer.digest];
      needed.size_bytes = layer.size_bytes;
      needed.models.push_back(stored->name);
    }
  };
  if (names.empty()) {
    HEARTH_ASSIGN(const std::vector<ManifestFile> files, manifest_files());
    for (const ManifestFile& file : files) add(read_manifest(file));
  } else {
    for (const ModelName& name : names) {
      HEARTH_TRY(find(name));
      add(manifest(name));
    }
  }
  for (const auto& [digest, needed] : blobs) {
    const Progress of_blob = [&](uint64_t done) { return !progress || progress(report.size_bytes + done); };
    HEARTH_ASSIGN(const std::optional<BlobFault> fault, check_blob(*this, digest, needed, of_blob));
    if (fault) report.faults.push_back(*fault);
    ++report.n_blobs;
    if (!fault || fault->kind == BlobFault::Kind::kWrongContent) report.size_bytes += needed.size_bytes;
  }
  return report;
}

bool Store::is_verified(const Digest& digest) const {
  struct stat info {};
  return ::lstat(blob_file(Places{root_}, digest).path.c_str(), &info) == 0 &&
         is_remembered_verified(Places{root_}, digest, info);
}

Result<void> verify_blob(const Store& store, const Digest& digest, const Progress& progress) {
  HEARTH_ASSIGN(const UniqueDescriptor blob, store.open_blob(digest));
  struct stat info {};
  if (::fstat(blob.get(), &info) != 0) return system_error(store.blob_path(digest), "cannot be read", errno);
  HEARTH_TRY(check_content(blob.get(), digest, static_cast<uint64_t>(info.st_size), progress));
  remember_verified(Places{store.root()}, digest, blob.get());
  return {};
}

Result<void> Store::ensure_verified(const Digest& digest, const Progress& progress) const {
  const Places places{root_};
  HEARTH_ASSIGN(const UniqueDescriptor blob, open_blob(digest));
  struct stat info {};
  if (::fstat(blob.get(), &info) != 0) return system_error(blob_path(digest), "cannot be read", errno);
  if (is_remembered_verified(places, digest, info)) return {};
  HEARTH_TRY(check_content(blob.get(), digest, static_cast<uint64_t>(info.st_size), progress));
  remember_verified(places, digest, blob.get());
  return {};
}

}  // namespace hearth::store
