// Under a sanitizer everything takes some ten times as long, and what it looks for shows in a part of the
// input: the whole of it is computed in a build without. The same holds of a processor that is emulated.
#pragma once

#include <string>

namespace hearth::testing {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

#if defined(HEARTH_EMULATED)
inline constexpr bool kEmulated = true;
#else
inline constexpr bool kEmulated = false;
#endif
inline constexpr bool kSlow = kSanitized || kEmulated;

// A text, or under a sanitizer its first lines.
inline std::string part_if_sanitized(std::string text) {
  constexpr size_t kPart = 100'000;
  if (kSanitized && text.size() > kPart) text.resize(text.rfind('\n', kPart) + 1);
  return text;
}

}  // namespace hearth::testing
