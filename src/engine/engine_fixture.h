// For tests: an engine whose "model" computes nothing, but notices every wrong block.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace hearth::engine::testing {

constexpr int64_t kVocabulary = 64;
constexpr text::TokenId kEnd = 0;

// Token t is the letter 'A' + t % 26; 0 ends generation.
class LetterTokenizer : public text::Tokenizer {
 public:
  std::vector<text::TokenId> encode(std::string_view text, const text::EncodeOptions&) const override {
    std::vector<text::TokenId> tokens;
    for (const char letter : text) tokens.push_back(26 + (letter - 'A'));
    return tokens;
  }
  std::string_view token_bytes(text::TokenId id, bool) const override {
    static constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return kLetters.substr(static_cast<size_t>(id % 26), 1);
  }
  int64_t vocabulary_size() const override { return kVocabulary; }
  std::optional<text::TokenId> bos() const override { return std::nullopt; }
  std::optional<text::TokenId> eos() const override { return kEnd; }
  bool ends_generation(text::TokenId id) const override { return id == kEnd; }
  text::TokenType token_type(text::TokenId) const override { return text::TokenType::kNormal; }
  bool adds_space_prefix() const override { return false; }
};

// A hash of the tokens at positions first .. last.
template <typename TokenAt>
uint64_t hash_of(int64_t first, int64_t last, const TokenAt& token_at) {
  uint64_t hash = 1469598103934665603ULL;
  for (int64_t p = first; p <= last; ++p)
    hash = (hash ^ static_cast<uint64_t>(token_at(p) + 1)) * 1099511628211ULL;
  return hash;
}

// The token that follows, where each "layer" saw what hashed to these.
inline text::TokenId token_after(uint64_t sum_of_hashes) {
  return static_cast<text::TokenId>(1 + (sum_of_hashes >> 20) % (kVocabulary - 1));
}

// A "model" whose next token is a hash of everything before it, or of what a window shows, read back through
// the block tables: a wrong block, a block given back too early, one written by a neighbour or a wrong
// position changes the answer.
class HashRunner : public Runner {
 public:
  HashRunner(int64_t n_blocks, int64_t max_step_tokens)
      : HashRunner(std::vector<models::KvGroup>{{0, n_blocks}}, max_step_tokens) {}
  HashRunner(std::vector<models::KvGroup> groups, int64_t max_step_tokens)
      : max_step_tokens_(max_step_tokens), groups_(std::move(groups)) {
    for (const models::KvGroup& group : groups_)
      slots_.emplace_back(static_cast<size_t>(group.n_blocks * kBlockTokens));
  }

  static constexpr int64_t kBlockTokens = 4;
  int64_t max_step_tokens() const noexcept override { return max_step_tokens_; }
  int64_t max_step_logits() const noexcept override { return 32; }
  std::span<const models::KvGroup> kv_groups() const noexcept override { return groups_; }
  int64_t kv_block_tokens() const noexcept override { return kBlockTokens; }
  int64_t vocabulary_size() const noexcept override { return kVocabulary; }
  int64_t hidden_width() const noexcept override { return kHiddenWidth; }

  // A token's final state: what it saw, and where it stands.
  static constexpr int64_t kHiddenWidth = 2;
  template <typename TokenAt>
  static std::array<float, kHiddenWidth> hidden_state(int64_t position, const TokenAt& token_at) {
    return {static_cast<float>(hash_of(0, position, token_at) % 1024), static_cast<float>(position)};
  }

  Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) override {
    if (fail_next_) {
      fail_next_ = false;
      return make_error(ErrorCode::kUnavailable, "the machine next door is gone");
    }
    logits.clear();
    int64_t n_tokens = 0;
    for (const StepSequence& s : step) {
      const auto n = static_cast<int64_t>(s.tokens.size());
      n_tokens += n;
      most_prompt_tokens = std::max(most_prompt_tokens, n);
      for (size_t group = 0; group < groups_.size(); ++group) {
        for (size_t i = 0; i < s.tokens.size(); ++i)
          slot(s, group, s.start_position + static_cast<int64_t>(i)) = s.tokens[i];
      }
    }
    EXPECT_LE(n_tokens, max_step_tokens_);
    n_evaluated += n_tokens;
    for (const StepSequence& s : step) {
      const int64_t end = s.start_position + static_cast<int64_t>(s.tokens.size());
      for (int64_t last = end - s.n_logits; last < end; ++last) append_logits(s, last, logits);
      for (int64_t last = end - s.n_hidden; last < end; ++last) {
        const auto state = hidden_state(last, [&](int64_t p) { return slot(s, 0, p); });
        s.hidden->insert(s.hidden->end(), state.begin(), state.end());
      }
    }
    return {};
  }

  void fail_next() { fail_next_ = true; }
  int64_t n_evaluated = 0;
  int64_t most_prompt_tokens = 0;  // of one sequence in one step

 private:
  text::TokenId& slot(const StepSequence& s, size_t group, int64_t position) {
    const int64_t block = s.block_tables[group].at(static_cast<size_t>(position / kBlockTokens));
    return slots_[group].at(static_cast<size_t>(block * kBlockTokens + position % kBlockTokens));
  }

  void append_logits(const StepSequence& s, int64_t last, std::vector<float>& logits) {
    uint64_t sum = 0;
    for (size_t group = 0; group < groups_.size(); ++group) {
      const int64_t window = groups_[group].window;
      const int64_t first = window == 0 ? 0 : std::max<int64_t>(0, last + 1 - window);
      sum += hash_of(first, last, [&](int64_t p) { return slot(s, group, p); });
    }
    const size_t row = logits.size();
    logits.resize(row + kVocabulary, 0.0F);
    logits[row + static_cast<size_t>(token_after(sum))] = 5.0F;
  }

  int64_t max_step_tokens_;
  std::vector<models::KvGroup> groups_;
  std::vector<std::vector<text::TokenId>> slots_;  // of each group
  bool fail_next_ = false;
};

struct Fixture {
  explicit Fixture(int64_t max_sequences, int64_t context_tokens = 40, int64_t max_step_tokens = 16)
      : Fixture(EngineOptions{.context_tokens = context_tokens, .max_sequences = max_sequences},
                {{0, max_sequences * ((context_tokens + 3) / 4)}}, max_step_tokens) {}
  Fixture(const EngineOptions& options, std::vector<models::KvGroup> groups, int64_t max_step_tokens) {
    auto made = std::make_unique<HashRunner>(std::move(groups), max_step_tokens);
    runner = made.get();
    auto created = Engine::create(std::move(made), tokenizer, options);
    EXPECT_TRUE(created) << created.error().message();
    engine = std::move(*created);
  }

  // Blocks that requests hold.
  int64_t n_held() const {
    int64_t n = 0;
    for (const Engine::KvUsage& usage : engine->kv_usage()) n += usage.n_held;
    return n;
  }

  struct Answer {
    std::vector<text::TokenId> tokens;
    std::string text;
    FinishReason finish = FinishReason::kCancelled;
    std::vector<float> vector;
  };

  std::map<RequestId, Answer> run() {
    std::map<RequestId, Answer> answers;
    while (engine->has_work()) {
      const auto report = engine->step();
      EXPECT_TRUE(report);
      n_preemptions += report->n_preemptions;
      for (const Event& event : report->events) {
        Answer& answer = answers[event.request];
        if (event.token) answer.tokens.push_back(*event.token);
        answer.text += event.text;
        if (event.finish) answer.finish = *event.finish;
        if (event.vector) answer.vector = **event.vector;
      }
    }
    return answers;
  }

  int64_t n_preemptions = 0;  // in run()
  LetterTokenizer tokenizer;
  HashRunner* runner = nullptr;
  std::unique_ptr<Engine> engine;
};

inline Request greedy(std::vector<text::TokenId> prompt, int64_t max_tokens) {
  Request request;
  request.prompt = std::move(prompt);
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  return request;
}

inline std::vector<text::TokenId> random_prompt(std::mt19937& random, size_t max_length) {
  std::vector<text::TokenId> prompt(1 + random() % max_length);
  for (text::TokenId& token : prompt) token = static_cast<text::TokenId>(1 + random() % 3);
  return prompt;
}

}  // namespace hearth::engine::testing
