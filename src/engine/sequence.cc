#include "engine/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/kv_groups.h"
#include "sampling/logprobs.h"
#include "tensor/backend.h"

namespace hearth::engine {
namespace {

// Whether what is generated after `prompt` is the beginning of the text: nothing but control tokens stand
// before it.
bool begins_text(std::span<const text::TokenId> prompt, const text::Tokenizer& tokenizer) {
  return std::all_of(prompt.begin(), prompt.end(), [&](text::TokenId token) {
    return tokenizer.token_type(token) == text::TokenType::kControl;
  });
}

// No two pairs of adapter and tenant make one name: digits end before the first line's end.
std::string sharers_of(const Request& request) {
  return fmt::format("{}\n{}", request.adapter == nullptr ? 0 : request.adapter->id(), request.tenant);
}

TokenLogprob logprob_of(text::TokenId token, const sampling::LogSoftmax& softmax,
                        const text::Tokenizer& tokenizer) {
  return {token, std::string(tokenizer.token_bytes(token, /*special=*/true)), softmax.logprob(token)};
}

}  // namespace

Sequence::Sequence(RequestId id, Request request, int64_t context_tokens, const text::Tokenizer& tokenizer,
                   KvBlocks& blocks, int64_t hidden_width)
    : id_(id),
      request_(std::move(request)),
      sharers_(sharers_of(request_)),
      context_tokens_(context_tokens),
      tokenizer_(tokenizer),
      blocks_(blocks),
      hidden_width_(hidden_width),
      n_prompt_(static_cast<int64_t>(request_.prompt.size())),
      tokens_(request_.prompt),
      tables_(blocks.n_groups()),
      n_given_back_(blocks.n_groups()),
      sampler_(request_.sampling,
               [&tokenizer](text::TokenId token) { return tokenizer.token_bytes(token, /*special=*/false); }),
      // A grammar counts every byte.
      detokenizer_(tokenizer, request_.grammar == nullptr && begins_text(request_.prompt, tokenizer)),
      stop_matcher_(request_.stop) {
  if (request_.pooling) {
    pooler_.emplace(*request_.pooling, hidden_width_);
    return;
  }
  for (const text::TokenId token : tokens_) sampler_.accept(token);
  if (request_.grammar != nullptr) grammar_.emplace(request_.grammar);
}

Sequence::~Sequence() {
  give_back_blocks();
}

RequestStatus Sequence::status() const noexcept {
  return {.n_prompt_tokens = n_prompt_,
          .n_cached_tokens = n_cached_,
          .n_evaluated_tokens = n_evaluated_,
          .n_generated_tokens = n_generated(),
          .admitted = admitted_};
}

void Sequence::start_from_cache() {
  HEARTH_CHECK(published_end_ == nullptr && n_evaluated_ == 0);
  const bool needs_all = request_.pooling && *request_.pooling != models::Pooling::kLast;
  const auto findable = std::span(tokens_).first(needs_all ? 0 : tokens_.size() - 1);
  KvBlocks::Prefix prefix = blocks_.acquire_prefix(sharers_, findable);
  tables_ = std::move(prefix.tables);
  published_end_ = prefix.end;
  n_evaluated_ = prefix.n_blocks * blocks_.block_tokens();
  for (size_t group = 0; group < tables_.size(); ++group)
    n_given_back_[group] = blocks_.first_visible_block(group, n_evaluated_);
}

void Sequence::admit(int64_t n) noexcept {
  if (std::exchange(admitted_, true)) return;
  seniority_ = n;
  // What is found after a preemption was evaluated for this request, and is not counted.
  n_cached_ = n_evaluated_;
}

void Sequence::give_back_blocks() {
  // Last block first: a prefix's tail is forgotten before its beginning.
  for (size_t group = 0; group < tables_.size(); ++group) {
    std::vector<int32_t>& table = tables_[group];
    for (size_t i = table.size(); i > static_cast<size_t>(n_given_back_[group]); --i)
      blocks_.release(group, table[i - 1]);
    table.clear();
    n_given_back_[group] = 0;
  }
  blocks_.leave(std::exchange(published_end_, nullptr));
  n_evaluated_ = 0;
  if (pooler_) pooler_.emplace(*request_.pooling, hidden_width_);
}

int64_t Sequence::n_hidden(int64_t n) const noexcept {
  if (!request_.pooling) return 0;
  switch (*request_.pooling) {
    case models::Pooling::kMean:
      return n;
    case models::Pooling::kFirst:
      return n_evaluated_ == 0 ? n : 0;
    case models::Pooling::kLast:
      return n == n_pending() ? 1 : 0;
  }
  return 0;
}

std::optional<Event> Sequence::take_hidden(std::span<const float> rows) {
  HEARTH_CHECK(!finished_ && pooler_);
  pooler_->add(rows);
  if (n_pending() > 0) return std::nullopt;
  finished_ = true;
  Event event = this->event();
  event.finish = FinishReason::kEmbedded;
  event.vector = pooler_->vector(models::VectorLength::kAsComputed);
  return event;
}

bool Sequence::reserve(int64_t n) {
  const int64_t block_tokens = blocks_.block_tokens();
  const auto n_blocks = static_cast<size_t>((n_evaluated_ + n + block_tokens - 1) / block_tokens);
  for (size_t group = 0; group < tables_.size(); ++group) {
    while (tables_[group].size() < n_blocks) {
      const auto block = blocks_.allocate(group);
      if (!block) return false;
      tables_[group].push_back(*block);
    }
  }
  return true;
}

int64_t Sequence::blocks_to_come(size_t group) const {
  const int64_t n_at_most = pooler_ ? n_prompt_
                            : request_.max_tokens < 0
                                ? context_tokens_
                                : std::min(context_tokens_, n_prompt_ + request_.max_tokens);
  const int64_t n_soon = static_cast<int64_t>(tokens_.size()) + blocks_.block_tokens();
  const models::KvDemand demand{.context_tokens = std::min(n_soon, n_at_most),
                                .n_sequences = 1,
                                .max_step_tokens = 0,
                                .block_tokens = blocks_.block_tokens()};
  const int64_t held = static_cast<int64_t>(tables_[group].size()) - n_given_back_[group];
  return std::max<int64_t>(0, models::kv_blocks_needed(blocks_.window(group), demand) - held);
}

void Sequence::advance(int64_t n) {
  const int64_t first_open = n_evaluated_ / blocks_.block_tokens();
  n_evaluated_ += n;
  publish_full_blocks(first_open);
  give_back_passed_blocks();
}

void Sequence::publish_full_blocks(int64_t first) {
  const auto block_tokens = static_cast<size_t>(blocks_.block_tokens());
  for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(n_evaluated_) / block_tokens; ++i) {
    std::vector<int32_t> blocks;
    for (const std::vector<int32_t>& table : tables_) blocks.push_back(table[i]);
    const auto tokens = std::span(tokens_).subspan(i * block_tokens, block_tokens);
    const KvBlocks::Place end = blocks_.publish(sharers_, published_end_, blocks, tokens);
    blocks_.leave(std::exchange(published_end_, end));
  }
}

void Sequence::give_back_passed_blocks() {
  for (size_t group = 0; group < tables_.size(); ++group) {
    const int64_t first_visible = blocks_.first_visible_block(group, n_evaluated_);
    for (int64_t& i = n_given_back_[group]; i < first_visible; ++i)
      blocks_.release(group, std::exchange(tables_[group][static_cast<size_t>(i)], tensor::kNoBlock));
  }
}

std::optional<FinishReason> Sequence::reason_to_finish(text::TokenId token) const {
  // After the end that a grammar allows nothing can follow.
  if ((!request_.ignore_end || grammar_) && tokenizer_.ends_generation(token)) return FinishReason::kStop;
  if (request_.max_tokens >= 0 && n_generated() >= request_.max_tokens) return FinishReason::kLength;
  if (static_cast<int64_t>(tokens_.size()) >= context_tokens_) return FinishReason::kContext;
  return std::nullopt;
}

Event Sequence::event() const {
  Event event;
  event.request = id_;
  event.status = status();
  return event;
}

text::TokenId Sequence::sample(std::span<float> logits, std::span<const uint64_t> allowed,
                               std::optional<Logprobs>& logprobs) {
  if (!request_.logprobs) return sampler_.sample(logits, allowed);
  // The sampler works in place.
  const std::vector<float> raw(logits.begin(), logits.end());
  const text::TokenId token = sampler_.sample(logits, allowed);
  const sampling::LogSoftmax softmax(raw);
  logprobs = Logprobs{logprob_of(token, softmax, tokenizer_), {}};
  for (const text::TokenId top : softmax.top(static_cast<size_t>(request_.top_logprobs)))
    logprobs->top.push_back(logprob_of(top, softmax, tokenizer_));
  return token;
}

// Empty: all are.
Result<std::span<const uint64_t>> Sequence::allowed_tokens() {
  if (!grammar_) return std::span<const uint64_t>();
  HEARTH_ASSIGN(const text::grammar::TokenSet* allowed, grammar_->allowed());
  if (allowed->size() > 0) return allowed->words();
  return Error(ErrorCode::kUnsupported,
               "the model's vocabulary has no token with which the answer can go on in its grammar");
}

std::string Sequence::text_of(text::TokenId token) {
  const auto& visible = request_.visible_control_tokens;
  if (std::find(visible.begin(), visible.end(), token) == visible.end()) return detokenizer_.push(token);
  return detokenizer_.finish().append(tokenizer_.token_bytes(token, /*special=*/true));
}

void Sequence::take_next(std::span<float> logits, std::vector<Event>& events) {
  HEARTH_CHECK(!finished_ && n_pending() == 0);
  if (request_.max_tokens == 0) {
    finished_ = true;
    Event nothing = event();
    nothing.finish = FinishReason::kLength;
    return events.push_back(std::move(nothing));
  }
  const auto allowed = allowed_tokens();
  if (!allowed) return events.push_back(fail(allowed.error()));
  std::optional<Logprobs> logprobs;
  const text::TokenId token = sample(logits, *allowed, logprobs);
  if (grammar_) HEARTH_CHECK(grammar_->accept(token));
  events.push_back(take(token, std::move(logprobs)));
  for (const text::TokenId forced : forced_tokens()) {
    if (finished_) return;
    HEARTH_CHECK(grammar_->accept(forced));
    events.push_back(take(forced, std::nullopt));
  }
}

// The model would spell the text that must follow in these tokens. The last of them is left to it: it may be
// the beginning of a longer one, together with what follows freely.
std::vector<text::TokenId> Sequence::forced_tokens() {
  constexpr size_t kMaxForcedBytes = 1024;
  if (!grammar_ || finished_ || request_.logprobs) return {};
  const text::grammar::ForcedText forced = grammar_->forced_text(kMaxForcedBytes);
  if (forced.text.empty()) return {};
  text::EncodeOptions options;
  options.add_special = false;
  std::vector<text::TokenId> tokens = tokenizer_.encode(forced.text, options);
  std::string spelled;
  for (const text::TokenId token : tokens) spelled += tokenizer_.token_bytes(token, /*special=*/false);
  // Tokenizers that put a space in front of every text spell another one.
  if (spelled != forced.text) return {};
  if (!forced.is_whole_answer) tokens.pop_back();
  return tokens;
}

Event Sequence::fail(Error error) {
  finished_ = true;
  Event event = this->event();
  event.finish = FinishReason::kFailed;
  event.failure = std::move(error);
  return event;
}

Event Sequence::take(text::TokenId token, std::optional<Logprobs> logprobs) {
  sampler_.accept(token);
  tokens_.push_back(token);
  Event event = this->event();
  event.token = token;
  event.finish = reason_to_finish(token);

  // The token that ends an answer is no part of it, even where a vocabulary gives it a text.
  if (event.finish != FinishReason::kStop) {
    event.logprobs = std::move(logprobs);
    StopMatcher::Output output = stop_matcher_.push(text_of(token));
    event.text = std::move(output.text);
    event.stop = std::move(output.stop);
    if (output.stopped || (grammar_ && grammar_->must_end())) event.finish = FinishReason::kStop;
    if (output.stopped || !event.finish) {
      finished_ = output.stopped;
      return event;
    }
  }
  finished_ = true;
  StopMatcher::Output rest = stop_matcher_.push(detokenizer_.finish());
  event.text += rest.text;
  event.stop = std::move(rest.stop);
  if (!rest.stopped) event.text += stop_matcher_.finish();
  return event;
}

}  // namespace hearth::engine
