#include "store/digest.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/excerpt.h"

namespace hearth::store {
namespace {

constexpr std::string_view kAlgorithm = "sha256";
constexpr size_t kBufferBytes = size_t{1} << 20U;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// "sha256", the separator, 64 digits.
bool read(std::string_view text, char separator, Digest::Bytes& bytes) {
  if (text.size() != kAlgorithm.size() + 1 + 2 * bytes.size() || !text.starts_with(kAlgorithm) ||
      text[kAlgorithm.size()] != separator) {
    return false;
  }
  text.remove_prefix(kAlgorithm.size() + 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

EVP_MD_CTX* context_of(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

}  // namespace

Result<Digest> Digest::parse(std::string_view text) {
  Bytes bytes{};
  if (read(text, ':', bytes)) return Digest(bytes);
  return make_error(ErrorCode::kInvalidArgument,
                    "expected a digest, sha256: and 64 hexadecimal digits, found {}", quoted_excerpt(text));
}

Result<Digest> Digest::parse_file_name(std::string_view name) {
  Bytes bytes{};
  if (read(name, '-', bytes)) {
    const Digest digest(bytes);
    if (digest.file_name() == name) return digest;
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "expected the name of a blob, sha256- and 64 lower-case hexadecimal digits, found {}",
                    quoted_excerpt(name));
}

Digest Digest::of(std::string_view bytes) {
  Hasher hasher;
  hasher.update(bytes_of(bytes));
  return hasher.finish();
}

std::string Digest::hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes_.size());
  for (const uint8_t byte : bytes_) {
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

std::string Digest::text() const {
  return fmt::format("{}:{}", kAlgorithm, hex());
}

std::string Digest::file_name() const {
  return fmt::format("{}-{}", kAlgorithm, hex());
}

// What OpenSSL could fail in here is the want of memory.
Hasher::Hasher() : context_(EVP_MD_CTX_new(), [](void* context) { EVP_MD_CTX_free(context_of(context)); }) {
  HEARTH_CHECK(context_ != nullptr);
  HEARTH_CHECK(EVP_DigestInit_ex(context_of(context_.get()), EVP_sha256(), nullptr) == 1);
}

void Hasher::update(std::span<const std::byte> bytes) {
  HEARTH_CHECK(EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size()) == 1);
}

Digest Hasher::finish() {
  Digest::Bytes bytes{};
  unsigned int size = 0;
  HEARTH_CHECK(EVP_DigestFinal_ex(context_of(context_.get()), bytes.data(), &size) == 1);
  HEARTH_CHECK(size == bytes.size());
  return Digest(bytes);
}

Result<Digest> hash_file(int descriptor, uint64_t size_bytes, const Progress& progress) {
  Hasher hasher;
  std::vector<std::byte> buffer(kBufferBytes);
  for (uint64_t done = 0; done < size_bytes;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), size_bytes - done));
    const ssize_t n = ::pread(descriptor, buffer.data(), wanted, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return make_error(ErrorCode::kIo, "cannot be read at byte {}: {}", done, std::strerror(errno));
    if (n == 0)
      return make_error(ErrorCode::kMalformed, "expected {} bytes, found an end after {}", size_bytes, done);
    hasher.update(std::span(buffer).first(static_cast<size_t>(n)));
    done += static_cast<uint64_t>(n);
    if (progress && !progress(done)) return Error(ErrorCode::kCancelled, "cancelled");
  }
  return hasher.finish();
}

}  // namespace hearth::store
