// SentencePiece's unigram model, tokenizer.ggml.model "t5". Texts are normalised first, as SentencePiece does
// it. A space is U+2581 in the file; here, in the bytes of tokens as in the text, both are a plain space.
// Source: google/sentencepiece, src/normalizer.cc, src/unigram_model.cc.
#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/space_marker.h"
#include "text/tokenizer/tokenizer_base.h"
#include "text/tokenizer/unigram_encoder.h"

namespace hearth::text {
namespace {

// Far beyond log probabilities; sums of such scores stay numbers.
constexpr double kMostOfAScore = 1e30;

class UnigramTokenizer final : public TokenizerBase {
 public:
  UnigramTokenizer(Vocabulary vocabulary, Charsmap charsmap, const VocabularySource& source)
      : TokenizerBase(std::move(vocabulary)),
        charsmap_(std::move(charsmap)),
        add_space_prefix_(source.add_space_prefix.value_or(true)),
        remove_extra_spaces_(source.remove_extra_whitespaces) {
    std::vector<double> scores(source.scores.begin(), source.scores.end());
    scores.resize(vocabulary_.size());
    for (double& score : scores) score = std::clamp(score, -kMostOfAScore, kMostOfAScore);
    encoder_ = make_unigram_encoder(vocabulary_, std::move(scores), true);
  }

  bool adds_space_prefix() const override { return add_space_prefix_; }

 private:
  void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const override {
    const auto session = encoder_->start();
    for (const Part& part : parts) {
      if (part.special) {
        out.push_back(*part.special);
      } else {
        session->encode(normalize_text(part.text), out);
      }
    }
  }

  std::string normalize_text(std::string_view text) const;

  Charsmap charsmap_;
  bool add_space_prefix_;
  bool remove_extra_spaces_;
  std::unique_ptr<const WordEncoder> encoder_;
};

std::string UnigramTokenizer::normalize_text(std::string_view text) const {
  std::string out;
  out.reserve(text.size() + 1);
  bool has_begun = false;
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    std::string_view replaced = text.substr(0, c.length_bytes);
    size_t length = c.length_bytes;
    if (const auto found = charsmap_.longest_prefix(text)) {
      replaced = found->text;
      length = found->length;
    } else if (!c.valid) {
      replaced = "\uFFFD";
    } else if (replaced == kMarkedSpace) {
      replaced = " ";
    }
    text.remove_prefix(length);
    // Of several spaces one stays; of those at the ends of the text none.
    while (remove_extra_spaces_ && !replaced.empty() && replaced.front() == ' ' &&
           (!has_begun || out.back() == ' ')) {
      replaced.remove_prefix(1);
    }
    if (replaced.empty()) continue;
    if (!has_begun && add_space_prefix_) out.push_back(' ');
    has_begun = true;
    out += replaced;
  }
  while (remove_extra_spaces_ && !out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> create_unigram_tokenizer(const VocabularySource& source) {
  HEARTH_TRY(check_scores(source.scores, source.tokens.size()));
  HEARTH_ASSIGN(Charsmap charsmap, Charsmap::create(source.precompiled_charsmap));
  HEARTH_ASSIGN(Vocabulary vocabulary,
                Vocabulary::create(source, {Vocabulary::Spelling::kSpaceMarker, false, true}));
  return std::unique_ptr<const Tokenizer>(
      std::make_unique<UnigramTokenizer>(std::move(vocabulary), std::move(charsmap), source));
}

}  // namespace hearth::text
