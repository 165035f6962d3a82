// Reads the fields of a file one after another and never beyond its end.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "formats/gguf/value_type.h"

namespace hearth::gguf {

// A field that does not fit is kMalformed: "byte 40: expected 8 bytes of <what>, found 3 before the end of
// the file". After an error the reader stands where it stood before.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  uint64_t offset() const noexcept { return offset_; }
  uint64_t remaining() const noexcept { return bytes_.size() - offset_; }
  std::span<const std::byte> whole() const noexcept { return bytes_; }

  Result<std::span<const std::byte>> take(uint64_t n_bytes, std::string_view what) {
    if (n_bytes > remaining()) return cut_short(n_bytes, what);
    const auto taken = bytes_.subspan(offset_, n_bytes);
    offset_ += n_bytes;
    return taken;
  }

  template <std::unsigned_integral T>
  Result<T> number(std::string_view what) {
    HEARTH_ASSIGN(const auto bytes, take(sizeof(T), what));
    return load<T>(bytes);
  }

  // A length of 64 bits, then as many bytes. kResourceExhausted above `max_bytes`.
  Result<std::string_view> string(std::string_view what, uint64_t max_bytes = UINT64_MAX);

 private:
  Error cut_short(uint64_t n_bytes, std::string_view what) const;

  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;
};

}  // namespace hearth::gguf
