// Documents as the tokens that a model sees, and which of them it is to learn to say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat/chat_format.h"
#include "text/documents/documents.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::train {

// Five bytes a token.
class Corpus {
 public:
  // `counts`: whether the loss is computed on it, as what comes after those before it.
  void append(text::TokenId token, bool counts);
  void end_document() { ends_.push_back(tokens_.size()); }

  size_t n_tokens() const noexcept { return tokens_.size(); }
  size_t n_documents() const noexcept { return ends_.size(); }
  size_t n_counted() const noexcept { return n_counted_; }
  uint64_t memory_bytes() const noexcept {
    return tokens_.size() * (sizeof(text::TokenId) + sizeof(uint8_t)) + ends_.size() * sizeof(size_t);
  }
  text::TokenId token(size_t i) const { return tokens_[i]; }
  bool counts(size_t i) const { return counts_[i] != 0; }

  // SHA-256 in hexadecimal digits: what was trained on.
  std::string digest() const;

  // Takes documents out, drawn by `seed`, as many as hold no more than `share` of the tokens (0 < share < 1);
  // where that makes less than half of it, the end of the longest document too, up to that share. What is
  // left stays in its order.
  Corpus hold_out(double share, uint64_t seed);

 private:
  // Tokens begin .. end of `other`, as a document.
  void append_part(const Corpus& other, size_t begin, size_t end);

  std::vector<text::TokenId> tokens_;
  std::vector<uint8_t> counts_;
  std::vector<size_t> ends_;  // of documents
  size_t n_counted_ = 0;
};

struct CorpusOptions {
  // The loss is computed on what the assistant says, and on no text that is no conversation.
  bool only_answers = false;
  // How conversations are written; without it there may be none.
  const text::ChatFormat* chat = nullptr;
};

// Documents one after the other: texts with BOS before where the model has the habit and EOS behind,
// conversations as the chat format writes them. Not thread-safe; tokenizer and format must outlive it.
class CorpusBuilder {
 public:
  CorpusBuilder(const text::Tokenizer& tokenizer, const CorpusOptions& options)
      : tokenizer_(tokenizer), options_(options) {}

  // kInvalidArgument for a conversation without a format to write it in; the errors of rendering, with the
  // document's place; kUnsupported for a format in which an answer does not begin where the model is asked
  // for it.
  Result<void> add(const text::Document& document);
  size_t n_tokens() const noexcept { return corpus_.n_tokens(); }  // so far
  Corpus finish();

 private:
  void add_text(const text::Document& document);
  Result<void> add_conversation(const text::Document& document);
  void end_text();

  const text::Tokenizer& tokenizer_;
  const CorpusOptions options_;
  Corpus corpus_;
  bool in_text_ = false;
};

}  // namespace hearth::train
