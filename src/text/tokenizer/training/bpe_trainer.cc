#include "text/tokenizer/training/bpe_trainer.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/excerpt.h"
#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/training/pair_merging.h"
#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

constexpr size_t kBytes = 256;

std::string alphabet_text(unsigned char byte) {
  std::string text;
  append_utf8(text, alphabet_character(byte));
  return text;
}

// Byte b is token ids[b]: tokens follow their characters, as in GPT-2's vocabulary.
std::array<SymbolId, kBytes> byte_tokens() {
  std::array<unsigned char, kBytes> bytes{};
  for (size_t i = 0; i < kBytes; ++i) bytes[i] = static_cast<unsigned char>(i);
  std::ranges::sort(bytes, {}, alphabet_character);
  std::array<SymbolId, kBytes> ids{};
  for (size_t i = 0; i < kBytes; ++i) ids[bytes[i]] = static_cast<SymbolId>(i);
  return ids;
}

Result<void> check_utf8(std::string_view text) {
  const Utf8Run run = text.empty() ? Utf8Run{0, true} : next_utf8_run(text);
  if (run.valid && run.size == text.size()) return {};
  const size_t at = run.valid ? run.size : 0;
  return make_error(ErrorCode::kMalformed, "byte {}: expected UTF-8, found {:#04x}", at,
                    static_cast<unsigned char>(text[at]));
}

Result<void> check_special(const std::string& text) {
  const auto refused = [&](std::string_view expected) {
    return make_error(ErrorCode::kInvalidArgument, "special token {}: expected {}", quoted_excerpt(text),
                      expected);
  };
  if (text.empty()) return refused("a text that is not empty");
  if (!check_utf8(text)) return refused("UTF-8");
  if (text.size() > Vocabulary::kMaxTokenBytes) {
    return refused(fmt::format("at most {} bytes, found {}", Vocabulary::kMaxTokenBytes, text.size()));
  }
  std::string spelled;
  if (append_alphabet_bytes(text, spelled) && spelled.size() == 1) {
    return refused("more than one character, found the token of a byte");
  }
  return {};
}

// Adds those with a role, and checks all.
Result<void> complete_special(BpeTrainingOptions& options) {
  for (const auto* role : {&options.bos, &options.eos, &options.padding}) {
    if (*role && std::ranges::find(options.special, **role) == options.special.end()) {
      options.special.push_back(**role);
    }
  }
  std::set<std::string_view> known;
  for (const std::string& text : options.special) {
    HEARTH_TRY(check_special(text));
    if (!known.insert(text).second) {
      return make_error(ErrorCode::kInvalidArgument, "special token {}: expected it once, found it again",
                        quoted_excerpt(text));
    }
  }
  return {};
}

Result<void> check_size(const BpeTrainingOptions& options) {
  const auto least = static_cast<int64_t>(kBytes + options.special.size());
  constexpr auto kMost = static_cast<int64_t>(Vocabulary::kMaxTokens);
  if (options.vocabulary_size < least || options.vocabulary_size > kMost) {
    return make_error(ErrorCode::kInvalidArgument,
                      "vocabulary: expected {} (256 bytes and {} special tokens) to {} tokens, found {}",
                      least, options.special.size(), kMost, options.vocabulary_size);
  }
  return {};
}

// The tokens that come of pairs, one after another.
class Merges {
 public:
  Merges(const WordCounts& words, const BpeTrainingOptions& options)
      : pairs_(words, byte_tokens(), options.min_count), tokens_(kBytes) {
    const std::array<SymbolId, kBytes> ids = byte_tokens();
    for (size_t byte = 0; byte < kBytes; ++byte) {
      tokens_[static_cast<size_t>(ids[byte])] = alphabet_text(static_cast<unsigned char>(byte));
    }
    special_.insert(options.special.begin(), options.special.end());
  }

  // Makes one more; false where no pair is left that may become one.
  bool next() {
    while (const auto pair = pairs_.take_best()) {
      const std::string& left = tokens_[static_cast<size_t>(pair->left)];
      const std::string& right = tokens_[static_cast<size_t>(pair->right)];
      std::string joined = left + right;
      // A vocabulary spells no two tokens alike, and none this long.
      if (joined.size() > Vocabulary::kMaxTokenBytes || special_.contains(joined)) continue;
      merges_.push_back(fmt::format("{} {}", left, right));
      // Two pairs never make the same text: within a text whose ends no merge crossed, every merge before
      // did the same wherever the text occurs.
      const SymbolId made = pairs_.merge(*pair);
      HEARTH_CHECK(static_cast<size_t>(made) == tokens_.size());
      tokens_.push_back(std::move(joined));
      return true;
    }
    return false;
  }

  size_t size() const noexcept { return merges_.size(); }
  uint64_t n_symbols() const noexcept { return pairs_.n_symbols(); }
  std::vector<std::string> take_tokens() { return std::move(tokens_); }
  std::vector<std::string> take_merges() { return std::move(merges_); }

 private:
  PairMerging pairs_;
  std::vector<std::string> tokens_;  // as the alphabet spells them
  std::vector<std::string> merges_;
  std::set<std::string, std::less<>> special_;
};

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainingOptions options, PreTokenizer pre_tokenizer)
    : options_(std::move(options)), pre_tokenizer_(std::move(pre_tokenizer)), words_(options_.memory_bytes) {}

Result<BpeTrainer> BpeTrainer::create(BpeTrainingOptions options) {
  const PreTokenizerRule* rule = find_pre_tokenizer_rule(options.pre);
  if (rule == nullptr || options.pre.empty() || rule->spelling != Vocabulary::Spelling::kByteAlphabet) {
    return make_error(ErrorCode::kInvalidArgument,
                      "pre-tokenizer: expected one over bytes that Hearth knows, found {}",
                      quoted_excerpt(options.pre));
  }
  if (options.min_count == 0) {
    return make_error(ErrorCode::kInvalidArgument, "least count of a pair: expected at least 1, found 0");
  }
  if (options.add_bos && !options.bos) {
    return make_error(ErrorCode::kInvalidArgument,
                      "BOS token: expected one, as it is to begin every text, found none");
  }
  HEARTH_TRY(complete_special(options));
  HEARTH_TRY(check_size(options));
  HEARTH_ASSIGN(PreTokenizer pre_tokenizer, PreTokenizer::create(*rule));
  BpeTrainer trainer(std::move(options), std::move(pre_tokenizer));
  std::vector<TokenId> ids;
  for (const std::string& text : trainer.options_.special) {
    HEARTH_CHECK(trainer.special_symbols_.append(text));
    ids.push_back(static_cast<TokenId>(ids.size()));
  }
  trainer.special_tokens_ = SpecialTokens(trainer.special_symbols_, std::move(ids));
  return trainer;
}

Result<void> BpeTrainer::add(std::string_view text) {
  HEARTH_TRY(check_utf8(text));
  // One for each text, as in encode(), so that no text depends on what was given up in another.
  PreTokenizer::Session session(pre_tokenizer_);
  size_t at = 0;
  while (const auto special = special_tokens_.find(special_symbols_, text, at)) {
    HEARTH_TRY(count_words(session, text.substr(at, special->begin - at)));
    at = special->begin + special->length;
    ++n_special_;
  }
  HEARTH_TRY(count_words(session, text.substr(at)));
  ++texts_.n_texts;
  texts_.n_bytes += text.size();
  return {};
}

Result<void> BpeTrainer::count_words(PreTokenizer::Session& session, std::string_view text) {
  Result<void> counted;
  session.split(text, [&](std::string_view word) {
    if (counted) counted = words_.add(word);
  });
  return counted;
}

Result<TrainedVocabulary> BpeTrainer::train(const Progress& progress) const {
  const size_t n_special = options_.special.size();
  const size_t n_merges = static_cast<size_t>(options_.vocabulary_size) - kBytes - n_special;
  Merges merges(words_, options_);
  while (merges.size() < n_merges) {
    if (progress && !progress(static_cast<int64_t>(merges.size()), static_cast<int64_t>(n_merges))) {
      return make_error(ErrorCode::kCancelled, "stopped");
    }
    if (!merges.next()) {
      return make_error(ErrorCode::kInvalidArgument,
                        "vocabulary: expected texts that give {} tokens, found {} bytes that give {}: no "
                        "further pair occurs {} times",
                        options_.vocabulary_size, texts_.n_bytes, kBytes + merges.size() + n_special,
                        options_.min_count);
    }
  }

  TrainedVocabulary result;
  result.pre = options_.pre;
  result.texts = texts_;
  result.texts.n_distinct_words = words_.size();
  result.texts.n_tokens = merges.n_symbols() + n_special_;
  result.merges = merges.take_merges();
  result.tokens = merges.take_tokens();
  result.types.assign(result.tokens.size(), TokenType::kNormal);
  const auto first_special = static_cast<TokenId>(result.tokens.size());
  result.tokens.insert(result.tokens.end(), options_.special.begin(), options_.special.end());
  result.types.resize(result.tokens.size(), TokenType::kControl);
  const auto id_of = [&](const std::optional<std::string>& text) -> std::optional<TokenId> {
    if (!text) return std::nullopt;
    const auto at = std::ranges::find(options_.special, *text) - options_.special.begin();
    return first_special + static_cast<TokenId>(at);
  };
  result.bos = id_of(options_.bos);
  result.eos = id_of(options_.eos);
  result.padding = id_of(options_.padding);
  result.add_bos = options_.add_bos;
  return result;
}

}  // namespace hearth::text
