#include "engine/sequence.h"

#include <algorithm>
#include <utility>

namespace hearth::engine {
namespace {

// Whether what is generated after `prompt` is the beginning of the text: nothing but control tokens stand
// before it.
bool begins_text(std::span<const text::TokenId> prompt, const text::Tokenizer& tokenizer) {
  return std::all_of(prompt.begin(), prompt.end(), [&](text::TokenId token) {
    return tokenizer.token_type(token) == text::TokenType::kControl;
  });
}

}  // namespace

Sequence::Sequence(RequestId id, Request request, const text::Tokenizer& tokenizer, BlockPool& pool)
    : id_(id),
      request_(std::move(request)),
      tokenizer_(tokenizer),
      pool_(pool),
      n_prompt_(static_cast<int64_t>(request_.prompt.size())),
      tokens_(request_.prompt),
      sampler_(request_.sampling),
      detokenizer_(tokenizer, begins_text(request_.prompt, tokenizer)),
      stop_matcher_(request_.stop) {
  for (const text::TokenId token : tokens_) sampler_.accept(token);
}

Sequence::~Sequence() {
  // Last block first: a prefix's tail is forgotten before its beginning.
  for (auto block = block_table_.rbegin(); block != block_table_.rend(); ++block) pool_.release(*block);
}

void Sequence::start_from_cache() {
  HEARTH_CHECK(block_table_.empty() && n_evaluated_ == 0);
  const auto all_but_last = std::span(tokens_).first(tokens_.size() - 1);
  block_table_ = pool_.acquire_prefix(request_.tenant, all_but_last);
  n_cached_ = static_cast<int64_t>(block_table_.size()) * pool_.block_tokens();
  n_evaluated_ = n_cached_;
}

bool Sequence::reserve(int64_t n) {
  const int64_t block_tokens = pool_.block_tokens();
  const int64_t n_blocks = (n_evaluated_ + n + block_tokens - 1) / block_tokens;
  while (static_cast<int64_t>(block_table_.size()) < n_blocks) {
    const auto block = pool_.allocate();
    if (!block) return false;
    block_table_.push_back(*block);
  }
  return true;
}

void Sequence::advance(int64_t n) {
  const int64_t block_tokens = pool_.block_tokens();
  const int64_t first_open = n_evaluated_ / block_tokens;
  n_evaluated_ += n;
  for (int64_t i = first_open; i < n_evaluated_ / block_tokens; ++i) {
    const auto at = static_cast<size_t>(i);
    const auto parent = i == 0 ? std::nullopt : std::optional(block_table_[at - 1]);
    const auto tokens =
        std::span(tokens_).subspan(at * static_cast<size_t>(block_tokens), static_cast<size_t>(block_tokens));
    pool_.publish(request_.tenant, parent, block_table_[at], tokens);
  }
}

std::optional<FinishReason> Sequence::reason_to_finish(text::TokenId token, int64_t context_tokens) const {
  if (!request_.ignore_end && tokenizer_.ends_generation(token)) return FinishReason::kStop;
  if (request_.max_tokens >= 0 && n_generated() >= request_.max_tokens) return FinishReason::kLength;
  if (static_cast<int64_t>(tokens_.size()) >= context_tokens) return FinishReason::kContext;
  return std::nullopt;
}

Event Sequence::take_next(std::span<float> logits, int64_t context_tokens) {
  HEARTH_CHECK(!finished_ && n_pending() == 0);
  Event event{.request = id_, .token = std::nullopt, .text = {}, .finish = std::nullopt};
  if (request_.max_tokens == 0) {
    finished_ = true;
    event.finish = FinishReason::kLength;
    return event;
  }
  const text::TokenId token = sampler_.sample(logits);
  sampler_.accept(token);
  tokens_.push_back(token);
  event.token = token;
  event.finish = reason_to_finish(token, context_tokens);

  // The token that ends an answer is no part of its text, even where a vocabulary gives it one.
  if (event.finish != FinishReason::kStop) {
    StopMatcher::Output output = stop_matcher_.push(detokenizer_.push(token));
    event.text = std::move(output.text);
    if (output.stopped) event.finish = FinishReason::kStop;
    if (output.stopped || !event.finish) {
      finished_ = output.stopped;
      return event;
    }
  }
  if (event.finish) {
    finished_ = true;
    StopMatcher::Output rest = stop_matcher_.push(detokenizer_.finish());
    event.text += rest.text;
    if (!rest.stopped) event.text += stop_matcher_.finish();
  }
  return event;
}

}  // namespace hearth::engine
