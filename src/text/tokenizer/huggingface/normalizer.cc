#include "text/tokenizer/huggingface/normalizer.h"

#include <array>
#include <memory>
#include <optional>

#include "base/utf8.h"
#include "text/tokenizer/bert_text.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/huggingface/pattern.h"
#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxSteps = 64;
constexpr int kMaxNesting = 16;
// Steps of a hostile file could make a text longer without end: what one inserts is limited, and a text that
// has grown beyond this is not normalised further.
constexpr size_t kMaxInsertedBytes = 64;
constexpr size_t kMaxGrowth = 16;
constexpr size_t kFreeGrowthBytes = size_t{1} << 16;

std::string replace_all(const Regex& regex, std::string_view content, const std::string& text) {
  std::string out;
  Regex::Matcher matcher(regex);
  // Valid runs only: that is what expressions are defined on.
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Run run = next_utf8_run(rest);
    const std::string_view part = rest.substr(0, run.size);
    size_t copied = 0;
    std::optional<size_t> last_end;
    for (size_t at = 0; run.valid && at <= part.size();) {
      const auto match = matcher.find(part, at);
      if (!match) break;
      if (match->begin == match->end && last_end == match->end) {
        // An empty match right behind the last one is none: on by a character.
        at += at < part.size() ? decode_utf8(part.substr(at)).length_bytes : 1;
        continue;
      }
      out += part.substr(copied, match->begin - copied);
      out += content;
      at = copied = match->end;
      last_end = match->end;
    }
    out += part.substr(copied);
    rest.remove_prefix(run.size);
  }
  return out;
}

std::string replace_all(std::string_view wanted, std::string_view content, const std::string& text) {
  if (wanted.empty()) return text;
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  for (size_t found = 0; (found = text.find(wanted, at)) != std::string::npos; at = found + wanted.size()) {
    out.append(text, at, found - at);
    out += content;
  }
  out.append(text, at);
  return out;
}

std::string strip(const std::string& text, bool left, bool right) {
  std::string_view rest = text;
  while (left && !rest.empty()) {
    const DecodedCharacter c = decode_utf8(rest);
    if (!is_white_space(c.code_point)) break;
    rest.remove_prefix(c.length_bytes);
  }
  while (right && !rest.empty()) {
    size_t begin = rest.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(rest[begin]) & 0xC0) == 0x80) --begin;
    const DecodedCharacter c = decode_utf8(rest.substr(begin));
    if (!is_white_space(c.code_point) || begin + c.length_bytes != rest.size()) break;
    rest.remove_suffix(c.length_bytes);
  }
  return std::string(rest);
}

// Calls each(character, its bytes, out) for all of `text`, which appends what becomes of the character.
template <typename Each>
std::string map_characters(const std::string& text, const Each& each) {
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const DecodedCharacter c = decode_utf8(rest);
    if (c.valid) {
      each(c.code_point, rest.substr(0, c.length_bytes), out);
    } else {
      out += rest.front();
    }
    rest.remove_prefix(c.length_bytes);
  }
  return out;
}

std::string lower(const std::string& text) {
  return map_characters(
      text, [](char32_t c, std::string_view /*bytes*/, std::string& out) { append_lower(out, c); });
}

std::string strip_accents(const std::string& text) {
  return map_characters(text, [](char32_t c, std::string_view bytes, std::string& out) {
    if (!is_combining_mark(c)) out += bytes;
  });
}

// SentencePiece's rule "nmt": control characters go, what looks like a space is one.
std::string apply_nmt(const std::string& text) {
  return map_characters(text, [](char32_t c, std::string_view bytes, std::string& out) {
    const bool is_dropped = (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
                            c == 0x8F || c == 0x9F;
    const bool is_space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                          (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                          c == 0xFEFF || c == 0xFFFD;
    if (!is_dropped) out += is_space ? std::string_view(" ") : bytes;
  });
}

std::string spell_in_byte_alphabet(const std::string& text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (const char c : text) append_utf8(out, alphabet_character(static_cast<unsigned char>(c)));
  return out;
}

// Whole clusters first, then their characters one by one, as Hugging Face's crate goes about it; the cluster
// is looked up only if it is short.
std::string apply_charsmap(const Charsmap& map, const std::string& text) {
  constexpr size_t kMaxClusterBytes = 5;
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const size_t n = grapheme_length(rest);
    const auto whole = n <= kMaxClusterBytes ? map.shortest_prefix(rest.substr(0, n))
                                             : std::optional<Charsmap::Replacement>();
    if (whole) {
      out += whole->text;
    } else {
      for (std::string_view cluster = rest.substr(0, n); !cluster.empty();) {
        const std::string_view character = cluster.substr(0, decode_utf8(cluster).length_bytes);
        const auto replaced = map.shortest_prefix(character);
        out += replaced ? replaced->text : character;
        cluster.remove_prefix(character.size());
      }
    }
    rest.remove_prefix(n);
  }
  return out;
}

// RFC 4648, section 4. Nothing where `text` is not of it.
std::optional<std::string> decode_base64(std::string_view text) {
  std::array<int, 256> digits{};
  digits.fill(-1);
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kDigits.size(); ++i)
    digits[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    const int digit = digits[static_cast<unsigned char>(c)];
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    n_bits += 6;
    if (n_bits < 8) continue;
    n_bits -= 8;
    out.push_back(static_cast<char>(bits >> n_bits & 0xFF));
  }
  return out;
}

}  // namespace

Result<Normalizer> Normalizer::read(const JsonPlace& place) {
  Normalizer result;
  HEARTH_TRY(result.add(place, 0));
  return result;
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    if (result.size() / kMaxGrowth > text.size() + kFreeGrowthBytes) break;
    result = step(result);
  }
  return result;
}

Result<void> Normalizer::add(const JsonPlace& place, int depth) {
  HEARTH_ASSIGN(const JsonPlace type_place, place.at("type"));
  HEARTH_ASSIGN(const std::string_view type, type_place.string());
  if (type == "Sequence") {
    if (depth == kMaxNesting) return place.unsupported("sequences that are not nested so deep");
    HEARTH_ASSIGN(const JsonPlace list, place.at("normalizers"));
    HEARTH_ASSIGN(const std::vector<JsonPlace> parts, list.elements());
    for (const JsonPlace& part : parts) HEARTH_TRY(add(part, depth + 1));
    return {};
  }
  if (steps_.size() == kMaxSteps) return place.unsupported("fewer normalizers");
  constexpr std::pair<std::string_view, NormalForm> kForms[] = {{"NFC", NormalForm::kNfc},
                                                                {"NFD", NormalForm::kNfd},
                                                                {"NFKC", NormalForm::kNfkc},
                                                                {"NFKD", NormalForm::kNfkd}};
  for (const auto& [name, form] : kForms) {
    if (type != name) continue;
    steps_.emplace_back([form = form](const std::string& text) { return normalize(text, form); });
    return {};
  }
  if (type == "Replace") return add_replace(place);
  if (type == "Precompiled") return add_precompiled(place);
  if (type == "BertNormalizer") return add_bert(place);
  if (type == "Lowercase") return (steps_.emplace_back(lower), Result<void>());
  if (type == "StripAccents") return (steps_.emplace_back(strip_accents), Result<void>());
  if (type == "Nmt") return (steps_.emplace_back(apply_nmt), Result<void>());
  if (type == "ByteLevel") {
    gives_byte_alphabet_ = true;
    steps_.emplace_back(spell_in_byte_alphabet);
    return {};
  }
  if (type == "Strip") {
    HEARTH_ASSIGN(const bool left, place.flag_or("strip_left", true));
    HEARTH_ASSIGN(const bool right, place.flag_or("strip_right", true));
    steps_.emplace_back([left, right](const std::string& text) { return strip(text, left, right); });
    return {};
  }
  if (type == "Prepend") {
    HEARTH_ASSIGN(const JsonPlace prepended, place.at("prepend"));
    HEARTH_ASSIGN(const std::string_view prefix, prepended.string());
    if (prefix.size() > kMaxInsertedBytes) return prepended.unsupported("a shorter string");
    steps_.emplace_back([prefix = std::string(prefix)](const std::string& text) {
      return text.empty() ? text : prefix + text;
    });
    return {};
  }
  return type_place.unsupported("a normalizer that Hearth knows");
}

Result<void> Normalizer::add_replace(const JsonPlace& place) {
  HEARTH_ASSIGN(const JsonPlace pattern, place.at("pattern"));
  HEARTH_ASSIGN(const JsonPlace replaced_by, place.at("content"));
  HEARTH_ASSIGN(const std::string_view content, replaced_by.string());
  if (content.size() > kMaxInsertedBytes) return replaced_by.unsupported("a shorter string");
  HEARTH_ASSIGN(const auto string, pattern.find("String"));
  if (string) {
    HEARTH_ASSIGN(const std::string_view wanted, string->string());
    steps_.emplace_back([wanted = std::string(wanted), content = std::string(content)](
                            const std::string& text) { return replace_all(wanted, content, text); });
    return {};
  }
  HEARTH_ASSIGN(Regex compiled, read_pattern(pattern));
  steps_.emplace_back([regex = std::make_shared<const Regex>(std::move(compiled)),
                       content = std::string(content)](const std::string& text) {
    return replace_all(*regex, content, text);
  });
  return {};
}

Result<void> Normalizer::add_precompiled(const JsonPlace& place) {
  HEARTH_ASSIGN(const JsonPlace map_place, place.at("precompiled_charsmap"));
  HEARTH_ASSIGN(const std::string_view encoded, map_place.string());
  const std::optional<std::string> bytes = decode_base64(encoded);
  if (!bytes) return map_place.malformed("base64");
  auto map = Charsmap::create(*bytes);
  if (!map) return map.error().in(map_place.path());
  steps_.emplace_back([map = std::make_shared<const Charsmap>(std::move(*map))](const std::string& text) {
    return apply_charsmap(*map, text);
  });
  return {};
}

Result<void> Normalizer::add_bert(const JsonPlace& place) {
  BertNormalization options;
  HEARTH_ASSIGN(options.clean_text, place.flag_or("clean_text", true));
  HEARTH_ASSIGN(options.handle_chinese_chars, place.flag_or("handle_chinese_chars", true));
  HEARTH_ASSIGN(options.lowercase, place.flag_or("lowercase", true));
  HEARTH_ASSIGN(options.strip_accents, place.flag_or("strip_accents", options.lowercase));
  steps_.emplace_back([options](const std::string& text) { return normalize_for_bert(text, options); });
  return {};
}

}  // namespace hearth::text
