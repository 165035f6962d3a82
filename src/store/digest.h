// SHA-256 (FIPS 180-4): what the store calls its blobs by.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::store {

class Digest {
 public:
  static constexpr size_t kSizeBytes = 32;
  using Bytes = std::array<uint8_t, kSizeBytes>;

  Digest() = default;  // 64 zeros: nobody knows content of this digest
  explicit Digest(const Bytes& bytes) noexcept : bytes_(bytes) {}

  // "sha256:" and exactly 64 hexadecimal digits, in either case. kInvalidArgument for anything else.
  static Result<Digest> parse(std::string_view text);
  // The name of a blob's file: "sha256-" and exactly 64 lower-case hexadecimal digits. kInvalidArgument.
  static Result<Digest> parse_file_name(std::string_view name);
  static Digest of(std::string_view bytes);

  std::string hex() const;        // 64 digits
  std::string text() const;       // "sha256:..."
  std::string file_name() const;  // "sha256-..."

  const Bytes& bytes() const noexcept { return bytes_; }

  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  Bytes bytes_{};
};

// Takes bytes as they come. Not thread-safe.
class Hasher {
 public:
  Hasher();
  Hasher(Hasher&&) noexcept = default;
  Hasher& operator=(Hasher&&) noexcept = default;
  ~Hasher() = default;

  void update(std::span<const std::byte> bytes);
  // Nothing may be added afterwards.
  Digest finish();

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Called with the bytes done so far, some times a second's work at most apart; false ends the work with
// kCancelled.
using Progress = std::function<bool(uint64_t done_bytes)>;

// Of the first `size_bytes` bytes of a file that is open for reading; its position does not matter and does
// not change. kIo; kMalformed where the file ends before.
Result<Digest> hash_file(int descriptor, uint64_t size_bytes, const Progress& progress = {});

}  // namespace hearth::store
