// What a caller may ask of the choice of tokens. Options bear the names and the defaults of Ollama's, and
// where Ollama has none, those of llama.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::sampling {

// The stages between logits and draw. Each does nothing where its option is off.
enum class Stage : uint8_t {
  kPenalties,  // repeat, presence and frequency penalty
  kDry,
  kTopNSigma,
  kTopK,
  kTypicalP,
  kTopP,
  kMinP,
  kXtc,
  kTemperature,
};

// The field's usual order. What changes the logits by the text so far comes first, what flattens them last,
// so that the filters see the model's own probabilities.
std::vector<Stage> default_stages();

// "top_k"; llama.cpp's names.
std::string_view stage_name(Stage stage) noexcept;
// "penalties;dry;top_k", separated by ';' or ','. kInvalidArgument for a name that is unknown or stands
// twice.
Result<std::vector<Stage>> parse_stages(std::string_view text);
std::string stages_text(const std::vector<Stage>& stages);

struct LogitBias {
  int32_t token;
  float bias;  // added to its logit; -infinity: never that token

  bool operator==(const LogitBias&) const = default;
};

struct SamplingOptions {
  float temperature = 0.8F;         // 0: greedy
  float dynatemp_range = 0.0F;      // 0: off. Temperature moves by so much with the entropy of what is left
  float dynatemp_exponent = 1.0F;   // of the entropy's share of its maximum
  int32_t top_k = 40;               // 0 or less: off
  float top_p = 0.9F;               // 1: off
  float min_p = 0.0F;               // 0: off
  float typical_p = 1.0F;           // 1: off
  float top_n_sigma = 0.0F;         // 0 or less: off
  float xtc_probability = 0.0F;     // 0: off
  float xtc_threshold = 0.1F;       // more than 0.5: off
  float repeat_penalty = 1.0F;      // 1: off. Source: arXiv:1909.05858 section 4.1
  float presence_penalty = 0.0F;    // 0: off
  float frequency_penalty = 0.0F;   // 0: off
  int32_t repeat_last_n = 64;       // tokens the penalties look back; 0: off, -1: the whole context
  float dry_multiplier = 0.0F;      // 0: off
  float dry_base = 1.75F;           // less than 1: off
  int32_t dry_allowed_length = 2;   // repetitions shorter than this cost nothing
  int32_t dry_penalty_last_n = -1;  // tokens it looks back; 0: off, -1: the whole context
  std::vector<std::string> dry_sequence_breakers{"\n", ":", "\"", "*"};  // no repetition reaches across these
  // 1 or 2: that version of mirostat takes the place of the filters; 0: off. Source: arXiv:2007.14966.
  int32_t mirostat = 0;
  float mirostat_tau = 5.0F;  // the surprise to aim at, in bits
  float mirostat_eta = 0.1F;  // how fast it is approached
  std::vector<LogitBias> logit_bias;
  std::vector<Stage> samplers = default_stages();  // what is not in it is not done
  int64_t seed = -1;                               // -1: a random one
};

// kInvalidArgument naming the option, its range and the value. NaN is never in range.
Result<void> validate(const SamplingOptions& options);
// The same for what only a model can tell: that biased tokens are in its vocabulary.
Result<void> validate_tokens(const SamplingOptions& options, int64_t vocabulary_size);

}  // namespace hearth::sampling
