// Vocabularies that tests write themselves.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <set>
#include <string>

#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

constexpr EncodeOptions kPlain{.add_special = false, .parse_special = false};
constexpr EncodeOptions kParseSpecial{.add_special = false, .parse_special = true};

// A VocabularySource that owns its strings.
class TestVocabulary {
 public:
  TokenId add(std::string text, TokenType type = TokenType::kNormal, float score = 0) {
    source.tokens.push_back(strings_.emplace_back(std::move(text)));
    source.types.push_back(static_cast<int64_t>(type));
    if (source.model == "llama" || source.model == "t5") source.scores.push_back(score);
    return static_cast<TokenId>(source.tokens.size()) - 1;
  }
  void add_merge(std::string merge) { source.merges.push_back(strings_.emplace_back(std::move(merge))); }

  std::unique_ptr<const Tokenizer> create() const {
    auto tokenizer = Tokenizer::create(source);
    EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message());
    return tokenizer ? std::move(tokenizer).value() : nullptr;
  }
  // "code: message", "" if it is accepted.
  std::string refusal() const {
    const auto tokenizer = Tokenizer::create(source);
    if (tokenizer) return "";
    return fmt::format("{}: {}", error_traits(tokenizer.error().code()).name, tokenizer.error().message());
  }

  VocabularySource source;

 private:
  std::deque<std::string> strings_;  // which views point into
};

// Ids 0 to 255 are the bytes, in the byte alphabet.
inline TestVocabulary byte_level_vocabulary(std::string_view pre = "gpt-2") {
  TestVocabulary vocabulary;
  vocabulary.source.model = "gpt2";
  vocabulary.source.pre = pre;
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string text;
    append_utf8(text, alphabet_character(static_cast<unsigned char>(byte)));
    vocabulary.add(text);
  }
  return vocabulary;
}

// A trie as darts-clone lays it out, each node's children in a block of their own, then the replacements.
inline std::string charsmap_of(const std::vector<std::pair<std::string, std::string>>& rules) {
  std::vector<uint32_t> units(256, 0);
  std::string replacements;
  const std::function<void(size_t, const std::string&)> fill = [&](size_t node, const std::string& prefix) {
    const size_t block = units.size();
    units.resize(block + 256, 0);
    uint32_t unit = units[node] | static_cast<uint32_t>(node ^ block) << 10;
    std::set<unsigned char> children;
    for (const auto& [from, to] : rules) {
      if (from == prefix) {
        unit |= 1U << 8;
        units[block] = 1U << 31 | static_cast<uint32_t>(replacements.size());
        replacements += to + '\0';
      } else if (from.compare(0, prefix.size(), prefix) == 0) {
        children.insert(static_cast<unsigned char>(from[prefix.size()]));
      }
    }
    units[node] = unit;
    for (const unsigned char byte : children) {
      units[block ^ byte] = byte;
      fill(block ^ byte, prefix + static_cast<char>(byte));
    }
  };
  fill(0, "");
  std::string bytes;
  const auto append = [&](uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(word >> shift & 0xFF));
  };
  append(static_cast<uint32_t>(4 * units.size()));
  for (const uint32_t word : units) append(word);
  return bytes + replacements;
}

// Ids 0 to 2 are <unk>, <s> and </s>; with bytes, 3 to 258 are <0x00> to <0xFF>.
inline TestVocabulary sentencepiece_vocabulary(bool with_bytes = true) {
  TestVocabulary vocabulary;
  vocabulary.source.model = "llama";
  vocabulary.add("<unk>", TokenType::kUnknown);
  vocabulary.add("<s>", TokenType::kControl);
  vocabulary.add("</s>", TokenType::kControl);
  vocabulary.source.unknown = 0;
  vocabulary.source.bos = 1;
  vocabulary.source.eos = 2;
  for (unsigned byte = 0; with_bytes && byte < 256; ++byte) {
    vocabulary.add(fmt::format("<0x{:02X}>", byte), TokenType::kByte);
  }
  return vocabulary;
}

}  // namespace hearth::text
