#include "text/tokenizer/huggingface/huggingface.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/tokenizer/huggingface/added_tokens.h"
#include "text/tokenizer/huggingface/frame.h"
#include "text/tokenizer/huggingface/json_place.h"
#include "text/tokenizer/huggingface/model.h"
#include "text/tokenizer/huggingface/normalizer.h"
#include "text/tokenizer/huggingface/pre_tokenization.h"
#include "text/tokenizer/huggingface/token_decoder.h"
#include "text/tokenizer/huggingface/tokenizer_config.h"
#include "text/tokenizer/tokenizer_base.h"

namespace hearth::text {
namespace {

// What stands around the vocabulary.
struct Pipeline {
  Normalizer normalizer;
  PreTokenization pre_tokenization;
  AddedTokenFinder added_verbatim;    // in the text as it comes
  AddedTokenFinder added_normalized;  // in the normalised text
  Frame frame;
};

class JsonTokenizer final : public VocabularyTokenizer {
 public:
  JsonTokenizer(Vocabulary vocabulary, Pipeline pipeline)
      : VocabularyTokenizer(std::move(vocabulary)), pipeline_(std::move(pipeline)) {}

  Result<void> read_model(const JsonPlace& model, const ModelVocabulary& read, bool over_bytes) {
    HEARTH_ASSIGN(encoder_, read_word_encoder(model, read, vocabulary_, over_bytes));
    return {};
  }
  Result<void> read_texts(const TokenDecoder& decoder, const std::vector<std::string_view>& tokens);

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string_view token_bytes(TokenId id, bool special) const override;
  bool adds_space_prefix() const override { return drops_first_space_; }

 private:
  Pipeline pipeline_;
  std::unique_ptr<const WordEncoder> encoder_;
  SymbolTable texts_;  // what each token adds to a text
  bool drops_first_space_ = false;
};

Result<void> JsonTokenizer::read_texts(const TokenDecoder& decoder,
                                       const std::vector<std::string_view>& tokens) {
  drops_first_space_ = decoder.drops_first_space();
  for (size_t i = 0; i < tokens.size(); ++i) {
    // Control tokens stand for themselves.
    const TokenType type = vocabulary_.type(static_cast<TokenId>(i));
    const bool is_decoded = type == TokenType::kNormal || type == TokenType::kByte;
    if (!texts_.append(is_decoded ? decoder.decode(tokens[i]) : std::string(tokens[i]))) {
      return make_error(ErrorCode::kMalformed, "tokens: expected at most {} bytes in all, found more",
                        SymbolTable::kMaxBytes);
    }
  }
  return {};
}

std::vector<TokenId> JsonTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<TokenId> out;
  const Frame& frame = pipeline_.frame;
  if (options.add_special) out.insert(out.end(), frame.before.begin(), frame.before.end());
  const auto encoder = encoder_->start();
  PreTokenization::Session words(pipeline_.pre_tokenization, *encoder);
  for (const auto& verbatim : pipeline_.added_verbatim.cut(text, options.parse_special)) {
    if (verbatim.token) {
      out.push_back(*verbatim.token);
      continue;
    }
    std::string normalized;
    std::string_view ordinary = verbatim.text;
    if (!pipeline_.normalizer.is_identity()) {
      normalized = pipeline_.normalizer.apply(verbatim.text);
      ordinary = normalized;
    }
    for (const auto& part : pipeline_.added_normalized.cut(ordinary, options.parse_special)) {
      if (part.token) {
        out.push_back(*part.token);
      } else {
        words.encode(part.text, verbatim.begin == 0 && part.begin == 0, out);
      }
    }
  }
  if (options.add_special) out.insert(out.end(), frame.behind.begin(), frame.behind.end());
  return out;
}

std::string_view JsonTokenizer::token_bytes(TokenId id, bool special) const {
  if (!vocabulary_.contains(id)) return {};
  const TokenType type = vocabulary_.type(id);
  const bool is_text = type != TokenType::kControl && type != TokenType::kUnknown;
  return is_text || special ? texts_.bytes(id) : std::string_view();
}

// tokenizer.json's parts, put together.
class Assembly {
 public:
  Assembly(const JsonPlace& root, const HuggingFaceFiles& files, const TokenizerConfig& config)
      : root_(root), files_(files), config_(config) {}

  Result<std::unique_ptr<const Tokenizer>> assemble() {
    HEARTH_ASSIGN(const JsonPlace model, root_.at("model"));
    HEARTH_ASSIGN(const ModelVocabulary read, read_model_vocabulary(model));
    HEARTH_TRY(read_pipeline());
    const bool over_bytes = read.type == ModelType::kBpe && gives_byte_alphabet();
    if (over_bytes && !pipeline_.normalizer.gives_byte_alphabet()) pipeline_.pre_tokenization.give_bytes();
    HEARTH_TRY(collect_tokens(read));
    HEARTH_TRY(find_special_ids());
    HEARTH_TRY(read_frame_of_texts());
    const bool spelled = over_bytes && !pipeline_.normalizer.gives_byte_alphabet();
    using Spelling = Vocabulary::Spelling;
    HEARTH_ASSIGN(
        Vocabulary vocabulary,
        Vocabulary::create(source_, {spelled ? Spelling::kByteAlphabet : Spelling::kVerbatim, false}));
    auto tokenizer = std::make_unique<JsonTokenizer>(std::move(vocabulary), std::move(pipeline_));
    HEARTH_TRY(tokenizer->read_model(model, read, spelled));
    HEARTH_ASSIGN(const TokenDecoder decoder, read_decoder());
    HEARTH_TRY(tokenizer->read_texts(decoder, source_.tokens));
    return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
  }

 private:
  bool gives_byte_alphabet() const {
    return pipeline_.normalizer.gives_byte_alphabet() || pipeline_.pre_tokenization.gives_byte_alphabet();
  }

  Result<void> read_pipeline() {
    HEARTH_ASSIGN(const auto normalizer, root_.find("normalizer"));
    if (normalizer) {
      HEARTH_ASSIGN(pipeline_.normalizer, Normalizer::read(*normalizer));
    }
    HEARTH_ASSIGN(const auto pre_tokenizer, root_.find("pre_tokenizer"));
    if (pre_tokenizer) {
      HEARTH_ASSIGN(pipeline_.pre_tokenization, PreTokenization::read(*pre_tokenizer));
    }
    HEARTH_ASSIGN(const auto added, root_.find("added_tokens"));
    if (added) {
      HEARTH_ASSIGN(added_, read_added_tokens(*added));
    }
    pipeline_.added_verbatim = AddedTokenFinder(added_, false, pipeline_.normalizer);
    pipeline_.added_normalized = AddedTokenFinder(added_, true, pipeline_.normalizer);
    return {};
  }

  Result<TokenDecoder> read_decoder() const {
    HEARTH_ASSIGN(const auto decoder, root_.find("decoder"));
    return decoder ? TokenDecoder::read(*decoder) : Result<TokenDecoder>(TokenDecoder::separate_by_spaces());
  }

  Result<void> collect_tokens(const ModelVocabulary& read) {
    source_.tokens = read.tokens;
    source_.types.assign(read.tokens.size(), static_cast<int64_t>(TokenType::kNormal));
    for (size_t i = 0; i < read.tokens.size(); ++i) {
      if (read.tokens[i].data() == nullptr) {
        source_.types[i] = static_cast<int64_t>(TokenType::kUnused);
      } else if (read.byte_fallback && parse_byte_token(read.tokens[i])) {
        source_.types[i] = static_cast<int64_t>(TokenType::kByte);
      }
    }
    source_.unknown = read.unknown;
    if (read.unknown) set_type(*read.unknown, TokenType::kUnknown);
    for (const AddedToken& token : added_) {
      const auto at = static_cast<size_t>(token.id);
      // The ids of added tokens follow those of the vocabulary.
      const size_t limit =
          std::min(read.tokens.size() + added_.size() + kMaxUnusedIds, Vocabulary::kMaxTokens);
      if (at >= limit) {
        return make_error(ErrorCode::kMalformed, "added_tokens: expected ids below {}, found {}", limit,
                          token.id);
      }
      grow(at + 1);
      const bool is_known = source_.tokens[at].data() != nullptr;
      if (!is_known || source_.tokens[at] != token.content) source_.tokens[at] = token.content;
      if (token.special) set_type(token.id, TokenType::kControl);
      if (!is_known && !token.special) set_type(token.id, TokenType::kUserDefined);
    }
    if (files_.n_embeddings.value_or(0) > static_cast<int64_t>(Vocabulary::kMaxTokens)) {
      return make_error(ErrorCode::kMalformed, "embeddings: expected at most {}, found {}",
                        Vocabulary::kMaxTokens, *files_.n_embeddings);
    }
    grow(static_cast<size_t>(std::max<int64_t>(files_.n_embeddings.value_or(0), 0)));
    return {};
  }

  void grow(size_t n_tokens) {
    if (n_tokens <= source_.tokens.size()) return;
    source_.tokens.resize(n_tokens);
    source_.types.resize(n_tokens, static_cast<int64_t>(TokenType::kUnused));
  }
  void set_type(int64_t id, TokenType type) {
    source_.types[static_cast<size_t>(id)] = static_cast<int64_t>(type);
  }

  std::optional<int64_t> id_of(const std::optional<std::string>& text) const {
    if (!text) return std::nullopt;
    for (const AddedToken& token : added_) {
      if (token.content == *text) return token.id;
    }
    const auto found = std::find(source_.tokens.begin(), source_.tokens.end(), *text);
    if (found == source_.tokens.end() || found->data() == nullptr) return std::nullopt;
    return found - source_.tokens.begin();
  }

  Result<void> find_special_ids() {
    source_.bos = id_of(config_.bos_token);
    source_.eos = id_of(config_.eos_token);
    source_.ends = files_.eos_ids;
    if (!source_.eos && !files_.eos_ids.empty()) source_.eos = files_.eos_ids.front();
    return {};
  }

  // The post-processor, and what tokenizer_config.json has to say against it.
  Result<void> read_frame_of_texts() {
    HEARTH_ASSIGN(const auto processor, root_.find("post_processor"));
    Frame& frame = pipeline_.frame;
    if (processor) {
      HEARTH_ASSIGN(frame, read_frame(*processor, source_.tokens.size()));
    }
    const auto settle = [](std::vector<TokenId>& ids, bool at_front, std::optional<bool> wanted,
                           const std::optional<int64_t>& id) {
      if (!wanted || !id) return;
      const auto token = static_cast<TokenId>(*id);
      const bool is_there = !ids.empty() && (at_front ? ids.front() : ids.back()) == token;
      if (*wanted && !is_there) ids.insert(at_front ? ids.begin() : ids.end(), token);
      if (!*wanted && is_there) ids.erase(at_front ? ids.begin() : ids.end() - 1);
    };
    settle(frame.before, true, config_.add_bos_token, source_.bos);
    settle(frame.behind, false, config_.add_eos_token, source_.eos);
    return {};
  }

  static constexpr size_t kMaxUnusedIds = size_t{1} << 20;

  const JsonPlace& root_;
  const HuggingFaceFiles& files_;
  const TokenizerConfig& config_;
  Pipeline pipeline_;
  std::vector<AddedToken> added_;
  VocabularySource source_;
};

}  // namespace

Result<HuggingFaceTokenizer> tokenizer_from_json(const HuggingFaceFiles& files) {
  constexpr std::string_view kFile = "tokenizer.json";
  HEARTH_ASSIGN(TokenizerConfig config, read_tokenizer_config(files.tokenizer_config));
  HEARTH_ASSIGN(const nlohmann::json document, parse_json(files.tokenizer, kFile));
  const JsonPlace root(document, "");
  auto tokenizer = Assembly(root, files, config).assemble();
  if (!tokenizer) return tokenizer.error().in(kFile);
  HuggingFaceTokenizer result;
  result.tokenizer = std::move(*tokenizer);
  result.chat_template = std::move(config.chat_template);
  result.named_chat_templates = std::move(config.named_chat_templates);
  result.bos_token = std::move(config.bos_token);
  result.eos_token = std::move(config.eos_token);
  return result;
}

}  // namespace hearth::text
