#include "store/blob_writer.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/excerpt.h"
#include "store/files.h"
#include "store/manifest.h"
#include "store/store.h"

namespace hearth::store {

class BlobWriter::State {
 public:
  State(Places places, IncomingFile file) : places_(std::move(places)), file_(std::move(file)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (!finished_) ::unlink(file_.path.c_str());
  }

  Result<void> append(std::span<const std::byte> bytes) {
    HEARTH_CHECK(!finished_);
    HEARTH_TRY(count(bytes));
    return write_all(file_.descriptor.get(), bytes, file_.path);
  }

  int descriptor() const noexcept { return file_.descriptor.get(); }

  Result<void> take_in() {
    HEARTH_CHECK(!finished_ && size_bytes_ == 0);
    std::vector<std::byte> bytes(kReadBytes);
    while (true) {
      const ssize_t n = ::pread(descriptor(), bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(file_.path, "cannot be read", errno);
      if (n == 0) return {};
      HEARTH_TRY(count({bytes.data(), static_cast<size_t>(n)}));
    }
  }

  Result<Digest> finish(const std::optional<Digest>& expected) {
    HEARTH_CHECK(!finished_);
    const Digest digest = hasher_.finish();
    if (expected && *expected != digest) {
      return make_error(ErrorCode::kInvalidArgument, "digest mismatch: expected {}, found {} of {} bytes",
                        expected->text(), digest.text(), size_bytes_);
    }
    HEARTH_TRY(install_blob(places_, file_.path, file_.descriptor, digest));
    finished_ = true;
    return digest;
  }

  uint64_t size_bytes() const noexcept { return size_bytes_; }

 private:
  static constexpr size_t kReadBytes = size_t{1} << 20U;

  Result<void> count(std::span<const std::byte> bytes) {
    if (bytes.size() > kMaxBlobBytes - size_bytes_) {
      return make_error(ErrorCode::kResourceExhausted, "a blob: expected at most {} bytes, found more",
                        kMaxBlobBytes);
    }
    hasher_.update(bytes);
    size_bytes_ += bytes.size();
    return {};
  }

  const Places places_;
  IncomingFile file_;
  Hasher hasher_;
  uint64_t size_bytes_ = 0;
  bool finished_ = false;
};

BlobWriter::BlobWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter& BlobWriter::operator=(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

Result<void> BlobWriter::append(std::span<const std::byte> bytes) {
  return state_->append(bytes);
}

uint64_t BlobWriter::size_bytes() const noexcept {
  return state_->size_bytes();
}

int BlobWriter::descriptor() const noexcept {
  return state_->descriptor();
}

Result<void> BlobWriter::take_in() {
  return state_->take_in();
}

Result<Digest> BlobWriter::finish(const std::optional<Digest>& expected) {
  return state_->finish(expected);
}

Result<BlobWriter> Store::new_blob() const {
  const Places places{root_};
  HEARTH_ASSIGN(IncomingFile file, new_incoming_file(places));
  return BlobWriter(std::make_unique<BlobWriter::State>(places, std::move(file)));
}

Result<Digest> Store::write_blob(std::string_view bytes, std::optional<BlobWriter>* writer) const {
  HEARTH_ASSIGN(BlobWriter blob, new_blob());
  HEARTH_TRY(blob.append(bytes_of(bytes)));
  HEARTH_ASSIGN(const Digest digest, blob.finish());
  if (writer != nullptr) *writer = std::move(blob);
  return digest;
}

}  // namespace hearth::store
