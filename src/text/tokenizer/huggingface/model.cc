#include "text/tokenizer/huggingface/model.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "text/tokenizer/bpe_encoder.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/unigram_encoder.h"
#include "text/tokenizer/wordpiece_encoder.h"

namespace hearth::text {
namespace {

using nlohmann::json;

// Ids may have gaps; a hostile file's must not cost more than its size allows.
constexpr size_t kMaxUnusedIds = size_t{1} << 20;
constexpr double kMaxScore = 1e30;

Result<ModelType> read_type(const JsonPlace& model) {
  HEARTH_ASSIGN(const auto given, model.find("type"));
  if (!given) {
    // Old files leave it out, and are told apart by what else they have.
    HEARTH_ASSIGN(const auto merges, model.find("merges"));
    if (merges) return ModelType::kBpe;
    HEARTH_ASSIGN(const JsonPlace vocab, model.at("vocab"));
    if (vocab.value().is_array()) return ModelType::kUnigram;
    HEARTH_ASSIGN(const auto prefix, model.find("continuing_subword_prefix"));
    return prefix ? ModelType::kWordPiece : ModelType::kWordLevel;
  }
  HEARTH_ASSIGN(const std::string_view name, given->string());
  if (name == "BPE") return ModelType::kBpe;
  if (name == "WordPiece") return ModelType::kWordPiece;
  if (name == "Unigram") return ModelType::kUnigram;
  if (name == "WordLevel") return ModelType::kWordLevel;
  return given->unsupported("BPE, WordPiece, Unigram or WordLevel");
}

// {"token": id, ...}
Result<void> read_ids_by_token(const JsonPlace& vocab, ModelVocabulary& out) {
  const json& entries = vocab.value();
  if (!entries.is_object()) return vocab.malformed("an object");
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
    const JsonPlace place(*entry,
                          fmt::format("{}.{}", vocab.path(), sanitize_utf8(entry.key().substr(0, 40))));
    HEARTH_ASSIGN(const int64_t id, place.integer());
    const size_t limit = std::min(entries.size() + kMaxUnusedIds, Vocabulary::kMaxTokens);
    if (id < 0 || static_cast<uint64_t>(id) >= limit)
      return place.malformed(fmt::format("an id below {}", limit));
    const auto at = static_cast<size_t>(id);
    if (at >= out.tokens.size()) out.tokens.resize(at + 1);
    if (out.tokens[at].data() != nullptr) return place.malformed("an id that no other token has");
    out.tokens[at] = entry.key();
  }
  return {};
}

// [["token", score], ...]
Result<void> read_scored_tokens(const JsonPlace& vocab, ModelVocabulary& out) {
  const json& entries = vocab.value();
  if (!entries.is_array()) return vocab.malformed("an array");
  if (entries.size() > Vocabulary::kMaxTokens) return vocab.malformed("fewer tokens");
  for (const json& entry : entries) {
    const JsonPlace place(entry, fmt::format("{}[{}]", vocab.path(), out.tokens.size()));
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      return place.malformed("a token and its score");
    }
    const auto score = entry[1].get<double>();
    if (!(std::abs(score) <= kMaxScore)) return place.malformed("a score that is a number");
    out.tokens.emplace_back(entry[0].get_ref<const std::string&>());
    out.scores.push_back(score);
  }
  return {};
}

Result<std::optional<int64_t>> find_unknown(const JsonPlace& model, const ModelVocabulary& read) {
  if (read.type == ModelType::kUnigram) {
    HEARTH_ASSIGN(const auto id, model.find("unk_id"));
    if (!id) return std::optional<int64_t>();
    HEARTH_ASSIGN(const int64_t value, id->integer());
    if (value < 0 || static_cast<uint64_t>(value) >= read.tokens.size()) {
      return id->malformed(fmt::format("an id below {}", read.tokens.size()));
    }
    return std::optional<int64_t>(value);
  }
  HEARTH_ASSIGN(const auto token, model.find("unk_token"));
  if (!token) return std::optional<int64_t>();
  HEARTH_ASSIGN(const std::string_view text, token->string());
  HEARTH_ASSIGN(const JsonPlace vocab, model.at("vocab"));
  const auto entry = vocab.value().find(text);
  if (entry == vocab.value().end()) return std::optional<int64_t>();
  return std::optional<int64_t>(entry->get<int64_t>());
}

// The two strings of one merge; nothing where `entry` is no merge.
std::optional<std::pair<std::string_view, std::string_view>> read_merge(const json& entry) {
  if (entry.is_string()) {
    const std::string_view text = entry.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == text.size()) return std::nullopt;
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string()) {
    return std::nullopt;
  }
  return std::pair<std::string_view, std::string_view>(entry[0].get_ref<const std::string&>(),
                                                       entry[1].get_ref<const std::string&>());
}

Result<void> read_merges(const JsonPlace& model, bool over_bytes, BpeEncoder& encoder) {
  HEARTH_ASSIGN(const JsonPlace merges, model.at("merges"));
  const json& entries = merges.value();
  if (!entries.is_array()) return merges.malformed("an array");
  HEARTH_TRY(encoder.reserve_merges(entries.size()));
  std::string bytes;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto merge = read_merge(entries[i]);
    if (!merge) {
      return JsonPlace(entries[i], fmt::format("{}[{}]", merges.path(), i)).malformed("two strings to merge");
    }
    if (!over_bytes) {
      HEARTH_TRY(encoder.add_merge(merge->first, merge->second));
      continue;
    }
    bytes.clear();
    // Outside the alphabet is what no text can become.
    if (!append_alphabet_bytes(merge->first, bytes)) continue;
    const size_t n_left = bytes.size();
    if (!append_alphabet_bytes(merge->second, bytes)) continue;
    HEARTH_TRY(
        encoder.add_merge(std::string_view(bytes).substr(0, n_left), std::string_view(bytes).substr(n_left)));
  }
  return {};
}

Result<std::string> read_affix(const JsonPlace& model, std::string_view key, bool over_bytes) {
  HEARTH_ASSIGN(const std::string_view text, model.string_or(key, ""));
  std::string affix(text);
  if (!over_bytes) return affix;
  affix.clear();
  if (append_alphabet_bytes(text, affix)) return affix;
  return make_error(ErrorCode::kUnsupported, "{}.{}: expected it in the byte alphabet", model.path(), key);
}

Result<std::unique_ptr<const WordEncoder>> read_bpe(const JsonPlace& model, const ModelVocabulary& read,
                                                    Vocabulary& vocabulary, bool over_bytes) {
  HEARTH_ASSIGN(const auto dropout, model.find("dropout"));
  if (dropout) {
    HEARTH_ASSIGN(const double rate, dropout->number());
    if (rate != 0) return dropout->unsupported("no dropout, which makes tokens random");
  }
  BpeOptions options;
  options.unit = over_bytes ? BpeOptions::Unit::kByte : BpeOptions::Unit::kCharacter;
  options.byte_fallback = read.byte_fallback;
  HEARTH_ASSIGN(options.ignore_merges, model.flag_or("ignore_merges", false));
  HEARTH_ASSIGN(options.fuse_unknown, model.flag_or("fuse_unk", false));
  HEARTH_ASSIGN(options.continuation_prefix, read_affix(model, "continuing_subword_prefix", over_bytes));
  HEARTH_ASSIGN(options.end_suffix, read_affix(model, "end_of_word_suffix", over_bytes));
  HEARTH_ASSIGN(auto encoder, BpeEncoder::create(vocabulary, std::move(options)));
  HEARTH_TRY(read_merges(model, over_bytes, *encoder));
  return std::unique_ptr<const WordEncoder>(std::move(encoder));
}

Result<std::unique_ptr<const WordEncoder>> read_wordpiece(const JsonPlace& model,
                                                          const Vocabulary& vocabulary) {
  WordPieceSpelling spelling;
  HEARTH_ASSIGN(const std::string_view prefix, model.string_or("continuing_subword_prefix", "##"));
  spelling.continuation_prefix = prefix;
  HEARTH_ASSIGN(const int64_t longest, model.integer_or("max_input_chars_per_word", 100));
  if (longest < 0 || static_cast<uint64_t>(longest) > Vocabulary::kMaxTokenBytes) {
    return make_error(ErrorCode::kUnsupported, "{}.max_input_chars_per_word: expected 0 to {}, found {}",
                      model.path(), Vocabulary::kMaxTokenBytes, longest);
  }
  spelling.max_word_characters = static_cast<size_t>(longest);
  return make_wordpiece_encoder(vocabulary, std::move(spelling));
}

// Each word is a token, or unknown.
class WordLevelEncoder final : public WordEncoder {
 public:
  explicit WordLevelEncoder(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  std::unique_ptr<Session> start() const override { return std::make_unique<WordSession>(vocabulary_); }

 private:
  class WordSession final : public Session {
   public:
    explicit WordSession(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

    void encode(std::string_view word, std::vector<TokenId>& out) override {
      const SymbolId whole = vocabulary_.symbols().find(word);
      if (whole != kNoSymbol) {
        out.push_back(whole);
      } else if (vocabulary_.unknown()) {
        out.push_back(*vocabulary_.unknown());
      }
    }

   private:
    const Vocabulary& vocabulary_;
  };

  const Vocabulary& vocabulary_;
};

}  // namespace

Result<ModelVocabulary> read_model_vocabulary(const JsonPlace& model) {
  ModelVocabulary read;
  HEARTH_ASSIGN(read.type, read_type(model));
  HEARTH_ASSIGN(const JsonPlace vocab, model.at("vocab"));
  HEARTH_TRY(read.type == ModelType::kUnigram ? read_scored_tokens(vocab, read)
                                              : read_ids_by_token(vocab, read));
  HEARTH_ASSIGN(read.unknown, find_unknown(model, read));
  HEARTH_ASSIGN(read.byte_fallback, model.flag_or("byte_fallback", false));
  return read;
}

Result<std::unique_ptr<const WordEncoder>> read_word_encoder(const JsonPlace& model,
                                                             const ModelVocabulary& read,
                                                             Vocabulary& vocabulary, bool over_bytes) {
  switch (read.type) {
    case ModelType::kBpe:
      return read_bpe(model, read, vocabulary, over_bytes);
    case ModelType::kWordPiece:
      return read_wordpiece(model, vocabulary);
    case ModelType::kUnigram:
      return make_unigram_encoder(vocabulary, read.scores, read.byte_fallback);
    case ModelType::kWordLevel:
      return std::unique_ptr<const WordEncoder>(std::make_unique<WordLevelEncoder>(vocabulary));
  }
  HEARTH_CHECK(false);
}

}  // namespace hearth::text
