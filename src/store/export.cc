#include <archive.h>
#include <archive_entry.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "store/files.h"
#include "store/model_archive.h"

namespace hearth::store {
namespace {

using nlohmann::ordered_json;

constexpr size_t kBufferBytes = size_t{1} << 20U;

// The tar on its way to the descriptor.
class TarWriter {
 public:
  explicit TarWriter(int descriptor) : descriptor_(descriptor), archive_(archive_write_new()) {
    HEARTH_CHECK(archive_ != nullptr);
  }
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;
  ~TarWriter() {
    if (!closed_) {
      is_over_ = true;
      // Else it would fill the file that was begun with zeros to its end.
      archive_write_fail(archive_);
      // Of what has failed, archive_write_free would not free the buffer.
      archive_write_close(archive_);
    }
    archive_write_free(archive_);
  }

  Result<void> open() {
    // Plain ustar but for files of 8 GiB and more, which get a pax header with their size.
    HEARTH_TRY(check(archive_write_set_format_pax_restricted(archive_)));
    HEARTH_TRY(check(archive_write_add_filter_none(archive_)));
    return check(archive_write_open(archive_, this, nullptr, write_callback, nullptr));
  }

  Result<void> begin_file(const std::string& path, uint64_t size_bytes) {
    archive_entry* entry = archive_entry_new();
    HEARTH_CHECK(entry != nullptr);
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(size_bytes));
    archive_entry_set_mtime(entry, 0, 0);  // the same models, the same bytes
    const int done = archive_write_header(archive_, entry);
    archive_entry_free(entry);
    return check(done);
  }

  Result<void> write(std::span<const std::byte> bytes) {
    const la_ssize_t n = archive_write_data(archive_, bytes.data(), bytes.size());
    return check(n == static_cast<la_ssize_t>(bytes.size()) ? ARCHIVE_OK : ARCHIVE_FATAL);
  }

  Result<void> write_file(const std::string& path, std::string_view text) {
    HEARTH_TRY(begin_file(path, text.size()));
    return write(bytes_of(text));
  }

  Result<void> close() {
    HEARTH_TRY(check(archive_write_close(archive_)));
    closed_ = true;
    return {};
  }

 private:
  // Says that it wrote also where it could not, which check() tells: libarchive would leak its buffer.
  static la_ssize_t write_callback(archive* /*tar*/, void* self, const void* data, size_t size) {
    auto* writer = static_cast<TarWriter*>(self);
    const auto n = static_cast<la_ssize_t>(size);
    if (writer->is_over_ || writer->error_) return n;
    auto written = write_all(writer->descriptor_, {static_cast<const std::byte*>(data), size}, "the archive");
    if (!written) writer->error_ = written.error();
    return n;
  }

  Result<void> check(int status) const {
    if (error_) return *error_;
    if (status == ARCHIVE_OK) return {};
    const char* message = archive_error_string(archive_);
    return make_error(ErrorCode::kIo, "the archive cannot be written: {}",
                      message == nullptr ? "unknown" : message);
  }

  const int descriptor_;
  archive* const archive_;
  std::optional<Error> error_;
  bool closed_ = false;
  bool is_over_ = false;  // nothing is written any more
};

struct OpenBlob {
  uint64_t size_bytes = 0;
  UniqueDescriptor descriptor;
};

// Manifests by digest, and blobs, each once.
struct Contents {
  std::map<Digest, const StoredManifest*> manifests;
  std::map<Digest, uint64_t> blobs;
};

Contents contents_of(std::span<const StoredManifest> models) {
  Contents contents;
  for (const StoredManifest& model : models) {
    contents.manifests.emplace(model.digest, &model);
    for (const Layer& layer : model.manifest.blobs()) contents.blobs.emplace(layer.digest, layer.size_bytes);
  }
  for (const auto& [digest, manifest] : contents.manifests) contents.blobs.erase(digest);
  return contents;
}

// All of them before the first byte is written.
Result<std::map<Digest, OpenBlob>> open_blobs(const Store& store, const std::map<Digest, uint64_t>& wanted) {
  if (wanted.size() > kMaxArchiveBlobs) {
    return make_error(ErrorCode::kResourceExhausted, "expected at most {} blobs for one archive, found {}",
                      kMaxArchiveBlobs, wanted.size());
  }
  std::map<Digest, OpenBlob> blobs;
  for (const auto& [digest, size_bytes] : wanted) {
    HEARTH_ASSIGN(UniqueDescriptor descriptor, store.open_blob(digest));
    struct stat info {};
    if (::fstat(descriptor.get(), &info) != 0)
      return system_error(store.blob_path(digest), "cannot be read", errno);
    if (static_cast<uint64_t>(info.st_size) != size_bytes) {
      return make_error(ErrorCode::kMalformed, "{}: expected a blob of {} bytes, found {}", digest.text(),
                        size_bytes, info.st_size);
    }
    blobs[digest] = {size_bytes, std::move(descriptor)};
  }
  return blobs;
}

std::string blob_entry(const Digest& digest) {
  return "blobs/sha256/" + digest.hex();
}

Result<std::string> index_of(const Store& store, std::span<const StoredManifest> models) {
  ordered_json manifests = ordered_json::array();
  std::set<std::string> names;
  for (const StoredManifest& model : models) {
    if (!names.insert(model.name.key()).second) {
      return make_error(ErrorCode::kInvalidArgument,
                        "model '{}': expected each name once, as an archive has one manifest for it",
                        model.name.text());
    }
    ordered_json annotations{{"org.opencontainers.image.ref.name", model.name.full_text()}};
    HEARTH_ASSIGN(const std::vector<ManifestSignature> signatures,
                  read_signatures(store, model.name, model.digest));
    if (!signatures.empty()) {
      std::vector<std::string> texts;
      for (const ManifestSignature& signature : signatures) {
        texts.push_back(signature.serialise());
        texts.back().pop_back();  // the newline
      }
      std::ranges::sort(texts);
      annotations["hearth.signatures"] = fmt::format("[{}]", fmt::join(texts, ","));
    }
    manifests.push_back({{"mediaType", model.manifest.media_type},
                         {"digest", model.digest.text()},
                         {"size", model.bytes.size()},
                         {"annotations", std::move(annotations)}});
  }
  const ordered_json index{
      {"schemaVersion", 2}, {"mediaType", media_type::kOciIndex}, {"manifests", std::move(manifests)}};
  return index.dump() + "\n";
}

// A blob that changed since it was opened is found here, at the latest.
Result<void> write_blob(TarWriter& tar, const Digest& digest, const OpenBlob& blob,
                        const Progress& progress) {
  HEARTH_TRY(tar.begin_file(blob_entry(digest), blob.size_bytes));
  Hasher hasher;
  std::vector<std::byte> buffer(kBufferBytes);
  for (uint64_t done = 0; done < blob.size_bytes;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), blob.size_bytes - done));
    const ssize_t n = ::pread(blob.descriptor.get(), buffer.data(), wanted, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(digest.text(), "cannot be read", errno);
    if (n == 0) {
      return make_error(ErrorCode::kMalformed, "{}: expected {} bytes, found an end after {}", digest.text(),
                        blob.size_bytes, done);
    }
    const auto bytes = std::span<const std::byte>(buffer).first(static_cast<size_t>(n));
    hasher.update(bytes);
    HEARTH_TRY(tar.write(bytes));
    done += static_cast<uint64_t>(n);
    if (progress && !progress(done)) return Error(ErrorCode::kCancelled, "cancelled");
  }
  const Digest found = hasher.finish();
  if (found == digest) return {};
  return make_error(ErrorCode::kMalformed, "expected content of {}, found {}", digest.text(), found.text());
}

}  // namespace

uint64_t export_size_bytes(std::span<const StoredManifest> models) {
  const Contents contents = contents_of(models);
  uint64_t size_bytes = 0;
  for (const auto& [digest, manifest] : contents.manifests) size_bytes += manifest->bytes.size();
  for (const auto& [digest, size] : contents.blobs) size_bytes += size;
  return size_bytes;
}

Result<Exported> export_models(const Store& store, std::span<const StoredManifest> models, int descriptor,
                               const Progress& progress) {
  const Contents contents = contents_of(models);
  HEARTH_ASSIGN(const auto blobs, open_blobs(store, contents.blobs));
  HEARTH_ASSIGN(const std::string index, index_of(store, models));
  Exported exported;
  TarWriter tar(descriptor);
  HEARTH_TRY(tar.open());
  HEARTH_TRY(tar.write_file("oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}\n"));
  HEARTH_TRY(tar.write_file("index.json", index));
  for (const auto& [digest, model] : contents.manifests) {
    HEARTH_TRY(tar.write_file(blob_entry(digest), model->bytes));
    exported.size_bytes += model->bytes.size();
  }
  for (const auto& [digest, blob] : blobs) {
    const Progress of_blob = [&](uint64_t done) { return !progress || progress(exported.size_bytes + done); };
    HEARTH_TRY(write_blob(tar, digest, blob, of_blob));
    exported.size_bytes += blob.size_bytes;
    ++exported.n_blobs;
  }
  HEARTH_TRY(tar.close());
  return exported;
}

}  // namespace hearth::store
