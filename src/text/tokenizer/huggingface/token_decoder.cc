#include "text/tokenizer/huggingface/token_decoder.h"

#include <memory>
#include <utility>

#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/huggingface/pattern.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxSteps = 64;
constexpr int kMaxNesting = 16;
constexpr size_t kMaxInsertedBytes = 64;

std::string replace_all(const std::string& text, std::string_view wanted, std::string_view content) {
  if (wanted.empty()) return text;
  std::string out;
  size_t at = 0;
  for (size_t found = 0; (found = text.find(wanted, at)) != std::string::npos; at = found + wanted.size()) {
    out.append(text, at, found - at);
    out += content;
  }
  return out.append(text, at);
}

std::string decode_byte_alphabet(const std::string& token) {
  std::string bytes;
  return append_alphabet_bytes(token, bytes) ? bytes : token;
}

std::string decode_byte_token(const std::string& token) {
  const auto byte = parse_byte_token(token);
  return byte ? std::string(1, static_cast<char>(*byte)) : token;
}

// Spaces that English does not write: before marks and within contractions.
std::string clean_up(std::string token) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [wanted, content] : kRules) token = replace_all(token, wanted, content);
  return token;
}

std::string strip(std::string token, std::string_view content, int64_t n_left, int64_t n_right) {
  for (; n_left > 0 && token.compare(0, content.size(), content) == 0; --n_left)
    token.erase(0, content.size());
  for (; n_right > 0 && token.size() >= content.size() &&
         token.compare(token.size() - content.size(), content.size(), content) == 0;
       --n_right) {
    token.resize(token.size() - content.size());
  }
  return token;
}

}  // namespace

TokenDecoder TokenDecoder::separate_by_spaces() {
  TokenDecoder result;
  result.steps_.emplace_back([](const std::string& token) { return " " + token; });
  result.drops_first_space_ = true;
  return result;
}

Result<TokenDecoder> TokenDecoder::read(const JsonPlace& place) {
  TokenDecoder result;
  HEARTH_TRY(result.add(place, 0));
  return result;
}

std::string TokenDecoder::decode(std::string_view token) const {
  std::string result(token);
  for (const Step& step : steps_) {
    if (result.size() > 16 * Vocabulary::kMaxTokenBytes) break;  // a hostile file's doing
    result = step(result);
  }
  return result;
}

Result<void> TokenDecoder::add(const JsonPlace& place, int depth) {
  HEARTH_ASSIGN(const JsonPlace type_place, place.at("type"));
  HEARTH_ASSIGN(const std::string_view type, type_place.string());
  if (type == "Sequence") {
    if (depth == kMaxNesting) return place.unsupported("sequences that are not nested so deep");
    HEARTH_ASSIGN(const JsonPlace list, place.at("decoders"));
    HEARTH_ASSIGN(const std::vector<JsonPlace> parts, list.elements());
    for (const JsonPlace& part : parts) HEARTH_TRY(add(part, depth + 1));
    return {};
  }
  if (steps_.size() >= kMaxSteps) return place.unsupported("fewer decoders");
  if (type == "Strip") return add_strip(place);
  if (type == "Fuse") {
    is_fused_ = true;
    return {};
  }
  // What follows Fuse sees the whole text at once, which a stream of tokens never has.
  if (is_fused_) return type_place.unsupported("nothing but Strip after Fuse");
  if (type == "ByteLevel") return (steps_.emplace_back(decode_byte_alphabet), Result<void>());
  if (type == "ByteFallback") return (steps_.emplace_back(decode_byte_token), Result<void>());
  if (type == "Replace") return add_replace(place);
  if (type == "Metaspace") return add_metaspace(place);
  if (type == "WordPiece") return add_wordpiece(place);
  if (type == "BPEDecoder") {
    HEARTH_ASSIGN(const std::string_view suffix, place.string_or("suffix", "</w>"));
    steps_.emplace_back(
        [suffix = std::string(suffix)](const std::string& token) { return replace_all(token, suffix, " "); });
    return {};
  }
  return type_place.unsupported("a decoder that Hearth knows");
}

Result<void> TokenDecoder::add_strip(const JsonPlace& place) {
  HEARTH_ASSIGN(const std::string_view content, place.string_or("content", " "));
  HEARTH_ASSIGN(const int64_t n_left, place.integer_or("start", 0));
  HEARTH_ASSIGN(const int64_t n_right, place.integer_or("stop", 0));
  if (n_left <= 0 && n_right <= 0) return {};
  if (content.empty()) return place.malformed("a content of one character");
  if (is_fused_) {
    if (content != " " || n_left != 1 || n_right > 0) {
      return place.unsupported("a Strip after Fuse to take one space from the start");
    }
    drops_first_space_ = true;
    return {};
  }
  steps_.emplace_back([content = std::string(content), n_left, n_right](const std::string& token) {
    return strip(token, content, n_left, n_right);
  });
  return {};
}

Result<void> TokenDecoder::add_replace(const JsonPlace& place) {
  HEARTH_ASSIGN(const JsonPlace pattern, place.at("pattern"));
  HEARTH_ASSIGN(const JsonPlace replaced_by, place.at("content"));
  HEARTH_ASSIGN(const std::string_view content, replaced_by.string());
  if (content.size() > kMaxInsertedBytes) return replaced_by.unsupported("a shorter string");
  HEARTH_ASSIGN(const auto wanted, pattern.find("String"));
  if (!wanted) return pattern.unsupported("a decoder to replace a \"String\"");
  HEARTH_ASSIGN(const std::string_view text, wanted->string());
  steps_.emplace_back([text = std::string(text), content = std::string(content)](const std::string& token) {
    return replace_all(token, text, content);
  });
  return {};
}

Result<void> TokenDecoder::add_metaspace(const JsonPlace& place) {
  HEARTH_ASSIGN(const std::string_view marker, place.string_or("replacement", "\u2581"));
  HEARTH_ASSIGN(const bool add_prefix_space, place.flag_or("add_prefix_space", true));
  HEARTH_ASSIGN(const std::string_view scheme,
                place.string_or("prepend_scheme", add_prefix_space ? "always" : "never"));
  if (scheme != "never") drops_first_space_ = true;
  steps_.emplace_back(
      [marker = std::string(marker)](const std::string& token) { return replace_all(token, marker, " "); });
  return {};
}

Result<void> TokenDecoder::add_wordpiece(const JsonPlace& place) {
  HEARTH_ASSIGN(const std::string_view prefix, place.string_or("prefix", "##"));
  HEARTH_ASSIGN(const bool cleanup, place.flag_or("cleanup", true));
  steps_.emplace_back([prefix = std::string(prefix), cleanup](const std::string& token) {
    std::string text = !prefix.empty() && token.compare(0, prefix.size(), prefix) == 0
                           ? token.substr(prefix.size())
                           : " " + token;
    return cleanup ? clean_up(std::move(text)) : text;
  });
  drops_first_space_ = true;
  return {};
}

}  // namespace hearth::text
