#include "server/accounts/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hearth::server::accounts {

Digest sha256(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  // It fails only where OpenSSL was built without SHA-256.
  HEARTH_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1);
  HEARTH_CHECK(size == digest.size());
  return digest;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<std::string> random_hex(size_t n_bytes) {
  std::string bytes(n_bytes, '\0');
  for (size_t done = 0; done < n_bytes;) {
    const ssize_t n = getrandom(bytes.data() + done, n_bytes - done, 0);
    if (n < 0 && errno != EINTR) {
      return make_error(ErrorCode::kIo, "the kernel gives no random bytes: {}", std::strerror(errno));
    }
    if (n > 0) done += static_cast<size_t>(n);
  }
  std::string hex = to_hex(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return hex;
}

std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4U];
    hex += kDigits[byte & 15U];
  }
  return hex;
}

bool is_hex(std::string_view text, size_t n_digits) {
  return text.size() == n_digits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace hearth::server::accounts
