// Random bytes and SHA-256, from the kernel and OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::server::accounts {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view bytes);
inline std::string_view view(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// In a time that does not depend on where they differ. Of different lengths: false.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// `n_bytes` of the kernel's randomness, as twice as many hex digits.
Result<std::string> random_hex(size_t n_bytes);

std::string to_hex(std::string_view bytes);
// Whether these are lower-case hex digits, so many.
bool is_hex(std::string_view text, size_t n_digits);

}  // namespace hearth::server::accounts
