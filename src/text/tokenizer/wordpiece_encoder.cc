#include "text/tokenizer/wordpiece_encoder.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::text {
namespace {

class WordPieceEncoder final : public WordEncoder {
 public:
  WordPieceEncoder(const Vocabulary& vocabulary, WordPieceSpelling spelling)
      : vocabulary_(vocabulary), spelling_(std::move(spelling)) {}

  std::unique_ptr<Session> start() const override { return std::make_unique<WordSession>(*this); }

 private:
  class WordSession final : public Session {
   public:
    explicit WordSession(const WordPieceEncoder& encoder) : encoder_(encoder) {}

    void encode(std::string_view word, std::vector<TokenId>& out) override {
      const size_t n_before = out.size();
      if (cut_into_characters(word) && append_pieces(word, out)) return;
      out.resize(n_before);
      if (encoder_.vocabulary_.unknown()) out.push_back(*encoder_.vocabulary_.unknown());
    }

   private:
    // False if the word is too long.
    bool cut_into_characters(std::string_view word) {
      ends_.clear();
      for (size_t at = 0; at < word.size(); ends_.push_back(at)) {
        if (ends_.size() == encoder_.spelling_.max_word_characters) return false;
        at += decode_utf8(word.substr(at)).length_bytes;
      }
      return true;
    }

    // False if a part of the word is the beginning of no piece.
    bool append_pieces(std::string_view word, std::vector<TokenId>& out) {
      for (size_t begin = 0, n_done = 0; begin < word.size();) {
        piece_ = begin == 0 ? encoder_.spelling_.begin_prefix : encoder_.spelling_.continuation_prefix;
        const size_t prefix_size = piece_.size();
        size_t n = ends_.size();
        // No token is longer than this.
        while (n > n_done && prefix_size + ends_[n - 1] - begin > Vocabulary::kMaxTokenBytes) --n;
        SymbolId found = kNoSymbol;
        for (; n > n_done; --n) {
          piece_.resize(prefix_size);
          piece_ += word.substr(begin, ends_[n - 1] - begin);
          found = encoder_.vocabulary_.symbols().find(piece_);
          if (found != kNoSymbol) break;
        }
        if (found == kNoSymbol) return false;
        out.push_back(found);
        begin = ends_[n - 1];
        n_done = n;
      }
      return true;
    }

    const WordPieceEncoder& encoder_;
    std::vector<size_t> ends_;  // where the word's characters end
    std::string piece_;
  };

  const Vocabulary& vocabulary_;
  WordPieceSpelling spelling_;
};

}  // namespace

std::unique_ptr<const WordEncoder> make_wordpiece_encoder(const Vocabulary& vocabulary,
                                                          WordPieceSpelling spelling) {
  return std::make_unique<WordPieceEncoder>(vocabulary, std::move(spelling));
}

}  // namespace hearth::text
