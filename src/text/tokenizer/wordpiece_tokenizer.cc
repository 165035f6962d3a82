// BERT's WordPiece, tokenizer.ggml.model "bert". The file writes U+2581 before what begins a word, and leaves
// out the ## before what continues one; in the bytes of tokens U+2581 is a space.
#include "text/tokenizer/bert_text.h"
#include "text/tokenizer/tokenizer_base.h"
#include "text/tokenizer/wordpiece_encoder.h"

namespace hearth::text {
namespace {

class WordPieceTokenizer final : public TokenizerBase {
 public:
  explicit WordPieceTokenizer(Vocabulary vocabulary)
      : TokenizerBase(std::move(vocabulary)), encoder_(make_wordpiece_encoder(vocabulary_, {" ", ""})) {}

  bool adds_space_prefix() const override { return true; }

 private:
  void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const override {
    const auto session = encoder_->start();
    for (const Part& part : parts) {
      if (part.special) {
        out.push_back(*part.special);
      } else {
        split_for_bert(normalize_for_bert(part.text, {}),
                       [&](std::string_view word) { session->encode(word, out); });
      }
    }
  }

  std::unique_ptr<const WordEncoder> encoder_;
};

}  // namespace

Result<std::unique_ptr<const Tokenizer>> create_wordpiece_tokenizer(const VocabularySource& source) {
  HEARTH_ASSIGN(Vocabulary vocabulary,
                Vocabulary::create(source, {Vocabulary::Spelling::kWordStartMarker, true, true}));
  return std::unique_ptr<const Tokenizer>(std::make_unique<WordPieceTokenizer>(std::move(vocabulary)));
}

}  // namespace hearth::text
