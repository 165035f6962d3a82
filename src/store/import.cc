#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/excerpt.h"
#include "base/json_text.h"
#include "store/files.h"
#include "store/model_archive.h"

namespace hearth::store {
namespace {

using nlohmann::json;

constexpr size_t kBufferBytes = size_t{1} << 20U;
constexpr size_t kMaxLayoutBytes = 4096;
constexpr size_t kMaxIndexBytes = size_t{4} << 20U;
constexpr size_t kMaxFolders = 16;
constexpr std::string_view kBlobs = "blobs/sha256/";

Error malformed(std::string_view where, std::string_view expected, std::string_view found) {
  return make_error(ErrorCode::kMalformed, "the archive: {}: expected {}, found {}", where, expected, found);
}

// The tar as it comes from the descriptor. libarchive reads tar alone here: no other format, no filter.
class TarReader {
 public:
  TarReader(int descriptor, const Progress& progress)
      : descriptor_(descriptor), progress_(progress), archive_(archive_read_new()), buffer_(kBufferBytes) {
    HEARTH_CHECK(archive_ != nullptr);
  }
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  ~TarReader() { archive_read_free(archive_); }

  Result<void> open() {
    HEARTH_TRY(check(archive_read_support_format_tar(archive_)));
    return check(archive_read_open(archive_, this, nullptr, read_callback, nullptr));
  }

  // Null at the end.
  Result<archive_entry*> next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_, &entry);
    if (status == ARCHIVE_EOF) return static_cast<archive_entry*>(nullptr);
    HEARTH_TRY(check(status));
    return entry;
  }

  // Of the entry that next() gave; 0 at its end.
  Result<std::span<const std::byte>> read() {
    const la_ssize_t n = archive_read_data(archive_, chunk_.data(), chunk_.size());
    if (n < 0) return check(static_cast<int>(n)).error();
    return std::span<const std::byte>(chunk_).first(static_cast<size_t>(n));
  }

  Result<void> skip() { return check(archive_read_data_skip(archive_)); }

 private:
  static la_ssize_t read_callback(archive* tar, void* self, const void** data) {
    auto* reader = static_cast<TarReader*>(self);
    *data = reader->buffer_.data();
    const auto fail = [&](Error error) -> la_ssize_t {
      reader->error_ = std::move(error);
      archive_set_error(tar, EIO, "%s", "cannot be read");
      return -1;
    };
    if (reader->progress_ && !reader->progress_(reader->n_read_))
      return fail(Error(ErrorCode::kCancelled, "cancelled"));
    for (;;) {
      const ssize_t n = ::read(reader->descriptor_, reader->buffer_.data(), reader->buffer_.size());
      if (n < 0 && errno == EINTR) {
        if (!reader->progress_ || reader->progress_(reader->n_read_)) continue;
        return fail(Error(ErrorCode::kCancelled, "cancelled"));
      }
      if (n < 0) return fail(system_error("the archive", "cannot be read", errno));
      reader->n_read_ += static_cast<uint64_t>(n);
      return n;
    }
  }

  // A warning of libarchive's is that something could not be understood: here, an error.
  Result<void> check(int status) const {
    if (status == ARCHIVE_OK) return {};
    if (error_) return *error_;
    const char* message = archive_error_string(archive_);
    return make_error(ErrorCode::kMalformed, "the archive: expected an uncompressed tar: {}",
                      message == nullptr ? "it breaks the format" : excerpt(message, 200));
  }

  const int descriptor_;
  const Progress& progress_;
  archive* const archive_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> chunk_ = std::vector<std::byte>(kBufferBytes);
  uint64_t n_read_ = 0;
  std::optional<Error> error_;
};

// A blob that was written and hashed, and has no name yet. What is not installed is gone with the object.
class StagedBlob {
 public:
  static Result<StagedBlob> create(const Store& store) {
    const Places places{store.root()};
    HEARTH_ASSIGN(IncomingFile file, new_incoming_file(places));
    return StagedBlob(places, std::move(file));
  }
  StagedBlob(StagedBlob&& other) noexcept = default;
  StagedBlob(const StagedBlob&) = delete;
  StagedBlob& operator=(const StagedBlob&) = delete;
  StagedBlob& operator=(StagedBlob&&) = delete;
  ~StagedBlob() {
    if (file_.descriptor && !installed_) ::unlink(file_.path.c_str());
  }

  Result<void> append(std::span<const std::byte> bytes) {
    HEARTH_TRY(write_all(file_.descriptor.get(), bytes, file_.path));
    hasher_.update(bytes);
    size_bytes_ += bytes.size();
    return {};
  }
  // Nothing may be appended afterwards.
  Digest seal() { return hasher_.finish(); }
  uint64_t size_bytes() const noexcept { return size_bytes_; }
  Result<std::string> read_back() const { return read_small_file(file_.path, size_bytes_); }
  // seal() must have given this digest. As long as the object lives, the blob counts as in use.
  Result<void> install(const Digest& digest) {
    HEARTH_TRY(install_blob(places_, file_.path, file_.descriptor, digest));
    installed_ = true;
    return {};
  }

 private:
  StagedBlob(Places places, IncomingFile file) : places_(std::move(places)), file_(std::move(file)) {}

  Places places_;
  IncomingFile file_;
  Hasher hasher_;
  uint64_t size_bytes_ = 0;
  bool installed_ = false;
};

// A blob of the archive: on its way into the store, or there already and held open.
struct ArchivedBlob {
  uint64_t size_bytes = 0;
  std::optional<StagedBlob> staged;
  UniqueDescriptor present;
};

struct ArchivedModel {
  ModelName name;
  Manifest manifest;
  std::string bytes;
  Digest digest;
  std::vector<ManifestSignature> signatures;
};

const json* member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

std::string text_member(const json& object, const char* key) {
  const json* found = member(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

class Import {
 public:
  Import(const Store& store, const ImportOptions& options) : store_(store), options_(options) {}

  Result<void> read(TarReader& tar);
  Result<std::vector<ImportedModel>> finish();

 private:
  Result<void> take_entry(TarReader& tar, archive_entry* entry);
  Result<std::string> read_text(TarReader& tar, std::string_view path, uint64_t size_bytes, size_t most);
  Result<void> take_blob(TarReader& tar, const Digest& digest, uint64_t size_bytes);
  Result<std::vector<ArchivedModel>> models();
  Result<ArchivedModel> model_of(const json& descriptor, bool is_only);
  Result<ModelName> name_of(const json& descriptor, bool is_only) const;
  Result<std::string> manifest_bytes(const Digest& digest);
  Result<void> check_blobs(const ArchivedModel& model) const;
  Result<void> check_signed_by_trusted(const ArchivedModel& model) const;

  const Store& store_;
  const ImportOptions& options_;
  std::set<std::string> seen_;
  size_t n_folders_ = 0;
  std::optional<std::string> layout_;
  std::optional<std::string> index_;
  std::map<Digest, ArchivedBlob> blobs_;
};

// "./index.json" is how tar writes what it was told to take as ".".
std::string path_of(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) return "";
  std::string path = name;
  while (path.starts_with("./")) path.erase(0, 2);
  return path;
}

Result<void> Import::read(TarReader& tar) {
  for (;;) {
    HEARTH_ASSIGN(archive_entry * entry, tar.next());
    if (entry == nullptr) return {};
    HEARTH_TRY(take_entry(tar, entry));
  }
}

Result<void> Import::take_entry(TarReader& tar, archive_entry* entry) {
  const std::string path = path_of(entry);
  const std::string shown = quoted_excerpt(path);
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr)
    return malformed(shown, "a regular file", "a link");
  if (archive_entry_filetype(entry) == AE_IFDIR) {
    const bool is_known = path == "blobs/" || path == kBlobs || path.empty() || path == "blobs" ||
                          path == kBlobs.substr(0, kBlobs.size() - 1) || path == ".";
    if (is_known && ++n_folders_ <= kMaxFolders) return {};
    return malformed(shown, "no folders but blobs/sha256", "another one");
  }
  if (archive_entry_filetype(entry) != AE_IFREG)
    return malformed(shown, "a regular file", "another kind of entry");
  if (archive_entry_sparse_count(entry) > 0) return malformed(shown, "a regular file", "a sparse one");
  if (archive_entry_size_is_set(entry) == 0 || archive_entry_size(entry) < 0)
    return malformed(shown, "a size", "none");
  const auto size_bytes = static_cast<uint64_t>(archive_entry_size(entry));
  if (!seen_.insert(path).second) return malformed(shown, "each file once", "it twice");
  if (path == "oci-layout") {
    HEARTH_ASSIGN(layout_, read_text(tar, path, size_bytes, kMaxLayoutBytes));
    return {};
  }
  if (path == "index.json") {
    HEARTH_ASSIGN(index_, read_text(tar, path, size_bytes, kMaxIndexBytes));
    return {};
  }
  const auto digest = path.starts_with(kBlobs)
                          ? Digest::parse_file_name("sha256-" + path.substr(kBlobs.size()))
                          : Error(ErrorCode::kMalformed, "");
  if (digest) return take_blob(tar, *digest, size_bytes);
  return malformed(shown, "oci-layout, index.json or blobs/sha256/ and 64 hexadecimal digits",
                   "another file");
}

Result<std::string> Import::read_text(TarReader& tar, std::string_view path, uint64_t size_bytes,
                                      size_t most) {
  if (size_bytes > most) {
    return make_error(ErrorCode::kResourceExhausted, "the archive: {}: expected at most {} bytes, found {}",
                      path, most, size_bytes);
  }
  std::string text;
  for (;;) {
    HEARTH_ASSIGN(const std::span<const std::byte> bytes, tar.read());
    if (bytes.empty()) break;
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  if (text.size() == size_bytes) return text;
  return malformed(path, fmt::format("{} bytes", size_bytes), fmt::format("{}", text.size()));
}

Result<void> Import::take_blob(TarReader& tar, const Digest& digest, uint64_t size_bytes) {
  if (blobs_.size() == kMaxArchiveBlobs) {
    return make_error(ErrorCode::kResourceExhausted, "the archive: expected at most {} blobs, found more",
                      kMaxArchiveBlobs);
  }
  if (size_bytes > kMaxBlobBytes) {
    return make_error(ErrorCode::kResourceExhausted, "the archive: {}: expected at most {} bytes, found {}",
                      digest.text(), kMaxBlobBytes, size_bytes);
  }
  ArchivedBlob blob{size_bytes, std::nullopt, {}};
  // One that the store knows to be right needs no second copy; held open, it is not collected.
  if (store_.blob_size(digest) == size_bytes) {
    auto present = store_.open_blob(digest);
    if (present && store_.is_verified(digest)) {
      blob.present = std::move(*present);
      HEARTH_TRY(tar.skip());
      blobs_.emplace(digest, std::move(blob));
      return {};
    }
  }
  HEARTH_TRY(check_room(Places{store_.root()}.root, size_bytes));
  HEARTH_ASSIGN(StagedBlob staged, StagedBlob::create(store_));
  for (;;) {
    HEARTH_ASSIGN(const std::span<const std::byte> bytes, tar.read());
    if (bytes.empty()) break;
    HEARTH_TRY(staged.append(bytes));
  }
  const Digest found = staged.seal();
  if (found != digest) {
    return malformed(digest.text(), "content of that digest",
                     fmt::format("{} of {} bytes", found.text(), staged.size_bytes()));
  }
  blob.staged.emplace(std::move(staged));
  blobs_.emplace(digest, std::move(blob));
  return {};
}

Result<std::string> Import::manifest_bytes(const Digest& digest) {
  const auto at = blobs_.find(digest);
  if (at == blobs_.end())
    return malformed("index.json", "the manifest that it names among the blobs", "no " + digest.text());
  ArchivedBlob& blob = at->second;
  if (blob.size_bytes > kMaxManifestBytes) {
    return make_error(ErrorCode::kResourceExhausted,
                      "the archive: {}: expected a manifest of at most {} bytes, found {}", digest.text(),
                      kMaxManifestBytes, blob.size_bytes);
  }
  return blob.staged ? blob.staged->read_back() : store_.read_blob(digest, kMaxManifestBytes);
}

Result<ModelName> Import::name_of(const json& descriptor, bool is_only) const {
  if (options_.name) {
    if (is_only) return *options_.name;
    return Error(ErrorCode::kInvalidArgument,
                 "a name can be given to the only model of an archive; this one holds several");
  }
  const json* annotations = member(descriptor, "annotations");
  const std::string text =
      annotations == nullptr ? "" : text_member(*annotations, "org.opencontainers.image.ref.name");
  // What other programs write there is often the tag alone.
  if (text.find('/') == std::string::npos) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the archive: its model has no full name ({}); expected one to be given (--name)",
                      text.empty() ? "none at all" : quoted_excerpt(text));
  }
  auto name = ModelName::parse(text);
  if (!name) return Error(ErrorCode::kMalformed, "the archive: index.json: " + name.error().message());
  return name;
}

// Those that are for this name and manifest and hold: others are of no use.
std::vector<ManifestSignature> signatures_of(const json& descriptor, const ModelName& name,
                                             const Digest& digest) {
  std::vector<ManifestSignature> signatures;
  constexpr size_t kMost = 64;
  const json* annotations = member(descriptor, "annotations");
  if (annotations == nullptr) return signatures;
  const auto array = parse_json(text_member(*annotations, "hearth.signatures"));
  if (!array || !array->is_array()) return signatures;
  for (const json& one : *array) {
    if (signatures.size() == kMost) break;
    auto signature = ManifestSignature::parse(one.dump(-1, ' ', true, json::error_handler_t::replace));
    if (signature && signature->is_for(name, digest)) signatures.push_back(std::move(*signature));
  }
  return signatures;
}

Result<ArchivedModel> Import::model_of(const json& descriptor, bool is_only) {
  const auto digest = Digest::parse(text_member(descriptor, "digest"));
  if (!digest) return malformed("index.json: manifests", "a digest", digest.error().message());
  HEARTH_ASSIGN(ModelName name, name_of(descriptor, is_only));
  HEARTH_ASSIGN(std::string bytes, manifest_bytes(*digest));
  auto manifest = Manifest::parse(bytes);
  if (!manifest) return manifest.error().in(name.text());
  ArchivedModel model{name, std::move(*manifest), std::move(bytes), *digest,
                      signatures_of(descriptor, name, *digest)};
  HEARTH_TRY(check_blobs(model));
  HEARTH_TRY(check_signed_by_trusted(model));
  return model;
}

Result<void> Import::check_blobs(const ArchivedModel& model) const {
  for (const Layer& layer : model.manifest.blobs()) {
    const auto at = blobs_.find(layer.digest);
    if (at == blobs_.end())
      return malformed(model.name.text(), layer.digest.text() + " among the blobs", "no such one");
    if (at->second.size_bytes != layer.size_bytes) {
      return malformed(model.name.text(),
                       fmt::format("{} of {} bytes", layer.digest.text(), layer.size_bytes),
                       fmt::format("{} bytes", at->second.size_bytes));
    }
  }
  return {};
}

Result<void> Import::check_signed_by_trusted(const ArchivedModel& model) const {
  if (options_.trusted.empty()) return {};
  const bool is_signed = std::ranges::any_of(model.signatures, [&](const ManifestSignature& signature) {
    return std::ranges::find(options_.trusted, signature.key) != options_.trusted.end();
  });
  if (is_signed) return {};
  return make_error(ErrorCode::kUnsupported,
                    "model '{}' of the archive: expected a signature by a key of --verify-key, found {}",
                    model.name.text(),
                    model.signatures.empty() ? std::string("none")
                                             : fmt::format("{} by other keys", model.signatures.size()));
}

Result<std::vector<ArchivedModel>> Import::models() {
  if (!layout_ || !index_) {
    return malformed("its files", "an OCI image layout: oci-layout and index.json",
                     layout_ ? "no index.json" : "no oci-layout");
  }
  const auto layout = parse_json(*layout_);
  if (!layout || text_member(*layout, "imageLayoutVersion") != "1.0.0")
    return malformed("oci-layout", "imageLayoutVersion 1.0.0", quoted_excerpt(*layout_));
  const auto index = parse_json(*index_);
  if (!index) return index.error().in("the archive: index.json");
  const json* manifests = member(*index, "manifests");
  if (manifests == nullptr || !manifests->is_array() || manifests->empty())
    return malformed("index.json: manifests", "at least one", "none");
  if (manifests->size() > kMaxArchiveBlobs) {
    return make_error(ErrorCode::kResourceExhausted, "the archive: expected at most {} models, found {}",
                      kMaxArchiveBlobs, manifests->size());
  }
  std::vector<ArchivedModel> models;
  std::set<std::string> names;
  for (const json& descriptor : *manifests) {
    HEARTH_ASSIGN(ArchivedModel model, model_of(descriptor, manifests->size() == 1));
    if (!names.insert(model.name.key()).second)
      return malformed("index.json", "each name once", model.name.text() + " twice");
    models.push_back(std::move(model));
  }
  return models;
}

Result<std::vector<ImportedModel>> Import::finish() {
  HEARTH_ASSIGN(const std::vector<ArchivedModel> models, this->models());
  // Everything is known to be right: now blobs get their names, then manifests.
  std::set<Digest> needed;
  for (const ArchivedModel& model : models) {
    for (const Layer& layer : model.manifest.blobs()) needed.insert(layer.digest);
  }
  for (const Digest& digest : needed) {
    std::optional<StagedBlob>& staged = blobs_.at(digest).staged;
    if (staged) HEARTH_TRY(staged->install(digest));
  }
  std::vector<ImportedModel> imported;
  for (const ArchivedModel& model : models) {
    // Before the manifest: a server that wants signatures must not meet it without.
    for (const ManifestSignature& signature : model.signatures)
      HEARTH_TRY(write_signature(store_, model.name, signature));
    const auto written = store_.write_manifest(model.name, model.bytes);
    if (!written) return written.error().in(model.name.text());
    imported.push_back({model.name, model.digest, model.manifest.size_bytes(), model.signatures.size()});
  }
  return imported;
}

}  // namespace

Result<std::vector<ImportedModel>> import_models(const Store& store, int descriptor,
                                                 const ImportOptions& options, const Progress& progress) {
  TarReader tar(descriptor, progress);
  HEARTH_TRY(tar.open());
  Import import(store, options);
  HEARTH_TRY(import.read(tar));
  return import.finish();
}

}  // namespace hearth::store
