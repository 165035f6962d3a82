#include "text/tokenizer/tokenizer.h"

#include "base/utf8.h"
#include "text/tokenizer/tokenizer_base.h"

namespace hearth::text {

Result<std::unique_ptr<const Tokenizer>> Tokenizer::create(const VocabularySource& source) {
  if (source.model == "llama") return create_spm_tokenizer(source);
  if (source.model == "gpt2" || source.model == "gemma4") return create_bpe_tokenizer(source);
  if (source.model == "bert") return create_wordpiece_tokenizer(source);
  if (source.model == "t5") return create_unigram_tokenizer(source);
  return make_error(ErrorCode::kUnsupported,
                    "tokenizer model: expected llama, gpt2, gemma4, bert or t5, found \"{}\"",
                    sanitize_utf8(source.model.substr(0, 40)));
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  Detokenizer detokenizer(*this, true);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.push(id);
  return text + detokenizer.finish();
}

std::string Detokenizer::push(TokenId id) {
  std::string_view bytes = tokenizer_.token_bytes(id, false);
  if (drop_space_ && !bytes.empty()) {
    if (tokenizer_.adds_space_prefix() && bytes.front() == ' ') bytes.remove_prefix(1);
    drop_space_ = false;
  }
  pending_ += bytes;
  const size_t complete = complete_utf8_prefix(pending_);
  std::string text = sanitize_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string Detokenizer::finish() {
  std::string text = sanitize_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace hearth::text
