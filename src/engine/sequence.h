// A request while the engine works on it.
#pragma once

#include <optional>
#include <vector>

#include "engine/kv_blocks.h"
#include "engine/request.h"
#include "engine/stop_matcher.h"
#include "sampling/sampler.h"
#include "tensor/backend.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::engine {

// Invariants:
//  1. tokens() is the prompt followed by what was generated; its first n_evaluated() have their keys and
//     values in the blocks of block_tables(), in order, as far as later positions may see them.
//  2. Blocks are held until no later position sees them, at the latest until the sequence is destroyed or
//     gives all of them back.
//  3. Once finished, it takes no further token.
//  4. What it will generate depends on tokens() and on the state of sampler, detokenizer and stop matcher,
//  not
//     on where keys and values come from: they can be given back and evaluated again at any time. One thing
//     they keep: what another request generated, and this one's prompt repeats, was evaluated in its phase
//     (tensor::Phase), by roundings of its own.
class Sequence {
 public:
  // `request` has been checked. It ends when it has `context_tokens`, which is more than its prompt has,
  // unless its vector is wanted. The blocks and the tokenizer must outlive the sequence.
  Sequence(RequestId id, Request request, int64_t context_tokens, const text::Tokenizer& tokenizer,
           KvBlocks& blocks, int64_t hidden_width = 0);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;
  ~Sequence();

  RequestId id() const noexcept { return id_; }
  const std::string& tenant() const noexcept { return request_.tenant; }
  const models::LoadedAdapter* adapter() const noexcept { return request_.adapter.get(); }
  std::span<const text::TokenId> tokens() const noexcept { return tokens_; }
  int64_t n_evaluated() const noexcept { return n_evaluated_; }
  int64_t n_generated() const noexcept { return static_cast<int64_t>(tokens_.size()) - n_prompt_; }
  int64_t n_pending() const noexcept { return static_cast<int64_t>(tokens_.size()) - n_evaluated_; }
  // What the next of them are evaluated for, and how many of them may stand in one step: a prompt is read,
  // and what was generated is evaluated as it was the first time, also after a preemption.
  tensor::Phase phase() const noexcept {
    return n_evaluated_ < n_prompt_ ? tensor::Phase::kPrefill : tensor::Phase::kDecode;
  }
  int64_t n_next() const noexcept {
    return phase() == tensor::Phase::kPrefill ? n_prompt_ - n_evaluated_ : n_pending();
  }
  // Its next step brings its next token: nothing of the prompt, or of what a preemption took, is left.
  bool is_decoding() const noexcept { return n_generated() > 0 && n_pending() == 1; }
  bool is_finished() const noexcept { return finished_; }
  RequestStatus status() const noexcept;
  const BlockTables& block_tables() const noexcept { return tables_; }

  // Where the runner keeps the sequence's recurrent state, if the model has one.
  int64_t state_slot() const noexcept { return state_slot_; }
  void set_state_slot(int64_t slot) noexcept { state_slot_ = slot; }

  // Whether its prompt's vector is wanted, and no answer.
  bool is_embedded() const noexcept { return pooler_.has_value(); }
  // How many of the next `n` tokens' final states that takes, the last of them.
  int64_t n_hidden(int64_t n) const noexcept;

  // Starts from the longest cached prefix, but leaves at least the last token to evaluate: its logits are
  // wanted; or all whose final states are. Requires that it holds no blocks.
  void start_from_cache();
  // Notes that it has its turn: the prompt's cached tokens are known now. The first time also that it was the
  // n-th to have one.
  void admit(int64_t n) noexcept;
  int64_t seniority() const noexcept { return seniority_; }  // that n
  // Gives everything back; full blocks stay findable. It can start again, from the cache or from nothing.
  void give_back_blocks();
  // Gets blocks for the next `n` tokens; false, and nothing changed that matters, where there are too few.
  bool reserve(int64_t n);
  // The blocks of a group that it will hold beyond those that it holds, when it has evaluated what it has and
  // a block's worth of its answer. Of a group with a window not counted are those that are held only while a
  // step lasts.
  int64_t blocks_to_come(size_t group) const;
  // The next `n` tokens have been evaluated: full blocks become findable, and those that windows have passed
  // are given back.
  void advance(int64_t n);
  // Takes the final states of the tokens last advanced by, [n_hidden, width]; the last of the prompt's end
  // the request with an event.
  std::optional<Event> take_hidden(std::span<const float> rows);
  // Chooses the next token from the logits after the last one, and says what the caller may show. Tokens that
  // must follow it by the grammar come along, each with an event of its own.
  void take_next(std::span<float> logits, std::vector<Event>& events);

 private:
  void publish_full_blocks(int64_t first);
  void give_back_passed_blocks();
  Event event() const;
  text::TokenId sample(std::span<float> logits, std::span<const uint64_t> allowed,
                       std::optional<Logprobs>& logprobs);
  Result<std::span<const uint64_t>> allowed_tokens();
  Event take(text::TokenId token, std::optional<Logprobs> logprobs);
  Event fail(Error error);
  std::vector<text::TokenId> forced_tokens();
  std::string text_of(text::TokenId token);
  std::optional<FinishReason> reason_to_finish(text::TokenId token) const;

  const RequestId id_;
  const Request request_;
  const std::string sharers_;  // among whose requests its prefixes are shared: of one tenant and one adapter
  const int64_t context_tokens_;
  const text::Tokenizer& tokenizer_;
  KvBlocks& blocks_;
  const int64_t hidden_width_;
  const int64_t n_prompt_;
  int64_t n_cached_ = 0;
  int64_t n_evaluated_ = 0;
  int64_t state_slot_ = 0;
  int64_t seniority_ = 0;
  bool admitted_ = false;
  bool finished_ = false;
  std::vector<text::TokenId> tokens_;
  BlockTables tables_;
  std::vector<int64_t> n_given_back_;  // blocks at the start of each group's table
  KvBlocks::Place published_end_ = nullptr;
  sampling::Sampler sampler_;
  text::Detokenizer detokenizer_;
  StopMatcher stop_matcher_;
  std::optional<text::grammar::Matcher> grammar_;
  std::optional<models::Pooler> pooler_;
};

}  // namespace hearth::engine
