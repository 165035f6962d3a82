// From logits to a token: what the text so far speaks against, then the filters, then temperature and a draw.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

#include "sampling/candidates.h"
#include "sampling/dry.h"
#include "sampling/mirostat.h"
#include "sampling/options.h"
#include "sampling/penalties.h"

namespace hearth::sampling {

// Chooses the tokens of one sequence: adds the biases, goes through the stages in their order
// (SamplingOptions::samplers) and draws. With mirostat, the stages that filter are left out, and mirostat
// truncates at the end. At temperature 0 the most probable token is taken, after biases, penalties and DRY.
//
// Not thread-safe. Deterministic for a seed: the same logits and history give the same tokens on every
// machine (std::mt19937_64 and our own draw and logarithms, no std:: distribution).
class Sampler {
 public:
  // `options` have been validated, their biases for the vocabulary too. `token_text` finds sequence breakers;
  // it may be null where DRY is off.
  explicit Sampler(const SamplingOptions& options, TokenText token_text = nullptr);

  // Tells of a token of the prompt or one that was generated: what penalties and DRY look back on.
  void accept(int32_t token);

  // The next token. `logits` is the caller's scratch: it is changed. Must not be empty; NaN counts as
  // -infinity, and where the highest logit is not finite its first token is taken. Ties go to the
  // lower token id. Does not call accept().
  //
  // `allowed`, where it is not empty: only these tokens may come, whatever the options say, even one that a
  // bias bans. Bit i % 64 of word i / 64 is token i's; at least one is set.
  int32_t sample(std::span<float> logits, std::span<const uint64_t> allowed = {});

  uint64_t seed() const noexcept { return seed_; }  // the one drawn, where the option was -1

 private:
  void apply(Stage stage);
  int32_t draw();
  double uniform();

  SamplingOptions options_;
  std::unordered_map<int32_t, float> biases_;
  std::vector<int32_t> banned_;
  uint64_t seed_;
  std::mt19937_64 random_;
  Penalties penalties_;
  Dry dry_;
  std::optional<Mirostat> mirostat_;  // made with the first logits, which tell the vocabulary's size
  Candidates candidates_;
};

}  // namespace hearth::sampling
