#include "text/tokenizer/unigram_encoder.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "text/tokenizer/token_trie.h"

namespace hearth::text {
namespace {

// By how much an unknown character is less likely than the least likely token.
constexpr double kUnknownPenalty = 10.0;
// Longer words are cut, which bounds the memory that finding the best way takes.
constexpr size_t kMaxWordBytes = size_t{4} << 20;
// Tokens of more bytes are not found: SentencePiece trains pieces of some 16 characters. It bounds what a
// hostile vocabulary costs, as each token is tried at each place.
constexpr size_t kMaxTokenBytes = 512;
constexpr TokenId kUnknownCharacter = -1;

std::vector<TokenId> tokens_of_text(const Vocabulary& vocabulary) {
  std::vector<TokenId> ids;
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view bytes = vocabulary.bytes(id);
    if (bytes.size() <= kMaxTokenBytes && vocabulary.symbols().find(bytes) == id) ids.push_back(id);
  }
  return ids;
}

class UnigramEncoder final : public WordEncoder {
 public:
  UnigramEncoder(const Vocabulary& vocabulary, std::vector<double> scores, bool byte_fallback)
      : vocabulary_(vocabulary),
        scores_(std::move(scores)),
        byte_fallback_(byte_fallback),
        trie_(vocabulary.symbols(), tokens_of_text(vocabulary)) {
    const auto least = std::min_element(scores_.begin(), scores_.end());
    unknown_score_ = (least == scores_.end() ? 0.0 : *least) - kUnknownPenalty;
  }

  std::unique_ptr<Session> start() const override { return std::make_unique<WordSession>(*this); }

 private:
  class WordSession final : public Session {
   public:
    explicit WordSession(const UnigramEncoder& encoder) : encoder_(encoder) {}

    void encode(std::string_view word, std::vector<TokenId>& out) override {
      while (!word.empty()) {
        size_t n = std::min(word.size(), kMaxWordBytes);
        if (n < word.size()) n = std::max<size_t>(complete_utf8_prefix(word.substr(0, n)), 1);
        encode_part(word.substr(0, n), out);
        word.remove_prefix(n);
      }
    }

   private:
    struct Step {  // the best way to a place in the word: its score, and its last token
      double score = -std::numeric_limits<double>::infinity();
      size_t begin = 0;
      TokenId token = kUnknownCharacter;
    };

    void encode_part(std::string_view word, std::vector<TokenId>& out) {
      find_best(word);
      pieces_.clear();
      for (size_t end = word.size(); end > 0; end = steps_[end].begin) pieces_.push_back(end);
      bool after_unknown = false;
      for (auto end = pieces_.rbegin(); end != pieces_.rend(); ++end) {
        const Step& step = steps_[*end];
        if (step.token != kUnknownCharacter) {
          out.push_back(step.token);
        } else {
          encoder_.append_unknown(word.substr(step.begin, *end - step.begin), after_unknown, out);
        }
        after_unknown = step.token == kUnknownCharacter;
      }
    }

    // Of equally good ways to a place the one with the longest last token stands.
    void find_best(std::string_view word) {
      steps_.assign(word.size() + 1, Step());
      steps_[0].score = 0;
      for (size_t at = 0, length = 0; at < word.size(); at += length) {
        length = decode_utf8(word.substr(at)).length_bytes;
        const double score = steps_[at].score;
        const auto offer = [&](size_t n_bytes, double token_score, TokenId token) {
          Step& target = steps_[at + n_bytes];
          if (score + token_score > target.score) target = {score + token_score, at, token};
        };
        bool has_character = false;
        encoder_.trie_.for_each_prefix(word.substr(at), [&](TokenId token, size_t n_bytes) {
          has_character = has_character || n_bytes == length;
          if (n_bytes >= length) offer(n_bytes, encoder_.scores_[static_cast<size_t>(token)], token);
        });
        if (!has_character) offer(length, encoder_.unknown_score_, kUnknownCharacter);
      }
    }

    const UnigramEncoder& encoder_;
    std::vector<Step> steps_;
    std::vector<size_t> pieces_;
  };

  void append_unknown(std::string_view character, bool after_unknown, std::vector<TokenId>& out) const {
    const bool has_all = byte_fallback_ && std::all_of(character.begin(), character.end(), [&](char c) {
                           return vocabulary_.has_byte_token(static_cast<unsigned char>(c));
                         });
    if (has_all) {
      for (const char c : character) vocabulary_.append_byte(static_cast<unsigned char>(c), out);
    } else if (vocabulary_.unknown() && !(after_unknown && out.back() == *vocabulary_.unknown())) {
      out.push_back(*vocabulary_.unknown());
    }
  }

  const Vocabulary& vocabulary_;
  std::vector<double> scores_;
  bool byte_fallback_;
  TokenTrie trie_;
  double unknown_score_;
};

}  // namespace

std::unique_ptr<const WordEncoder> make_unigram_encoder(const Vocabulary& vocabulary,
                                                        std::vector<double> scores, bool byte_fallback) {
  return std::make_unique<UnigramEncoder>(vocabulary, std::move(scores), byte_fallback);
}

}  // namespace hearth::text
