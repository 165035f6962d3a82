#include "text/tokenizer/keyed_hash.h"

#include <atomic>
#include <chrono>
#include <cstring>

namespace hearth::text {
namespace {

uint64_t load(const char* bytes, size_t n) noexcept {
  uint64_t word = 0;
  std::memcpy(&word, bytes, n);
  return word;
}

}  // namespace

// An engine process may be sealed off from the system's random source before it loads a vocabulary. The time
// and where the address space was put are as far out of reach for whoever wrote the file.
KeyedHash::KeyedHash() {
  static std::atomic<uint64_t> n_keys{0};
  const auto now = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  const uint64_t place = reinterpret_cast<uintptr_t>(this) ^ reinterpret_cast<uintptr_t>(&n_keys) << 16;
  key_[0] = mix(now ^ 0x9E3779B97F4A7C15, place ^ 0xBF58476D1CE4E5B9);
  key_[1] = mix(key_[0] + n_keys.fetch_add(1), now ^ 0x94D049BB133111EB) | 1;
}

uint64_t KeyedHash::operator()(std::string_view bytes) const noexcept {
  uint64_t hash = key_[0] ^ bytes.size();
  while (bytes.size() > 8) {
    hash = mix(hash ^ load(bytes.data(), 8), key_[1]);
    bytes.remove_prefix(8);
  }
  return mix(hash ^ load(bytes.data(), bytes.size()), key_[1]);
}

}  // namespace hearth::text
