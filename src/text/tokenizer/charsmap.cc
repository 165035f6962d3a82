#include "text/tokenizer/charsmap.h"

namespace hearth::text {
namespace {

// A unit of the trie: 8 bits of label, whether a value follows, and where its children are.
constexpr uint32_t kLeafFlag = uint32_t{1} << 31;

constexpr bool has_value(uint32_t unit) noexcept {
  return (unit >> 8 & 1) != 0;
}
// A leaf's label has its flag in it, so that it equals no byte.
constexpr uint32_t label(uint32_t unit) noexcept {
  return unit & (kLeafFlag | 0xFF);
}
constexpr uint32_t value(uint32_t unit) noexcept {
  return unit & ~kLeafFlag;
}
constexpr uint32_t offset(uint32_t unit) noexcept {
  return unit >> 10 << ((unit & uint32_t{1} << 9) >> 6);
}

uint32_t read_u32(std::string_view bytes, size_t at) noexcept {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word |= uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return word;
}

// The longest replacement of NFKC has 33 bytes. A limit keeps a hostile file from making texts huge.
constexpr size_t kMaxReplacementBytes = 64;

}  // namespace

Result<Charsmap> Charsmap::create(std::string_view bytes) {
  Charsmap result;
  if (bytes.empty()) return result;
  const uint32_t n_trie = bytes.size() < 4 ? 0 : read_u32(bytes, 0);
  if (n_trie == 0 || n_trie % 4 != 0 || n_trie > bytes.size() - 4) {
    return make_error(ErrorCode::kMalformed,
                      "charsmap: expected a trie of at least one unit within {} bytes, found a size of {}",
                      bytes.size(), n_trie);
  }
  result.units_.resize(n_trie / 4);
  for (size_t i = 0; i < result.units_.size(); ++i) result.units_[i] = read_u32(bytes, 4 + 4 * i);
  result.replacements_ = bytes.substr(4 + n_trie);
  if (result.replacements_.empty() || result.replacements_.back() != '\0') {
    return make_error(ErrorCode::kMalformed, "charsmap: expected replacements that end with a zero");
  }
  return result;
}

std::optional<Charsmap::Replacement> Charsmap::find_prefix(std::string_view text,
                                                           bool longest) const noexcept {
  if (units_.empty()) return std::nullopt;
  std::optional<Replacement> found;
  size_t node = offset(units_[0]);
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) break;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_value(unit) || node >= units_.size()) continue;
    // The file may point anywhere; what lies outside replaces nothing.
    const size_t begin = value(units_[node]);
    if (begin >= replacements_.size()) continue;
    const size_t end = replacements_.find('\0', begin);
    if (end - begin > kMaxReplacementBytes) continue;
    found = Replacement{at + 1, std::string_view(replacements_).substr(begin, end - begin)};
    if (!longest) break;
  }
  return found;
}

}  // namespace hearth::text
