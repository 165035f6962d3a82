// BPE with a list of merges, tokenizer.ggml.model "gpt2" and "gemma4": text is cut into words, and within a
// word neighbours merge by the list. At first each byte is a symbol, or, where the vocabulary is spelled as
// SentencePiece does it, each character. Works on the bytes that tokens stand for; byte alphabet and space
// markers are only how the file writes them.
#include "base/utf8.h"
#include "text/tokenizer/bpe_encoder.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/space_marker.h"
#include "text/tokenizer/tokenizer_base.h"

namespace hearth::text {
namespace {

class BpeTokenizer final : public TokenizerBase {
 public:
  BpeTokenizer(Vocabulary vocabulary, const PreTokenizerRule& rule, PreTokenizer pre_tokenizer)
      : TokenizerBase(std::move(vocabulary)), rule_(rule), pre_tokenizer_(std::move(pre_tokenizer)) {}

  Result<void> read_merges(std::span<const std::string_view> merges);

  bool adds_space_prefix() const override { return false; }

 private:
  bool over_bytes() const { return rule_.spelling == Vocabulary::Spelling::kByteAlphabet; }
  void encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const override;
  std::optional<TokenId> whole_newlines(std::string_view word) const noexcept;

  const PreTokenizerRule& rule_;  // of the table, which lives as long as the program
  PreTokenizer pre_tokenizer_;
  std::unique_ptr<BpeEncoder> encoder_;
};

Result<void> BpeTokenizer::read_merges(std::span<const std::string_view> merges) {
  BpeOptions options;
  options.ignore_merges = rule_.ignore_merges;
  if (!over_bytes()) {
    options.unit = BpeOptions::Unit::kCharacter;
    options.byte_fallback = true;
    options.fuse_unknown = true;
    options.space = " ";
  }
  HEARTH_ASSIGN(encoder_, BpeEncoder::create(vocabulary_, std::move(options)));
  HEARTH_TRY(encoder_->reserve_merges(merges.size()));
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == merge.size()) {
      return make_error(ErrorCode::kMalformed,
                        "merge {}: expected two strings and a space between, found \"{}\"", rank,
                        sanitize_utf8(merge.substr(0, 80)));
    }
    // What is not spelled so is what no text can become.
    const auto left = Vocabulary::spelled_bytes(merge.substr(0, space), rule_.spelling);
    const auto right = Vocabulary::spelled_bytes(merge.substr(space + 1), rule_.spelling);
    if (left && right) HEARTH_TRY(encoder_->add_merge(*left, *right));
  }
  return {};
}

void BpeTokenizer::encode_parts(std::span<const Part> parts, std::vector<TokenId>& out) const {
  PreTokenizer::Session words(pre_tokenizer_);
  const auto session = encoder_->start();
  for (const Part& part : parts) {
    if (part.special) {
      out.push_back(*part.special);
      continue;
    }
    std::string unmarked;
    std::string_view text = part.text;
    // A marker that is in the text itself is taken for a space, as SentencePiece does.
    if (!over_bytes() && text.find(kMarkedSpace) != std::string_view::npos) {
      unmarked = spaces_for_markers(text);
      text = unmarked;
    }
    words.split(text, [&](std::string_view word) {
      if (const auto newlines = whole_newlines(word)) {
        out.push_back(*newlines);
      } else {
        session->encode(word, out);
      }
    });
  }
}

std::optional<TokenId> BpeTokenizer::whole_newlines(std::string_view word) const noexcept {
  if (!rule_.whole_newlines || word.find_first_not_of('\n') != std::string_view::npos) return std::nullopt;
  const SymbolId symbol = vocabulary_.symbols().find(word);
  return vocabulary_.contains(symbol) ? std::optional<TokenId>(symbol) : std::nullopt;
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> create_bpe_tokenizer(const VocabularySource& source) {
  const PreTokenizerRule* rule = find_pre_tokenizer_rule(source.model == "gemma4" ? "gemma4" : source.pre);
  if (rule == nullptr) {
    return make_error(ErrorCode::kUnsupported, "pre-tokenizer: expected one that Hearth knows, found \"{}\"",
                      sanitize_utf8(source.pre.substr(0, 80)));
  }
  HEARTH_ASSIGN(PreTokenizer pre_tokenizer, PreTokenizer::create(*rule));
  HEARTH_ASSIGN(Vocabulary vocabulary, Vocabulary::create(source, {.spelling = rule->spelling,
                                                                   .default_add_bos = rule->add_bos,
                                                                   .always_add_bos = rule->always_add_bos}));
  auto tokenizer = std::make_unique<BpeTokenizer>(std::move(vocabulary), *rule, std::move(pre_tokenizer));
  HEARTH_TRY(tokenizer->read_merges(source.merges));
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

}  // namespace hearth::text
