// Hashing for tables whose keys come from model files. The key is drawn per table, so that no file can be
// made whose entries all fall into one slot and turn loading it quadratic.
#pragma once

#include <cstdint>
#include <string_view>

namespace hearth::text {

class KeyedHash {
 public:
  KeyedHash();

  uint64_t operator()(std::string_view bytes) const noexcept;
  uint64_t operator()(uint64_t value) const noexcept { return mix(value ^ key_[0], key_[1]); }

 private:
  // Both halves of the 128-bit product: every bit of the result depends on every bit of both factors.
  static uint64_t mix(uint64_t a, uint64_t b) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }

  uint64_t key_[2];
};

}  // namespace hearth::text
