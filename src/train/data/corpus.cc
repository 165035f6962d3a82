#include "train/data/corpus.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "store/digest.h"
#include "train/data/answers.h"
#include "train/random.h"

namespace hearth::train {

void Corpus::append(text::TokenId token, bool counts) {
  tokens_.push_back(token);
  counts_.push_back(counts ? 1 : 0);
  n_counted_ += counts ? 1 : 0;
}

std::string Corpus::digest() const {
  store::Hasher hasher;
  hasher.update(std::as_bytes(std::span(tokens_)));
  hasher.update(std::as_bytes(std::span(counts_)));
  return hasher.finish().hex();
}

void Corpus::append_part(const Corpus& other, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) append(other.token(i), other.counts(i));
  end_document();
}

Corpus Corpus::hold_out(double share, uint64_t seed) {
  HEARTH_CHECK(share > 0.0 && share < 1.0);
  const auto wanted = static_cast<size_t>(share * static_cast<double>(n_tokens()));
  const auto begin_of = [&](size_t document) { return document == 0 ? 0 : ends_[document - 1]; };
  const auto length_of = [&](size_t document) { return ends_[document] - begin_of(document); };
  // Where what is held out of each document begins.
  std::vector<size_t> cuts = ends_;
  std::vector<size_t> order(n_documents());
  std::iota(order.begin(), order.end(), size_t{0});
  shuffle(order, seed);
  size_t n_held = 0;
  for (const size_t document : order) {
    if (n_held + length_of(document) > wanted) continue;
    cuts[document] = begin_of(document);
    n_held += length_of(document);
  }
  if (n_held < wanted / 2) {
    const auto longest = std::max_element(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::pair(cuts[a] - begin_of(a), b) < std::pair(cuts[b] - begin_of(b), a);
    });
    cuts[*longest] -= std::min(wanted - n_held, cuts[*longest] - begin_of(*longest));
  }
  Corpus kept;
  Corpus held;
  for (size_t i = 0; i < n_documents(); ++i) {
    if (cuts[i] > begin_of(i)) kept.append_part(*this, begin_of(i), cuts[i]);
    if (cuts[i] < ends_[i]) held.append_part(*this, cuts[i], ends_[i]);
  }
  *this = std::move(kept);
  return held;
}

Result<void> CorpusBuilder::add(const text::Document& document) {
  if (!document.continues) end_text();
  if (!document.messages.empty()) return add_conversation(document);
  add_text(document);
  return {};
}

// Cut at a line's end, or within a very long line: there two tokens may stand where one would.
void CorpusBuilder::add_text(const text::Document& document) {
  text::EncodeOptions options;
  options.add_special = !document.continues;
  std::vector<text::TokenId> tokens = tokenizer_.encode(document.text, options);
  // Comes when the text ends.
  if (options.add_special && !tokens.empty() && tokens.back() == tokenizer_.eos()) tokens.pop_back();
  for (const text::TokenId token : tokens) corpus_.append(token, !options_.only_answers);
  in_text_ = true;
}

void CorpusBuilder::end_text() {
  if (!in_text_) return;
  if (tokenizer_.eos()) corpus_.append(*tokenizer_.eos(), !options_.only_answers);
  corpus_.end_document();
  in_text_ = false;
}

Result<void> CorpusBuilder::add_conversation(const text::Document& document) {
  if (options_.chat == nullptr) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected a chat template with which to write a conversation, found none",
                      document.where);
  }
  const auto written = write_conversation(*options_.chat, tokenizer_, document.messages);
  if (!written) return written.error().in(document.where);
  for (size_t i = 0; i < written->tokens.size(); ++i)
    corpus_.append(written->tokens[i], !options_.only_answers || written->is_answer[i]);
  corpus_.end_document();
  return {};
}

Corpus CorpusBuilder::finish() {
  end_text();
  return std::move(corpus_);
}

}  // namespace hearth::train
